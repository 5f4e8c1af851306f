import SQL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The values of a statement as libpq takes them. One is used for statement after statement, and keeps its memory.
struct ParameterList {
    /// More than that fit into no message.
    static let most = 65_535

    /// The types, by ``TypeID``.
    private(set) var types: [UInt32] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    /// Where each value begins in ``bytes``; `nil` for NULL.
    private var offsets: [Int?] = []
    private var bytes: [UInt8] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    /// How many bytes the values have together, about.
    var size: Int { bytes.count + 8 * types.count }

    /// Whether a value is a text that C would take for a shorter one; PostgreSQL has no NUL in texts.
    static func hasNUL(_ value: SQLValue) -> Bool {
        guard case .text(var text) = value else { return false }
        return text.withUTF8 { buffer in buffer.baseAddress.map { memchr($0, 0, buffer.count) != nil } ?? false }
    }

    /// Replaces the values.
    mutating func fill(_ values: [SQLValue]) {
        types.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        // One large value would stay for as long as the list.
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
        for value in values { append(value) }
    }

    private mutating func append(_ value: SQLValue) {
        switch value {
        case .null: end(TypeID.unknown, from: nil)
        case .integer(let value): append(String(value), TypeID.int8)
        case .real(let value): append(Self.text(value), TypeID.float8)
        case .text(let value): append(value, TypeID.text)
        case .bool(let value): append(value ? "t" : "f", TypeID.bool)
        case .blob(let value):
            let start = bytes.count
            bytes.append(contentsOf: value)
            end(TypeID.bytes, from: start, isBinary: true)
        }
    }

    private mutating func append(_ text: String, _ type: UInt32) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        end(type, from: start)
    }

    private mutating func end(_ type: UInt32, from start: Int?, isBinary: Bool = false) {
        types.append(type)
        offsets.append(start)
        lengths.append(start.map { Int32(clamping: bytes.count - $0) } ?? 0)
        formats.append(isBinary ? 1 : 0)
        bytes.append(0)
    }

    /// The shortest text that is this number and no other, as Swift and PostgreSQL both write and read it.
    private static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return value.description
    }

    /// Calls `body` with how many values there are, and their types, addresses, lengths and formats.
    mutating func withPointers<Result>(
        _ body: (Int32, UnsafePointer<UInt32>?, LibPQ.Texts?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        let offsets = offsets
        pointers.removeAll(keepingCapacity: true)
        return bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            for offset in offsets { pointers.append(offset.flatMap { base?.advanced(by: $0) }) }
            return pointers.withUnsafeBufferPointer { values in
                types.withUnsafeBufferPointer { types in
                    lengths.withUnsafeBufferPointer { lengths in
                        formats.withUnsafeBufferPointer { formats in
                            body(
                                Int32(offsets.count), types.baseAddress, values.baseAddress, lengths.baseAddress,
                                formats.baseAddress)
                        }
                    }
                }
            }
        }
    }
}
