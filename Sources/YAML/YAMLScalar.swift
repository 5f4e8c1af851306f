import JSON

/// The core schema of YAML 1.2: which plain scalars are not text.
enum YAMLScalar {
    static func resolve(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf": return .number(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
        case ".nan", ".NaN", ".NAN": return .number(.nan)
        default: break
        }
        guard let first = text.utf8.first, isNumberStart(first) else { return .string(text) }
        if text.hasPrefix("0x") {
            return Int64(text.dropFirst(2), radix: 16).map { .integer($0) } ?? .string(text)
        }
        if text.hasPrefix("0o") {
            return Int64(text.dropFirst(2), radix: 8).map { .integer($0) } ?? .string(text)
        }
        // A number with a leading zero (a date, a zip code, an id) stays text.
        let digits = text.drop { $0 == "-" || $0 == "+" }
        if digits.count > 1, digits.hasPrefix("0"), digits.allSatisfy(\.isNumber) {
            return .string(text)
        }
        if let value = Int64(text) { return .integer(value) }
        guard text.utf8.allSatisfy(isNumberByte), let value = Double(text) else {
            return .string(text)
        }
        return .number(value)
    }

    private static func isNumberStart(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            || byte == UInt8(ascii: ".")
    }

    private static func isNumberByte(_ byte: UInt8) -> Bool {
        isNumberStart(byte) || byte | 0x20 == UInt8(ascii: "e")
    }
}
