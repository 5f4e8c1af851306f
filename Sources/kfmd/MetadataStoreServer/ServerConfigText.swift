/// A message of the text format of Protocol Buffers
/// (https://protobuf.dev/reference/protobuf/textformat-spec/), just wide enough for configuration: each field at most
/// once, no lists, extensions or floating-point numbers.
struct ServerConfigMessage: CustomStringConvertible {
    /// What a field holds.
    indirect enum Kind: Sendable {
        /// In quotes.
        case text
        /// A whole number of 64 bits.
        case integer
        /// True or false.
        case boolean
        /// Names and their numbers.
        case names([String: Int64])
        /// In braces.
        case message(Shape)
    }

    /// The fields of a message.
    struct Shape: Sendable {
        /// In the order in which an error lists them.
        var fields: [(name: String, kind: Kind)]
        /// Of these fields a message has one at most.
        var alternatives: Set<String> = []
    }

    private enum Value {
        case text(String)
        case integer(Int64)
        case boolean(Bool)
        case message(ServerConfigMessage)
    }

    private var values: [String: Value] = [:]

    /// The longest text, in bytes. Shapes bound the depth: none of them contains itself.
    static let maximumSize = 1 << 20

    /// - Throws: ``Failure`` that names line, column (in bytes, from 1) and field; no text of a field is shown.
    init(_ text: String, shape: Shape, path: String) throws {
        guard text.utf8.count <= Self.maximumSize else {
            throw Failure.usage("\(path): has \(text.utf8.count) bytes; \(Self.maximumSize) are taken")
        }
        var reader = Reader(bytes: Array(text.utf8), path: path)
        self = try reader.message(shape, end: nil)
    }

    private init() {}

    /// The names of the fields that are set, without values.
    var description: String { values.keys.sorted().joined(separator: " ") }

    /// The text of a field; empty where it is not set.
    func text(_ name: String) -> String {
        if case .text(let text)? = values[name] { text } else { "" }
    }

    /// The number of a field; `nil` where it is not set.
    func integer(_ name: String) -> Int64? {
        if case .integer(let number)? = values[name] { number } else { nil }
    }

    /// The yes or no of a field; no where it is not set.
    func boolean(_ name: String) -> Bool {
        if case .boolean(let flag)? = values[name] { flag } else { false }
    }

    /// The message of a field; `nil` where it is not set.
    func message(_ name: String) -> ServerConfigMessage? {
        if case .message(let message)? = values[name] { message } else { nil }
    }
}

extension ServerConfigMessage {
    private struct Reader {
        let bytes: [UInt8]
        let path: String
        var position = 0
        /// Names of the messages that are open.
        private var open: [String] = []

        init(bytes: [UInt8], path: String) {
            self.bytes = bytes
            self.path = path
        }

        /// - Parameter end: what closes it; `nil`: the end of the text.
        mutating func message(_ shape: Shape, end: UInt8?) throws -> ServerConfigMessage {
            var message = ServerConfigMessage()
            while true {
                skipBlanks()
                guard let byte = next else {
                    if let end { throw failure("\(Self.shown(end)) is missing at the end") }
                    return message
                }
                if byte == end {
                    position += 1
                    return message
                }
                let start = position
                let name = try identifier()
                guard let kind = shape.fields.first(where: { $0.name == name })?.kind else {
                    // It is not shown: after an unescaped quote it is part of a password.
                    let known = shape.fields.map(\.name).joined(separator: ", ")
                    throw failure(
                        known.isEmpty ? "should be empty" : "there is no such field here; known: \(known)", at: start)
                }
                guard message.values[name] == nil else { throw failure("is set twice", of: name, at: start) }
                if shape.alternatives.contains(name),
                    let other = shape.fields.first(where: {
                        shape.alternatives.contains($0.name) && message.values[$0.name] != nil
                    })
                {
                    throw failure("cannot be set beside \(other.name)", of: name, at: start)
                }
                open.append(name)
                message.values[name] = try value(kind)
                open.removeLast()
                skipBlanks()
                if next == UInt8(ascii: ",") || next == UInt8(ascii: ";") { position += 1 }
            }
        }

        private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func skipBlanks() {
            while let byte = next {
                switch byte {
                case 0x20, 0x09...0x0D: position += 1
                case UInt8(ascii: "#"): while let byte = next, byte != 0x0A { position += 1 }
                default: return
                }
            }
        }

        private mutating func value(_ kind: Kind) throws -> Value {
            skipBlanks()
            let hasColon = next == UInt8(ascii: ":")
            if hasColon {
                position += 1
                skipBlanks()
            }
            if case .message(let shape) = kind {
                let end: UInt8
                switch next {
                case UInt8(ascii: "{"): end = UInt8(ascii: "}")
                case UInt8(ascii: "<"): end = UInt8(ascii: ">")
                default: throw failure("should be a message, { ... }")
                }
                position += 1
                return .message(try message(shape, end: end))
            }
            guard hasColon else { throw failure("a colon should follow the name") }
            switch kind {
            case .text: return .text(try string())
            case .integer: return .integer(try integer())
            case .boolean: return .boolean(try boolean())
            case .names(let names): return .integer(try named(names))
            case .message: throw failure("should be a message, { ... }")
            }
        }

        private mutating func word() -> String {
            let start = position
            while let byte = next, byte.isWordByte { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }

        private mutating func identifier() throws -> String {
            let start = position
            let name = word()
            guard let first = name.utf8.first, !(0x30...0x39).contains(first) else {
                throw failure("a field's name should stand here", at: start)
            }
            return name
        }

        private mutating func boolean() throws -> Bool {
            let start = position
            switch word() {
            case "true", "True", "t", "1": return true
            case "false", "False", "f", "0": return false
            default: throw failure("should be true or false", at: start)
            }
        }

        private mutating func named(_ names: [String: Int64]) throws -> Int64 {
            let start = position
            if let number = names[word()] { return number }
            position = start
            if let number = try? integer(), names.values.contains(number) { return number }
            let known = names.keys.sorted().joined(separator: ", ")
            throw failure("should be one of \(known)", at: start)
        }

        /// Decimal, octal after 0, hexadecimal after 0x.
        private mutating func integer() throws -> Int64 {
            let start = position
            let isNegative = next == UInt8(ascii: "-")
            if isNegative {
                position += 1
                skipBlanks()
            }
            let digits = word()
            let (text, radix): (Substring, Int) =
                if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
                    (digits.dropFirst(2), 16)
                } else if digits.hasPrefix("0") && digits.utf8.count > 1 {
                    (digits.dropFirst(), 8)
                } else {
                    (digits[...], 10)
                }
            guard let number = Int64((isNegative ? "-" : "") + text, radix: radix), next != UInt8(ascii: ".") else {
                throw failure("should be a whole number of 64 bits", at: start)
            }
            return number
        }

        /// One or more strings in quotes: together they are one.
        private mutating func string() throws -> String {
            let start = position
            var content: [UInt8] = []
            var count = 0
            while let quote = next, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                position += 1
                count += 1
                try quoted(quote, into: &content)
                skipBlanks()
            }
            guard count > 0 else { throw failure("should be a text in quotes", at: start) }
            guard !content.contains(0) else { throw failure("has a NUL character", at: start) }
            guard let text = String(validating: content, as: UTF8.self) else {
                throw failure("is not UTF-8", at: start)
            }
            return text
        }

        private mutating func quoted(_ quote: UInt8, into content: inout [UInt8]) throws {
            let start = position - 1
            while let byte = next, byte != 0x0A {
                position += 1
                if byte == quote { return }
                if byte == UInt8(ascii: "\\") {
                    try escape(into: &content)
                } else {
                    content.append(byte)
                }
            }
            throw failure("the text that begins here has no closing \(Self.shown(quote)) on its line", at: start)
        }

        private mutating func escape(into content: inout [UInt8]) throws {
            let start = position - 1
            guard let byte = next else { return }
            position += 1
            switch byte {
            case UInt8(ascii: "n"): content.append(0x0A)
            case UInt8(ascii: "r"): content.append(0x0D)
            case UInt8(ascii: "t"): content.append(0x09)
            case UInt8(ascii: "a"): content.append(0x07)
            case UInt8(ascii: "b"): content.append(0x08)
            case UInt8(ascii: "v"): content.append(0x0B)
            case UInt8(ascii: "f"): content.append(0x0C)
            case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "?"): content.append(byte)
            case 0x30...0x37:
                position -= 1
                content.append(try byteValue(digits(atMost: 3, radix: 8), at: start))
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                content.append(try byteValue(digits(atMost: 2, radix: 16), at: start))
            case UInt8(ascii: "u"): try scalar(digits: 4, at: start, into: &content)
            case UInt8(ascii: "U"): try scalar(digits: 8, at: start, into: &content)
            default: throw failure("there is no such escape; a backslash itself is written twice", at: start)
            }
        }

        private mutating func digits(atMost count: Int, radix: Int) -> Substring {
            let start = position
            while position - start < count, let byte = next, byte < 0x80,
                Character(Unicode.Scalar(byte)).hexDigitValue.map({ $0 < radix }) == true
            {
                position += 1
            }
            return String(decoding: bytes[start..<position], as: UTF8.self)[...]
        }

        private func byteValue(_ digits: Substring, at start: Int) throws -> UInt8 {
            let radix = bytes[start + 1] | 0x20 == UInt8(ascii: "x") ? 16 : 8
            guard let value = UInt8(digits, radix: radix) else { throw failure("the escape is no byte", at: start) }
            return value
        }

        private mutating func scalar(digits count: Int, at start: Int, into content: inout [UInt8]) throws {
            let text = digits(atMost: count, radix: 16)
            guard text.utf8.count == count, let scalar = UInt32(text, radix: 16).flatMap(Unicode.Scalar.init) else {
                throw failure("the escape is no character of Unicode", at: start)
            }
            content.append(contentsOf: Array(String(scalar).utf8))
        }

        private static func shown(_ byte: UInt8) -> String { String(Unicode.Scalar(byte)) }

        /// - Parameters:
        ///   - name: of a field that is not open yet.
        ///   - place: where; `nil`: here.
        private func failure(_ text: String, of name: String? = nil, at place: Int? = nil) -> Failure {
            let before = bytes[..<(place ?? position)]
            let line = before.count { $0 == 0x0A } + 1
            let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
            let field = (open + (name.map { [$0] } ?? [])).joined(separator: ".")
            return Failure.usage(
                "\(path), line \(line), column \(column): " + (field.isEmpty ? "" : "\(field): ") + text)
        }
    }
}

extension UInt8 {
    /// A letter, digit or underscore.
    fileprivate var isWordByte: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        default: false
        }
    }
}
