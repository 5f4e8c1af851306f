import MetadataAPI

/// Makes a tree of tokens, with the precedence of GoogleSQL's operators.
struct FilterParser {
    /// How deep a query may be written.
    private static let maximumDepth = 400
    /// How many comparisons there may be: what SQLite does about them grows with their square.
    private static let maximumTerms = 1_000
    /// How many operators and functions of values: SQLite's own tree has a thousand levels.
    private static let maximumOperations = 200
    /// How many texts are put together: each may have 16 MiB.
    private static let maximumTexts = 16
    private static let maximumElements = 100_000
    /// How many `CASE` stand within each other: each fills SQLite's stack as several parentheses do.
    private static let maximumCases = 6

    private let tokens: [(token: FilterToken, column: Int)]
    private var position = 0
    private var depth = 0
    private var terms = 0
    private var operations = 0
    private var junctions = 0
    private var texts = 0
    private var cases = 0

    init(tokens: [(token: FilterToken, column: Int)]) { self.tokens = tokens }

    /// - Throws: ``StatusError``.
    mutating func whole() throws -> FilterExpression {
        let result = try expression()
        guard peek == .end else { throw error("Syntax error: Expected end of input but got \(shown)") }
        return result
    }

    // MARK: Tokens

    private var peek: FilterToken { tokens[position].token }
    private var column: Int { tokens[position].column }

    private var shown: String {
        switch peek {
        case .identifier(let name): "identifier \(name)"
        case .quoted(let name): "identifier `\(name)`"
        case .string(let text): "string literal '\(text)'"
        case .integer(let value): "integer literal \"\(value)\""
        case .double(let value): "floating point literal \"\(value)\""
        case .symbol(let symbol): "\"\(symbol)\""
        case .end: "end of expression"
        }
    }

    private func error(_ reason: String) -> StatusError { FilterToken.error(reason, column) }

    private mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    private mutating func take(symbol: String) -> Bool {
        guard peek == .symbol(symbol) else { return false }
        advance()
        return true
    }

    private mutating func take(symbolOf symbols: Set<String>) -> String? {
        guard case .symbol(let symbol) = peek, symbols.contains(symbol) else { return nil }
        advance()
        return symbol
    }

    private mutating func take(keyword: String) -> Bool {
        guard case .identifier(let name) = peek, name.uppercased() == keyword else { return false }
        advance()
        return true
    }

    private mutating func expect(symbol: String) throws {
        guard take(symbol: symbol) else { throw error("Syntax error: Expected \"\(symbol)\" but got \(shown)") }
    }

    private mutating func expect(keyword: String) throws {
        guard take(keyword: keyword) else { throw error("Syntax error: Expected \(keyword) but got \(shown)") }
    }

    // MARK: Conditions

    /// One function for three levels: each has a frame on the stack for each parenthesis.
    private mutating func expression() throws -> FilterExpression {
        guard depth < Self.maximumDepth else { throw error("Nested deeper than \(Self.maximumDepth) levels") }
        depth += 1
        defer { depth -= 1 }
        let start = column
        var any: [FilterExpression] = []
        repeat {
            let first = column
            var all: [FilterExpression] = []
            repeat {
                let place = column
                var count = 0
                while take(keyword: "NOT") { count += 1 }
                var part = try comparison()
                // Twice is not at all, but for what it takes: conditions.
                for _ in 0..<(count == 0 ? 0 : 2 - count % 2) { part = FilterExpression(.not(part), at: place) }
                all.append(part)
            } while try takeJunction("AND")
            any.append(all.count == 1 ? all[0] : FilterExpression(.all(all), at: first))
        } while try takeJunction("OR")
        return any.count == 1 ? any[0] : FilterExpression(.any(any), at: start)
    }

    /// What is joined counts even where nothing is compared: `TRUE AND TRUE`.
    private mutating func takeJunction(_ word: String) throws -> Bool {
        guard take(keyword: word) else { return false }
        junctions += 1
        try limit(junctions, Self.maximumTerms, "conditions; IN takes a list")
        return true
    }

    private mutating func comparison() throws -> FilterExpression {
        let left = try sum()
        func made(_ form: FilterExpression.Form) -> FilterExpression { FilterExpression(form, at: left.column) }
        if let symbol = take(symbolOf: ["=", "!=", "<>", "<", "<=", ">", ">="]) {
            try countTerm()
            return made(.comparison(left, symbol == "!=" ? "<>" : symbol, try sum()))
        }
        if take(keyword: "IS") {
            try countTerm()
            let not = take(keyword: "NOT")
            if take(keyword: "TRUE") { return made(.test(left, true, isNegated: not)) }
            if take(keyword: "FALSE") { return made(.test(left, false, isNegated: not)) }
            try expect(keyword: "NULL")
            return made(.test(left, nil, isNegated: not))
        }
        let before = position
        let not = take(keyword: "NOT")
        if take(keyword: "LIKE") {
            try countTerm()
            return made(.like(left, try sum(), isNegated: not))
        }
        if take(keyword: "IN") {
            try countTerm()
            return made(.membership(left, try list(), isNegated: not))
        }
        if take(keyword: "BETWEEN") {
            try countTerm()
            let low = try sum()
            try expect(keyword: "AND")
            return made(.between(left, low, try sum(), isNegated: not))
        }
        if not {
            position = before
            throw error("Syntax error: Expected end of input but got \(shown)")
        }
        return left
    }

    private mutating func list() throws -> [FilterExpression] {
        try expect(symbol: "(")
        var elements: [FilterExpression] = []
        repeat {
            elements.append(try expression())
            guard elements.count <= Self.maximumElements else {
                throw error("More than \(Self.maximumElements) elements of IN")
            }
        } while take(symbol: ",")
        try expect(symbol: ")")
        return elements
    }

    private func limit(_ count: Int, _ maximum: Int, _ what: String) throws {
        if count > maximum { throw error("More than \(maximum) \(what)") }
    }

    private mutating func countTerm() throws {
        terms += 1
        try limit(terms, Self.maximumTerms, "comparisons; IN takes a list")
    }

    private mutating func countText() throws {
        texts += 1
        try limit(texts, Self.maximumTexts, "texts put together")
    }

    private mutating func countOperation() throws {
        operations += 1
        try limit(operations, Self.maximumOperations, "operators and functions")
    }

    // MARK: Values

    /// Products and texts that are joined, then sums.
    private mutating func sum() throws -> FilterExpression {
        func made(
            _ first: FilterExpression, _ rest: [(symbol: String, operand: FilterExpression)]
        ) -> FilterExpression {
            rest.isEmpty ? first : FilterExpression(.arithmetic(first, rest), at: first.column)
        }
        var sum: FilterExpression?
        var terms: [(symbol: String, operand: FilterExpression)] = []
        var sign = "+"
        while true {
            let first = try signed()
            var factors: [(symbol: String, operand: FilterExpression)] = []
            while let symbol = take(symbolOf: ["*", "/", "||"]) {
                try countOperation()
                if symbol == "||" { try countText() }
                factors.append((symbol, try signed()))
            }
            let product = made(first, factors)
            if sum == nil { sum = product } else { terms.append((sign, product)) }
            guard let symbol = take(symbolOf: ["+", "-"]) else { return made(sum ?? product, terms) }
            try countOperation()
            sign = symbol
        }
    }

    private mutating func signed() throws -> FilterExpression {
        let start = column
        var signs: [String] = []
        while let sign = take(symbolOf: ["+", "-"]) { signs.append(sign) }
        let inner = try primary()
        guard !signs.isEmpty else { return inner }
        // Signs cancel each other.
        let isNegative = !signs.count { $0 == "-" }.isMultiple(of: 2)
        return FilterExpression(isNegative ? .negative(inner) : .positive(inner), at: start)
    }

    private mutating func primary() throws -> FilterExpression {
        let start = column
        func literal(_ form: FilterExpression.Form) -> FilterExpression { FilterExpression(form, at: start) }
        switch peek {
        case .string(let text):
            advance()
            return literal(.text(text))
        case .integer(let value):
            advance()
            return literal(.integer(value))
        case .double(let value):
            advance()
            return literal(.double(value))
        case .symbol("("):
            advance()
            var inner = try expression()
            try expect(symbol: ")")
            inner.column = start
            return inner
        case .quoted: return FilterExpression(.path(try path()), at: start)
        case .identifier(let name):
            switch name.uppercased() {
            case "TRUE", "FALSE":
                advance()
                return literal(.bool(name.uppercased() == "TRUE"))
            case "NULL":
                advance()
                return literal(.null)
            case "CASE": return try choice()
            case "CAST": if tokens[position + 1].token == .symbol("(") { return try cast() }
            case let word where Self.reserved.contains(word):
                throw error("Syntax error: Unexpected keyword \(word)")
            default: break
            }
            let path = try path()
            guard path.count == 1, peek == .symbol("(") else { return literal(.path(path)) }
            let arguments = try arguments()
            if path[0].uppercased() == "CONCAT" { for _ in arguments { try countText() } }
            return literal(.call(path[0].uppercased(), arguments))
        case .end: throw error("Syntax error: Unexpected end of expression")
        default: throw error("Syntax error: Unexpected \(shown)")
        }
    }

    /// Words that begin no name.
    private static let reserved: Set<String> = [
        "AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "WHEN", "THEN", "ELSE", "END", "AS",
    ]

    private mutating func arguments() throws -> [FilterExpression] {
        try countOperation()
        try expect(symbol: "(")
        if take(symbol: ")") { return [] }
        var result: [FilterExpression] = []
        repeat {
            try countOperation()
            result.append(try expression())
        } while take(symbol: ",")
        try expect(symbol: ")")
        return result
    }

    private mutating func cast() throws -> FilterExpression {
        let start = column
        try countOperation()
        advance()
        try expect(symbol: "(")
        let inner = try expression()
        try expect(keyword: "AS")
        guard case .identifier(let type) = peek else { throw error("Syntax error: Unexpected \(shown)") }
        advance()
        try expect(symbol: ")")
        return FilterExpression(.cast(inner, to: type.uppercased()), at: start)
    }

    private mutating func choice() throws -> FilterExpression {
        let start = column
        try countOperation()
        cases += 1
        defer { cases -= 1 }
        try limit(cases, Self.maximumCases, "CASE within each other")
        advance()
        var operand: FilterExpression?
        if !take(keyword: "WHEN") {
            operand = try expression()
            try expect(keyword: "WHEN")
        }
        var branches: [(when: FilterExpression, then: FilterExpression)] = []
        repeat {
            try countOperation()
            let when = try expression()
            try expect(keyword: "THEN")
            branches.append((when, try expression()))
        } while take(keyword: "WHEN")
        let otherwise = take(keyword: "ELSE") ? try expression() : nil
        try expect(keyword: "END")
        return FilterExpression(.choice(operand, branches, otherwise: otherwise), at: start)
    }

    private mutating func path() throws -> [String] {
        var result: [String] = []
        repeat {
            switch peek {
            case .identifier(let name), .quoted(let name): result.append(name)
            default: throw error("Syntax error: Unexpected \(shown)")
            }
            advance()
        } while take(symbol: ".")
        return result
    }
}
