import SQL

/// A statement with its values written into it, as bytes: one packet then holds many statements.
///
/// Texts are in quotes, where a backslash, a quote and a NUL are escaped. The session has no NO_BACKSLASH_ESCAPES, and
/// a charset in which no other character has the byte of a backslash or quote in it.
enum Literals {
    /// Appends a statement.
    /// - Parameter statement: its number, for errors.
    /// - Throws: ``ServerError``, `badValue`.
    static func append(_ query: SQLQuery, to bytes: inout [UInt8], statement: Int) throws(ServerError) {
        var values = query.values.makeIterator()
        var scanner = Scanner()
        let text = Array(query.text.utf8)
        for (index, byte) in text.enumerated() {
            guard scanner.isParameter(text, index) else {
                bytes.append(byte)
                continue
            }
            guard let value = values.next() else {
                throw ServerError(.other, "the statement has more parameters than values", statement: statement)
            }
            try append(value, to: &bytes, statement)
        }
        guard values.next() == nil else {
            throw ServerError(.other, "the statement has fewer parameters than values", statement: statement)
        }
    }

    private static func append(_ value: SQLValue, to bytes: inout [UInt8], _ statement: Int) throws(ServerError) {
        switch value {
        case .null: bytes += "NULL".utf8
        case .integer(let number): bytes += String(number).utf8
        case .bool(let value): bytes.append(UInt8(ascii: value ? "1" : "0"))
        case .real(let number):
            guard number.isFinite else {
                throw ServerError(.badValue, "\(number) is no number that MySQL keeps", statement: statement)
            }
            let text = number.description
            bytes += text.utf8
            // Without an exponent it would be a decimal number.
            if !text.utf8.contains(UInt8(ascii: "e")) { bytes += "e0".utf8 }
        case .blob(let blob):
            bytes += "x'".utf8
            bytes.reserveCapacity(bytes.count + 2 * blob.count + 1)
            for byte in blob {
                bytes.append(digit(byte >> 4))
                bytes.append(digit(byte & 15))
            }
            bytes.append(UInt8(ascii: "'"))
        case .text(var text):
            bytes.append(UInt8(ascii: "'"))
            text.withUTF8 { source in
                for byte in source {
                    switch byte {
                    case 0: bytes += "\\0".utf8
                    case UInt8(ascii: "'"), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
                    default: bytes.append(byte)
                    }
                }
            }
            bytes.append(UInt8(ascii: "'"))
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
