/// A row that a database server sent, as text; valid while it is being read.
public struct ServerRow {
    /// A column's bytes; `nil` where it is NULL.
    @usableFromInline let cell: (Int) -> UnsafeRawBufferPointer?
    /// Whether bytes of blobs come as hexadecimal digits after `\x`, as PostgreSQL writes them.
    @usableFromInline let hasHexBlobs: Bool
    /// How many bytes all columns have together.
    public let size: Int

    /// - Parameter cell: the bytes of a column, counted from 0.
    public init(hasHexBlobs: Bool, size: Int = 0, cell: @escaping (Int) -> UnsafeRawBufferPointer?) {
        (self.hasHexBlobs, self.size, self.cell) = (hasHexBlobs, size, cell)
    }

    /// Whether a column is NULL.
    public func isNull(_ column: Int) -> Bool { cell(column) == nil }

    /// A column as an integer, truth values as 0 and 1; 0 where it is NULL.
    public func integer(_ column: Int) -> Int64 {
        guard let bytes = cell(column), let first = bytes.first else { return 0 }
        // PostgreSQL's `t` and `f`.
        if bytes.count == 1, first == UInt8(ascii: "t") { return 1 }
        var value: Int64 = 0
        let isNegative = first == UInt8(ascii: "-")
        for byte in isNegative ? bytes.dropFirst() : bytes[...] {
            // A sum of MySQL's may have a fraction of zeros.
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            // Below zero all along, where one number more fits.
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (difference, isTooSmall) = product.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            if isTooLarge || isTooSmall { return isNegative ? .min : .max }
            value = difference
        }
        return isNegative ? value : value == .min ? .max : -value
    }

    /// A column as a floating-point number; 0 where it is NULL.
    public func double(_ column: Int) -> Double {
        guard let bytes = cell(column) else { return 0 }
        return switch String(decoding: bytes, as: UTF8.self) {
        case "Infinity": .infinity
        case "-Infinity": -.infinity
        case "NaN": .nan
        case let text: Double(text) ?? 0
        }
    }

    /// A column as text; empty where it is NULL.
    public func text(_ column: Int) -> String { optionalText(column) ?? "" }

    /// A column as text.
    public func optionalText(_ column: Int) -> String? {
        cell(column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A column as bytes; empty where it is NULL.
    public func blob(_ column: Int) -> [UInt8] {
        guard let bytes = cell(column) else { return [] }
        guard hasHexBlobs, bytes.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "x")]) else { return Array(bytes) }
        func digit(_ byte: UInt8) -> UInt8 {
            byte <= UInt8(ascii: "9") ? byte &- UInt8(ascii: "0") : (byte | 0x20) &- UInt8(ascii: "a") &+ 10
        }
        return stride(from: 2, to: bytes.count - 1, by: 2).map { digit(bytes[$0]) << 4 | digit(bytes[$0 + 1]) }
    }
}
