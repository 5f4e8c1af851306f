extension JSONValue {
    /// The deepest nesting that is read; deeper text is refused rather than overflow the stack.
    public static let maximumDepth = 256

    /// Reads one JSON value that fills the text.
    ///
    /// Of members with the same name the last counts, as in Kubernetes' own decoder.
    /// - Throws: ``JSONError`` with the line and column of the first mistake.
    public init(parsing text: String) throws(JSONError) {
        var text = text
        let result = text.withUTF8 { JSONValue.parse($0) }
        self = try result.get()
    }

    /// Reads one JSON value that fills the bytes.
    /// - Parameters:
    ///   - projection: what is wanted of it. What is passed over is only looked at as far as is needed to find its
    ///     end.
    ///   - maximumValues: how many values it may have: one of two bytes takes dozens in memory.
    /// - Throws: ``JSONError`` with the line and column of the first mistake.
    public init(
        parsing bytes: some Sequence<UInt8>, only projection: JSONProjection = .everything,
        maximumValues: Int = .max
    ) throws(JSONError) {
        let result =
            bytes.withContiguousStorageIfAvailable { JSONValue.parse($0, projection, maximumValues) }
            ?? Array(bytes).withUnsafeBufferPointer { JSONValue.parse($0, projection, maximumValues) }
        self = try result.get()
    }

    private static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, _ projection: JSONProjection = .everything,
        _ maximumValues: Int = .max
    ) -> Result<JSONValue, JSONError> {
        var parser = JSONParser(bytes: bytes)
        parser.values = maximumValues
        do throws(JSONError) {
            return .success(try parser.document(projection))
        } catch {
            return .failure(error)
        }
    }
}

/// A recursive-descent parser over bytes that outlive it.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0
    private var depth = 0
    /// How many values may still come.
    fileprivate var values = Int.max

    init(bytes: UnsafeBufferPointer<UInt8>, from index: Int = 0) {
        self.bytes = bytes
        self.index = index
    }

    mutating func document(_ projection: JSONProjection) throws(JSONError) -> JSONValue {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        skipWhitespace()
        let value = try value(projection)
        skipWhitespace()
        guard index == bytes.count else { throw error("text after the end of the value") }
        return value
    }

    func error(_ reason: String, at position: Int? = nil) -> JSONError {
        let end = min(position ?? index, bytes.count)
        var line = 1
        var start = 0
        for i in 0..<end where bytes[i] == UInt8(ascii: "\n") {
            line += 1
            start = i + 1
        }
        return JSONError(reason: reason, line: line, column: end - start + 1)
    }

    private func errorWithinValue(_ reason: String, at position: Int? = nil) -> JSONError {
        var error = error(reason, at: position)
        error.isWithinValue = true
        return error
    }

    func unexpected(_ wanted: String) -> JSONError {
        guard index < bytes.count else { return error("the text ends where \(wanted) should be") }
        let byte = bytes[index]
        let shown =
            byte >= 0x20 && byte < 0x7F
            ? "“\(String(UnicodeScalar(byte)))”" : "byte 0x" + String(byte, radix: 16)
        return error("\(shown) where \(wanted) should be")
    }

    mutating func skipWhitespace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    mutating func value(_ projection: JSONProjection = .everything) throws(JSONError) -> JSONValue {
        guard index < bytes.count else { throw unexpected("a value") }
        values -= 1
        if values < 0 { throw error("too many values") }
        switch bytes[index] {
        case UInt8(ascii: "{"): return try object(projection)
        case UInt8(ascii: "["): return try array(projection)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw unexpected("a value")
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = text.utf8CodeUnitCount
        for offset in 0..<length {
            guard index + offset < bytes.count else {
                let start = index
                index = bytes.count
                throw error("the text ends within a value", at: start)
            }
            if bytes[index + offset] != text.utf8Start[offset] { throw unexpected("a value") }
        }
        index += length
        return value
    }

    private mutating func enter() throws(JSONError) {
        guard depth < JSONValue.maximumDepth else {
            throw errorWithinValue("nested deeper than \(JSONValue.maximumDepth) levels")
        }
        depth += 1
    }

    private mutating func object(_ projection: JSONProjection) throws(JSONError) -> JSONValue {
        try enter()
        defer { depth -= 1 }
        index += 1
        var members: [JSONObject.Member] = []
        skipWhitespace()
        if index < bytes.count, bytes[index] == UInt8(ascii: "}") {
            index += 1
            return .object(JSONObject())
        }
        while true {
            skipWhitespace()
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                throw unexpected("a member's name")
            }
            let member = try memberName(projection)
            skipWhitespace()
            guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else {
                throw unexpected("“:”")
            }
            index += 1
            skipWhitespace()
            if let member {
                members.append(JSONObject.Member(key: member.key, value: try value(member.wanted)))
            } else {
                try skipValue()
            }
            skipWhitespace()
            guard index < bytes.count else { throw unexpected("“,” or “}”") }
            if bytes[index] == UInt8(ascii: "}") {
                index += 1
                return .object(JSONObject(unique: Self.deduplicated(members)))
            }
            guard bytes[index] == UInt8(ascii: ",") else { throw unexpected("“,” or “}”") }
            index += 1
        }
    }

    /// The members with only the last of each name, in the order of first appearance.
    static func deduplicated(_ members: [JSONObject.Member]) -> [JSONObject.Member] {
        if members.count <= 8, !hasRepeated(members) { return members }
        var seen: [String: Int] = [:]
        seen.reserveCapacity(members.count)
        var result: [JSONObject.Member] = []
        result.reserveCapacity(members.count)
        for member in members {
            if let index = seen[member.key] {
                result[index].value = member.value
            } else {
                seen[member.key] = result.count
                result.append(member)
            }
        }
        return result
    }

    private static func hasRepeated(_ members: [JSONObject.Member]) -> Bool {
        for i in members.indices.dropFirst() {
            for j in 0..<i where members[j].key == members[i].key { return true }
        }
        return false
    }

    private mutating func array(_ projection: JSONProjection) throws(JSONError) -> JSONValue {
        try enter()
        defer { depth -= 1 }
        index += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if index < bytes.count, bytes[index] == UInt8(ascii: "]") {
            index += 1
            return .array([])
        }
        while true {
            skipWhitespace()
            elements.append(try value(projection.element))
            skipWhitespace()
            guard index < bytes.count else { throw unexpected("“,” or “]”") }
            if bytes[index] == UInt8(ascii: "]") {
                index += 1
                return .array(elements)
            }
            guard bytes[index] == UInt8(ascii: ",") else { throw unexpected("“,” or “]”") }
            index += 1
        }
    }

    private mutating func digits() -> Bool {
        let start = index
        while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 { index += 1 }
        return index > start
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = index
        var isInteger = true
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        let first = index
        guard digits() else { throw unexpected("a digit") }
        if bytes[first] == UInt8(ascii: "0"), index - first > 1 {
            throw error("a number with a leading zero", at: first)
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            guard digits() else { throw unexpected("a digit") }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            index += 1
            if index < bytes.count,
                bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-")
            {
                index += 1
            }
            guard digits() else { throw unexpected("a digit") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw errorWithinValue("a number that is out of range: \(text.prefix(40))", at: start)
        }
        return .number(value)
    }

    mutating func string() throws(JSONError) -> String {
        let open = index
        index += 1
        let start = index
        skipPlainText()
        guard index < bytes.count else { throw error("text that is never closed", at: open) }
        switch bytes[index] {
        case UInt8(ascii: "\""):
            let slice = UnsafeBufferPointer(rebasing: bytes[start..<index])
            guard let text = String(validating: slice, as: UTF8.self) else {
                throw error("text that is not valid UTF-8", at: open)
            }
            index += 1
            return text
        case UInt8(ascii: "\\"): return try escapedString(open: open, start: start)
        default: throw error("a control character inside text")
        }
    }

    private mutating func escapedString(open: Int, start: Int) throws(JSONError) -> String {
        var buffer = Array(bytes[start..<index])
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                guard let text = String(validating: buffer, as: UTF8.self) else {
                    throw error("text that is not valid UTF-8", at: open)
                }
                return text
            case UInt8(ascii: "\\"):
                index += 1
                guard index < bytes.count else { throw error("text that is never closed", at: open) }
                let escape = bytes[index]
                index += 1
                switch escape {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(escape)
                case UInt8(ascii: "b"): buffer.append(0x08)
                case UInt8(ascii: "f"): buffer.append(0x0C)
                case UInt8(ascii: "n"): buffer.append(0x0A)
                case UInt8(ascii: "r"): buffer.append(0x0D)
                case UInt8(ascii: "t"): buffer.append(0x09)
                case UInt8(ascii: "u"): buffer.append(contentsOf: String(try unicodeEscape()).utf8)
                default: throw error("an unknown escape in text", at: index - 2)
                }
            case 0..<0x20: throw error("a control character inside text")
            default:
                let start = index
                skipPlainText()
                buffer.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
            }
        }
        throw error("text that is never closed", at: open)
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard index + 4 <= bytes.count else {
            index = bytes.count
            throw error("an unfinished \\u escape")
        }
        var result: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue else {
                throw unexpected("a hexadecimal digit")
            }
            result = result << 4 | UInt32(digit)
            index += 1
        }
        return result
    }

    /// The scalar after `\u`; an unpaired surrogate reads as U+FFFD, as in Go's decoder.
    private mutating func unicodeEscape() throws(JSONError) -> Character {
        let high = try hexadecimal()
        if let scalar = UnicodeScalar(high) { return Character(scalar) }
        if high < 0xDC00, index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        {
            let back = index
            index += 2
            let low = try hexadecimal()
            if (0xDC00..<0xE000).contains(low),
                let scalar = UnicodeScalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
            {
                return Character(scalar)
            }
            index = back
        }
        return "\u{FFFD}"
    }
}
