extension JSONParser {
    /// The name of a member and what is wanted of its value; `nil` for a member that is passed over.
    mutating func memberName(
        _ projection: JSONProjection
    ) throws(JSONError) -> (key: String, wanted: JSONProjection)? {
        if projection.isEverythingOfObjects { return (try string(), .everything) }
        let start = index
        let hasEscapes = try skipString()
        guard hasEscapes else { return projection.member(UnsafeBufferPointer(rebasing: bytes[start + 1..<index - 1])) }
        index = start
        var key = try string()
        return key.withUTF8 { projection.member($0) }
    }

    /// Passes over a value. Within it only brackets and quotes are looked at.
    mutating func skipValue() throws(JSONError) {
        guard index < bytes.count else { throw unexpected("a value") }
        switch bytes[index] {
        case UInt8(ascii: "\""): _ = try skipString()
        case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
        default: _ = try value()
        }
    }

    private mutating func skipNested() throws(JSONError) {
        let open = index
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                _ = try skipString()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 {
                    index += 1
                    return
                }
            default: break
            }
            index += 1
        }
        throw error("an object or list that is never closed", at: open)
    }

    /// Passes over text.
    /// - Returns: whether it has escapes.
    mutating func skipString() throws(JSONError) -> Bool {
        let open = index
        index += 1
        var hasEscapes = false
        while index < bytes.count {
            skipPlainText()
            guard index < bytes.count else { break }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index += 2
            default: index += 1
            }
        }
        index = bytes.count
        throw error("text that is never closed", at: open)
    }

    /// Goes on to the next quote, backslash or control character, eight bytes at a time.
    mutating func skipPlainText() {
        guard let base = bytes.baseAddress else { return }
        while index + 8 <= bytes.count {
            let word = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self).littleEndian
            let found =
                Self.zeroBytes(word ^ 0x2222_2222_2222_2222) | Self.zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
                | (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
            if found != 0 {
                // Only the lowest mark is sure to be one.
                index += found.trailingZeroBitCount >> 3
                return
            }
            index += 8
        }
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20: return
            default: index += 1
            }
        }
    }

    /// The highest bit of each byte that is zero, exact up to the first such byte.
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }
}
