/// A statement as PostgreSQL takes it: each `?` outside of quotes is `$1`, `$2` and so on.
struct NumberedText {
    /// With numbered parameters.
    let sql: String
    /// How many parameters there are.
    let count: Int
    /// Whether it holds a NUL, where C would end it.
    let hasNUL: Bool

    /// Numbers the parameters of a text.
    init(_ text: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 16)
        var count = 0
        var hasNUL = false
        // A quote that is doubled within quotes ends them and begins them anew.
        var quote: UInt8?
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                if quote == nil { quote = byte } else if quote == byte { quote = nil }
            case UInt8(ascii: "?") where quote == nil:
                count += 1
                bytes.append(UInt8(ascii: "$"))
                bytes.append(contentsOf: String(count).utf8)
                continue
            case 0: hasNUL = true
            default: break
            }
            bytes.append(byte)
        }
        sql = String(decoding: bytes, as: UTF8.self)
        (self.count, self.hasNUL) = (count, hasNUL)
    }
}
