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

    mutating func next() throws -> (FilterToken, Int) {
        while index < characters.count, characters[index].properties.isWhitespace { index += 1 }
        let column = index + 1
        guard index < characters.count else { return (.end, column) }
        let character = characters[index]
        switch character {
        case "'", "\"": return (.string(try text(until: character)), column)
        case "`": return (.quoted(try text(until: character)), column)
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
        case "=", "(", ")", ",", ".", "-", "+":
            index += 1
            return (.symbol(String(character)), column)
        default:
            throw FilterToken.error("Syntax error: Unexpected \"\(character)\"", column)
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
        if isDouble, let value = Double(text) { return .double(value) }
        throw FilterToken.error("Syntax error: Invalid number \(text)", range.lowerBound + 1)
    }

    private mutating func text(until quote: Unicode.Scalar) throws -> String {
        let start = index
        index += 1
        var result = String.UnicodeScalarView()
        while index < characters.count {
            let character = characters[index]
            index += 1
            if character == quote { return String(result) }
            guard character == "\\" else {
                result.append(character)
                continue
            }
            guard index < characters.count else { break }
            switch characters[index] {
            case "n": result.append("\n")
            case "t": result.append("\t")
            case "r": result.append("\r")
            case let other: result.append(other)
            }
            index += 1
        }
        throw FilterToken.error("Syntax error: Unclosed string literal", start + 1)
    }
}
