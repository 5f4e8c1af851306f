import FoundationEssentials

/// Labels and annotations as a volume of the downward API has them (Kubernetes 1.2 and later): a line each, `key="value"`,
/// the value quoted as Go does (strconv.Quote).
enum DownwardFiles {
    /// All labels or annotations of an object are smaller.
    private static let longest = 1 << 20

    /// - Returns: empty where there is no such file.
    static func read(_ path: String) -> [String: String] {
        // The kubelet makes the names in the volume links to the newest content.
        parse(SystemFile.resolved(path).map { SystemFile.text(of: $0, upTo: longest) } ?? "")
    }

    static func parse(_ text: String) -> [String: String] {
        var result: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let quoted = line[line.index(after: equals)...]
            guard quoted.utf8.count >= 2, quoted.utf8.first == UInt8(ascii: "\""),
                quoted.utf8.last == UInt8(ascii: "\"")
            else { continue }
            result[String(line[..<equals])] = unquoted(quoted.utf8.dropFirst().dropLast())
        }
        return result
    }

    private static func unquoted(_ text: Substring.UTF8View.SubSequence) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        func number(_ count: Int, _ radix: Int) -> UInt32? {
            let digits = String(decoding: rest.prefix(count), as: UTF8.self)
            guard digits.utf8.count == count, let value = UInt32(digits, radix: radix) else { return nil }
            rest = rest.dropFirst(count)
            return value
        }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let sign = rest.first else {
                bytes.append(byte)
                continue
            }
            rest = rest.dropFirst()
            switch sign {
            case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "r"): bytes.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "a"): bytes.append(7)
            case UInt8(ascii: "b"): bytes.append(8)
            case UInt8(ascii: "f"): bytes.append(12)
            case UInt8(ascii: "v"): bytes.append(11)
            case UInt8(ascii: "x"): bytes.append(UInt8(truncatingIfNeeded: number(2, 16) ?? 0x3F))
            case UInt8(ascii: "u"), UInt8(ascii: "U"):
                let scalar = number(sign == UInt8(ascii: "u") ? 4 : 8, 16).flatMap { Unicode.Scalar($0) }
                bytes += Array(String(Character(scalar ?? "\u{FFFD}")).utf8)
            default: bytes.append(sign)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
