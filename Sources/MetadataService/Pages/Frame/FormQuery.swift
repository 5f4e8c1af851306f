/// What a page's address says after its question mark, as forms write it.
struct FormQuery {
    private var items: [(name: String, value: String)] = []

    /// - Parameter text: without its question mark; what is no form is read as far as it goes.
    init(_ text: String?) {
        for item in (text ?? "").prefix(Self.longest).split(separator: "&").prefix(Self.most) {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            items.append((Self.decode(parts[0]), parts.count > 1 ? Self.decode(parts[1]) : ""))
        }
    }

    /// In characters, and in items.
    private static let longest = 20_000
    private static let most = 50

    /// The value under a name; `nil` where there is none, or it is empty.
    subscript(_ name: String) -> String? { items.first { $0.name == name && !$0.value.isEmpty }?.value }

    /// All values under a name, those of commas apart.
    func all(_ name: String) -> [String] {
        items.filter { $0.name == name }.flatMap { $0.value.split(separator: ",").map(String.init) }
    }

    /// The address of a page with these items, some of them changed; `nil` leaves one out.
    func address(_ path: String, changing changes: [(String, String?)] = []) -> String {
        let changed = Set(changes.map(\.0))
        var all = items.filter { !$0.value.isEmpty && !changed.contains($0.name) }
        for case let (name, value?) in changes where !value.isEmpty { all.append((name, value)) }
        guard !all.isEmpty else { return path }
        return path + "?" + all.map { "\(Self.encode($0.name))=\(Self.encode($0.value))" }.joined(separator: "&")
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = Int(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), value >= 0
            {
                bytes.append(UInt8(truncatingIfNeeded: value))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }
}
