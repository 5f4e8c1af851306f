import SQL

/// PostgreSQL's arrays as text, which a parameter of any length is cast from.
enum PostgreSQLArray {
    /// The element type of a list, by its first value.
    static func type(of values: [SQLValue]) -> String {
        for value in values {
            switch value {
            case .null: continue
            case .integer: return "BIGINT"
            case .real: return "DOUBLE PRECISION"
            case .text: return "TEXT"
            case .blob: return "BYTEA"
            case .bool: return "BOOLEAN"
            }
        }
        return "TEXT"
    }

    /// `{1,2,"three"}`.
    static func literal(_ values: some Sequence<SQLValue>) -> SQLValue {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for value in values {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            append(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return .text(String(decoding: bytes, as: UTF8.self))
    }

    private static func append(_ value: SQLValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes += "NULL".utf8
        case .integer(let value): bytes += String(value).utf8
        case .real(let value):
            bytes += (value.isNaN ? "NaN" : value.isInfinite ? value < 0 ? "-Infinity" : "Infinity" : "\(value)").utf8
        case .bool(let value): bytes.append(UInt8(ascii: value ? "t" : "f"))
        case .blob(let value):
            bytes += "\"\\\\x".utf8
            for byte in value { bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
            bytes.append(UInt8(ascii: "\""))
        case .text(var text):
            bytes.append(UInt8(ascii: "\""))
            text.withUTF8 { source in
                for byte in source {
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                    bytes.append(byte)
                }
            }
            bytes.append(UInt8(ascii: "\""))
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
