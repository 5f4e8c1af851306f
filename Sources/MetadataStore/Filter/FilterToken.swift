import MetadataAPI

/// The words of a filter query, the boolean expressions of ZetaSQL that MLMD takes.
enum FilterToken: Equatable {
    case identifier(String)
    /// A name in backquotes: never a keyword.
    case quoted(String)
    case string(String)
    case integer(Int64)
    case double(Double)
    case symbol(String)
    case end

    /// Cuts a query into tokens, each with its column counted from 1.
    /// - Throws: ``StatusError``, INVALID_ARGUMENT with the column.
    static func tokens(of query: String) throws -> [(token: FilterToken, column: Int)] {
        var scanner = Scanner(characters: Array(query.unicodeScalars))
        var result: [(FilterToken, Int)] = []
        repeat {
            result.append(try scanner.next())
        } while result.last?.0 != .end
        return result
    }

    static func error(_ reason: String, _ column: Int) -> StatusError {
        .invalidArgument("Invalid `filter_query`: \(reason) [at 1:\(column)]")
    }
}

private struct Scanner {
    let characters: [Unicode.Scalar]
    var index = 0
    /// Whether the last token was the dot of a path: after it a name may begin with a digit.
    private var isAfterDot = false

    init(characters: [Unicode.Scalar]) { self.characters = characters }

    mutating func next() throws -> (FilterToken, Int) {
        try skipBlanks()
        let column = index + 1
        guard index < characters.count else { return (.end, column) }
        let character = characters[index]
        let isInPath = isAfterDot
        isAfterDot = character == "." && followsName
        switch character {
        case "0"..."9" where isInPath: return (.identifier(word()), column)
        case "'", "\"": return (.string(try text(until: character)), column)
        case "r", "R":
            guard index + 1 < characters.count, ["'", "\""].contains(characters[index + 1]) else {
                return (.identifier(word()), column)
            }
            index += 1
            return (.string(try text(until: characters[index], isRaw: true)), column)
        case "." where index + 1 < characters.count && ("0"..."9").contains(characters[index + 1]) && !followsName:
            return (try number(), column)
        case "`":
            let name = try text(until: character)
            guard !name.isEmpty else { throw FilterToken.error("Syntax error: Invalid empty identifier", column) }
            return (.quoted(name), column)
        case "0"..."9": return (try number(), column)
        case "a"..."z", "A"..."Z", "_": return (.identifier(word()), column)
        case "<", ">", "!":
            index += 1
            if index < characters.count {
                let pair = String(character) + String(characters[index])
                if ["<=", ">=", "<>", "!="].contains(pair) {
                    index += 1
                    return (.symbol(pair), column)
                }
            }
            if character == "!" { throw FilterToken.error("Syntax error: Unexpected \"!\"", column) }
            return (.symbol(String(character)), column)
        case "|":
            guard index + 1 < characters.count, characters[index + 1] == "|" else {
                throw FilterToken.error("Syntax error: Unexpected \"|\"", column)
            }
            index += 2
            return (.symbol("||"), column)
        case "=", "(", ")", ",", ".", "-", "+", "*", "/":
            index += 1
            return (.symbol(String(character)), column)
        default:
            throw FilterToken.error("Syntax error: Unexpected \"\(character)\"", column)
        }
    }

    /// Whether a dot here is that of a path.
    private var followsName: Bool {
        guard index > 0 else { return false }
        switch characters[index - 1] {
        case "a"..."z", "A"..."Z", "_", "0"..."9", "`": return true
        default: return false
        }
    }

    /// Blanks and comments.
    private mutating func skipBlanks() throws {
        func isNext(_ text: String) -> Bool { characters[index...].starts(with: text.unicodeScalars) }
        while index < characters.count {
            if characters[index].properties.isWhitespace {
                index += 1
            } else if isNext("--") || isNext("#") {
                while index < characters.count, characters[index] != "\n" { index += 1 }
            } else if isNext("/*") {
                let start = index
                index += 2
                while index < characters.count, !isNext("*/") { index += 1 }
                guard index < characters.count else {
                    throw FilterToken.error("Syntax error: Unclosed comment", start + 1)
                }
                index += 2
            } else {
                return
            }
        }
    }

    private mutating func word() -> String {
        let start = index
        while index < characters.count {
            switch characters[index] {
            case "a"..."z", "A"..."Z", "_", "0"..."9": index += 1
            default: return string(start..<index)
            }
        }
        return string(start..<index)
    }

    private func string(_ range: Range<Int>) -> String {
        var result = String.UnicodeScalarView()
        result.append(contentsOf: characters[range])
        return String(result)
    }

    private mutating func number() throws -> FilterToken {
        let start = index
        var isDouble = false
        if characters[index] == "0", index + 1 < characters.count, ["x", "X"].contains(characters[index + 1]) {
            index += 2
            while index < characters.count, characters[index].properties.isASCIIHexDigit { index += 1 }
            guard let value = UInt64(string((start + 2)..<index), radix: 16) else {
                throw FilterToken.error("Syntax error: Invalid number \(string(start..<index))", start + 1)
            }
            return Int64(exactly: value).map { .integer($0) } ?? .double(Double(value))
        }
        while index < characters.count {
            switch characters[index] {
            case "0"..."9": break
            case ".", "e", "E": isDouble = true
            case "-", "+":
                guard characters[index - 1] == "e" || characters[index - 1] == "E" else {
                    return try number(start..<index, isDouble)
                }
            default: return try number(start..<index, isDouble)
            }
            index += 1
        }
        return try number(start..<index, isDouble)
    }

    private func number(_ range: Range<Int>, _ isDouble: Bool) throws -> FilterToken {
        let text = string(range)
        if !isDouble, let value = Int64(text) { return .integer(value) }
        // Beyond what a column holds, but it can be compared with.
        if !isDouble, let value = UInt64(text) { return .double(Double(value)) }
        if isDouble, let value = Double(text) { return .double(value) }
        throw FilterToken.error("Syntax error: Invalid number \(text)", range.lowerBound + 1)
    }

    /// A literal in quotes, or in three of them.
    private mutating func text(until quote: Unicode.Scalar, isRaw: Bool = false) throws -> String {
        let start = index
        func isQuote(_ position: Int, _ count: Int) -> Bool {
            position + count <= characters.count && characters[position..<(position + count)].allSatisfy { $0 == quote }
        }
        let width = quote != "`" && isQuote(index, 3) ? 3 : 1
        index += width
        var result = String.UnicodeScalarView()
        while index < characters.count {
            if isQuote(index, width) {
                index += width
                return String(result)
            }
            let character = characters[index]
            index += 1
            guard character == "\\" else {
                result.append(character)
                continue
            }
            guard index < characters.count else { break }
            if isRaw {
                result.append(contentsOf: ["\\", characters[index]])
                index += 1
            } else {
                result.append(try escape())
            }
        }
        throw FilterToken.error("Syntax error: Unclosed string literal", start + 1)
    }

    /// What follows a backslash (GoogleSQL, lexical structure).
    private mutating func escape() throws -> Unicode.Scalar {
        let column = index
        let letter = characters[index]
        index += 1
        let plain: [Unicode.Scalar: Unicode.Scalar] = [
            "a": "\u{7}", "b": "\u{8}", "f": "\u{c}", "n": "\n", "r": "\r", "t": "\t", "v": "\u{b}", "\\": "\\",
            "?": "?",
            "\"": "\"", "'": "'", "`": "`",
        ]
        if let scalar = plain[letter] { return scalar }
        let digits: (count: Int, radix: Int)? =
            switch letter {
            case "x", "X": (2, 16)
            case "u": (4, 16)
            case "U": (8, 16)
            case "0"..."3": (3, 8)
            default: nil
            }
        if let digits {
            if digits.radix == 8 { index -= 1 }
            let end = min(index + digits.count, characters.count)
            if end - index == digits.count, let value = UInt32(string(index..<end), radix: digits.radix),
                let scalar = Unicode.Scalar(value)
            {
                index = end
                return scalar
            }
        }
        throw FilterToken.error("Syntax error: Illegal escape sequence: \\\(letter)", column)
    }
}
