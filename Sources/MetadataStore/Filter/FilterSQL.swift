import MetadataAPI
import SQLite

/// Turns a filter query into a condition: what its names mean, whether its kinds fit, and the SQL.
///
/// As in MLMD, each neighbour or property that a query names is joined once, and a node without it
/// is no match, whatever else the query says (ml_metadata/query, 1.5 and later).
struct FilterSQL {
    /// How deep it may be once needless parentheses are gone: SQLite's parser has a stack of 100.
    private static let maximumNesting = 24
    /// Of the SQL of a value, in bytes; a list of 100,000 elements stands beside it.
    private static let maximumLength = 100_000
    private static let letters: Set<String> = ["LOWER", "UPPER"]
    /// SQLite's own limit, in bytes.
    private static let maximumPattern = 50_000

    private let dialect: Dialect
    private var names: FilterNames

    /// - Throws: ``StatusError``, INVALID_ARGUMENT with what is wrong and where.
    static func condition(
        _ query: String, on kind: NodeKind, _ dialect: Dialect
    ) throws -> Condition {
        guard query.utf8.count <= 1_000_000 else {
            throw StatusError.invalidArgument("Invalid `filter_query`: longer than 1,000,000 bytes")
        }
        var sql = FilterSQL(dialect: dialect, names: FilterNames(kind: kind, dialect: dialect))
        let condition = try sql.condition(try FilterExpression(query))
        guard condition.depth <= maximumNesting else {
            throw StatusError.invalidArgument("Invalid `filter_query`: nested deeper than \(maximumNesting) levels")
        }
        return sql.names.joined(condition)
    }

    // MARK: Conditions

    private mutating func condition(_ expression: FilterExpression) throws -> Condition {
        switch expression.form {
        case .all(let parts): return .all(try parts.map { try condition($0) })
        case .any(let parts): return .any(try parts.map { try condition($0) })
        case .not(let inner): return try condition(inner).negated
        case .comparison(let left, let symbol, let right):
            return try compare(try operand(left), symbol, try operand(right))
        case .like(let left, let right, let isNegated):
            return try like(try operand(left), try operand(right), isNegated)
        case .membership(let left, let elements, let isNegated):
            return try membership(try operand(left), try elements.map { try operand($0) }, isNegated ? "NOT " : "")
        case .between(let left, let low, let high, let isNegated):
            return try between(try known(operand(left)), try operand(low), try operand(high), isNegated)
        case .test(let inner, let truth, let isNegated):
            let value = try known(try operand(inner))
            if let truth, value.kind != .bool {
                throw FilterToken.error(
                    "Operand of IS \(truth ? "TRUE" : "FALSE") must be BOOL, not \(value.kind.rawValue)", value.column)
            }
            let wanted = truth.map { $0 ? "TRUE" : "FALSE" } ?? "NULL"
            return Condition("\(value.term) IS \(isNegated ? "NOT " : "")\(wanted)")
        default:
            let value = try known(try operand(expression))
            guard value.kind == .bool else {
                throw StatusError.invalidArgument(
                    "Invalid `filter_query`: Given query string is not a valid boolean expression")
            }
            return Condition(value.term)
        }
    }

    /// A value, and no name of an enumeration that nothing stands against.
    private func known(_ operand: FilterOperand) throws -> FilterOperand {
        guard let name = operand.enumName else { return operand }
        throw FilterToken.error("Unrecognized name: \(name)", operand.column)
    }

    private func like(_ left: FilterOperand, _ right: FilterOperand, _ isNegated: Bool) throws -> Condition {
        guard left.kind == .string, right.kind == .string else {
            throw FilterToken.error(
                "No matching signature for operator LIKE for argument types: "
                    + "\(left.kind.rawValue), \(right.kind.rawValue)", left.column)
        }
        if case .text(let pattern)? = right.sql.values.first, pattern.utf8.count > Self.maximumPattern {
            throw FilterToken.error("A pattern of LIKE has at most \(Self.maximumPattern) bytes", right.column)
        }
        return Condition(
            dialect.filter.like(left.term, right.term, isNegated),
            candidates: [left.lookup?.fallbackCandidate].compactMap { $0 })
    }

    private func membership(_ left: FilterOperand, _ given: [FilterOperand], _ not: String) throws -> Condition {
        let left = try known(left)
        // NULL is in no list, but may stand there.
        let elements = try given.map { element in
            element.kind == .null && element.names == nil
                ? element : try resolve(element, against: left, takesNumbers: true)
        }
        let comparison: SQLFragment = "\(not)IN (\(dialect.elements(elements.map(\.sql))))"
        let isServed = not.isEmpty && elements.allSatisfy { $0.isLiteral || $0.kind == .null }
        let lookup =
            isServed && left.lookup?.serves(elements.map(\.sql)) == true
            ? left.lookup?.candidate(oneOf: elements.map(\.sql), dialect) : nil
        return Condition(
            Self.withUnset(
                left, "\(left.term) \(comparison)", isNegative: !not.isEmpty && elements.contains(where: \.isName)),
            candidates: [lookup].compactMap { $0 })
    }

    /// The value stands in the SQL once: written twice, a small query of such within each other would fill the memory.
    private func between(
        _ value: FilterOperand, _ low: FilterOperand, _ high: FilterOperand, _ isNegated: Bool
    ) throws -> Condition {
        let low = try resolve(low, against: value, takesNumbers: true)
        let high = try resolve(high, against: value, takesNumbers: true)
        let range: SQLFragment = "\(isNegated ? "NOT " : "")BETWEEN \(low.term) AND \(high.term)"
        let isServed = !isNegated && low.isLiteral && high.isLiteral && value.lookup?.only == nil
        let lookup =
            isServed
            ? value.lookup?.candidate(between: low.term, and: high.term, dialect) : value.lookup?.fallbackCandidate
        return Condition("\(value.term) \(range)", candidates: [lookup].compactMap { $0 })
    }

    private func compare(_ left: FilterOperand, _ symbol: String, _ right: FilterOperand) throws -> Condition {
        let given = right
        let takesNumbers = symbol != "=" && symbol != "<>"
        let right = try resolve(right, against: left, takesNumbers: takesNumbers)
        // The other way round a number is taken; so does the original.
        let left = try resolve(left, against: given, takesNumbers: true)
        return Condition(
            Self.withUnset(left, "\(left.term) \(symbol) \(right.term)", isNegative: symbol == "<>"),
            candidates: [candidate(left, symbol, right)].compactMap { $0 })
    }

    /// A state that was never set is none of those that are named, in MLMD's eyes.
    private static func withUnset(_ left: FilterOperand, _ sql: SQLFragment, isNegative: Bool) -> SQLFragment {
        // Numbers are compared as SQL does.
        isNegative && left.names != nil ? "(\(sql) OR \(left.sql) IS NULL)" : sql
    }

    /// How the nodes of a comparison of a column with a literal are found by an index.
    private func candidate(_ left: FilterOperand, _ symbol: String, _ right: FilterOperand) -> Candidate? {
        if symbol == "<>" { return left.lookup?.fallbackCandidate ?? right.lookup?.fallbackCandidate }
        func isServed(_ lookup: Lookup, _ literal: FilterOperand) -> Bool {
            lookup.only == nil || (symbol == "=" && lookup.serves([literal.sql]))
        }
        if right.isLiteral, let lookup = left.lookup, isServed(lookup, right) {
            return lookup.candidate(symbol, right.sql, dialect)
        }
        if left.isLiteral, let lookup = right.lookup, isServed(lookup, left) {
            let mirrored = ["<": ">", "<=": ">=", ">": "<", ">=": "<="][symbol] ?? symbol
            return lookup.candidate(mirrored, left.sql, dialect)
        }
        return left.lookup?.fallbackCandidate ?? right.lookup?.fallbackCandidate
    }

    /// Checks that an operand can be compared with another; names of an enumeration get their number.
    private func resolve(
        _ operand: FilterOperand, against other: FilterOperand, takesNumbers: Bool = false
    ) throws -> FilterOperand {
        if let name = operand.enumName {
            guard let number = other.names?[name.uppercased()] else {
                throw FilterToken.error("Unrecognized name: \(name)", operand.column)
            }
            var result = operand
            (result.sql, result.kind, result.enumName) = (SQLFragment(String(number)), .integer, nil)
            (result.isLiteral, result.isName) = (true, true)
            return result
        }
        if operand.kind == .null { throw FilterToken.error("Operands of = cannot be literal NULL", operand.column) }
        if other.names != nil, operand.names == nil, other.enumName == nil {
            // Only names stand against an enumeration; numbers in lists and ranges.
            guard operand.kind.isNumber else {
                throw FilterToken.error(
                    "No matching signature for operator = for argument types: INT64, \(operand.kind.rawValue)",
                    operand.column)
            }
            if takesNumbers || !operand.isLiteral || operand.kind == .double { return operand }
            throw StatusError.invalidArgument(
                "Invalid `filter_query`: Unsupported enum value specified in the query: \(operand.shown)")
        }
        let fits =
            other.enumName != nil || operand.kind == other.kind || (operand.kind.isNumber && other.kind.isNumber)
        guard fits else {
            throw FilterToken.error(
                "No matching signature for operator = for argument types: "
                    + "\(other.kind.rawValue), \(operand.kind.rawValue)", operand.column)
        }
        return operand
    }

    // MARK: Values

    private mutating func operand(_ expression: FilterExpression) throws -> FilterOperand {
        let result = try made(expression)
        // Some functions stand for more than they say.
        guard result.sql.text.utf8.count <= Self.maximumLength else {
            throw FilterToken.error("Too long as SQL", expression.column)
        }
        return result
    }

    private mutating func made(_ expression: FilterExpression) throws -> FilterOperand {
        let start = expression.column
        func literal(_ value: SQLValue, _ kind: FilterKind) -> FilterOperand {
            FilterOperand(sql: SQLFragment(value), kind: kind, column: start, isLiteral: true)
        }
        switch expression.form {
        case .text(let text): return literal(.text(text), .string)
        case .integer(let value): return literal(.integer(value), .integer)
        case .double(let value): return literal(.real(value), .double)
        case .bool(let value): return literal(.bool(value), .bool)
        case .null: return FilterOperand(sql: "NULL", kind: .null, column: start)
        case .path(let path): return try names.operand(path, at: start)
        case .positive(let inner): return try number(inner, after: "+")
        case .negative(let inner):
            var result = try number(inner, after: "-")
            (result.sql, result.isCompound, result.lookup) = ("-\(result.term)", true, nil)
            return result
        case .arithmetic(let first, let rest): return try arithmetic(first, rest)
        case .call(let name, var arguments):
            // Of letters made small or large again only the last counts.
            while Self.letters.contains(name), arguments.count == 1, case .call(let inner, let its) = arguments[0].form,
                Self.letters.contains(inner), its.count == 1
            { arguments = its }
            return try FilterFunction.operand(
                name, try arguments.map { try known(operand($0)) }, at: start, dialect.filter)
        case .cast(let inner, let type): return try cast(try known(operand(inner)), type, at: start)
        case .choice(let value, let branches, let otherwise): return try choice(value, branches, otherwise, at: start)
        case .comparison, .like, .membership, .between, .test, .not, .all, .any:
            let condition = try condition(expression)
            return FilterOperand(
                sql: SQLFragment(condition.sql, condition.values), kind: .bool, column: start, isCompound: true)
        }
    }

    private mutating func number(_ inner: FilterExpression, after sign: String) throws -> FilterOperand {
        var result = try known(operand(inner))
        guard result.kind.isNumber else {
            throw FilterToken.error(
                "No matching signature for operator \(sign) for argument type: \(result.kind.rawValue)", result.column)
        }
        result.names = nil
        return result
    }

    private mutating func arithmetic(
        _ first: FilterExpression, _ rest: [(symbol: String, operand: FilterExpression)]
    ) throws -> FilterOperand {
        var result = try known(operand(first))
        for (symbol, next) in rest {
            let right = try known(operand(next))
            let fits =
                symbol == "||"
                ? result.kind == .string && right.kind == .string : result.kind.isNumber && right.kind.isNumber
            guard fits else {
                throw FilterToken.error(
                    "No matching signature for operator \(symbol) for argument types: "
                        + "\(result.kind.rawValue), \(right.kind.rawValue)", first.column)
            }
            // A chain of one precedence is read from the left, as it is written.
            let isChained = result.isCompound && result.isChain(of: symbol)
            let left = isChained ? result.sql : result.term
            let sql: SQLFragment =
                switch symbol {
                case "/": dialect.filter.quotient(left, right.term)
                default: "\(left) \(symbol) \(right.term)"
                }
            let isInteger = symbol != "/" && result.kind == .integer && right.kind == .integer
            result = FilterOperand(
                sql: sql, kind: symbol == "||" ? .string : isInteger ? .integer : .double, column: result.column,
                isCompound: true, chain: symbol)
        }
        return result
    }

    private func cast(_ value: FilterOperand, _ type: String, at start: Int) throws -> FilterOperand {
        let kinds: [String: FilterKind] = [
            "STRING": .string, "INT64": .integer, "DOUBLE": .double, "FLOAT64": .double, "BOOL": .bool,
        ]
        guard let kind = kinds[type] else { throw FilterToken.error("Type not found: \(type)", start) }
        if value.kind == .bool && kind == .double || value.kind == .double && kind == .bool {
            throw FilterToken.error("Invalid cast from \(value.kind.rawValue) to \(type)", start)
        }
        let sql: SQLFragment =
            switch (value.kind, kind) {
            case (.bool, .string): "CASE \(value.term) WHEN TRUE THEN 'true' WHEN FALSE THEN 'false' END"
            case (.integer, .bool): "\(value.term) <> 0"
            case (.string, .bool): "CASE lower(\(value.sql)) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
            default: "CAST(\(value.sql) AS \(dialect.filter.types[kind] ?? "TEXT"))"
            }
        return FilterOperand(sql: sql, kind: kind, column: start, isCompound: true)
    }

    private mutating func choice(
        _ value: FilterExpression?, _ branches: [(when: FilterExpression, then: FilterExpression)],
        _ otherwise: FilterExpression?, at start: Int
    ) throws -> FilterOperand {
        var sql: SQLFragment = "CASE"
        var results: [FilterOperand] = []
        let subject = try value.map { try known(operand($0)) }
        if let subject {
            sql = "\(sql) \(subject.term)"
        }
        for (when, then) in branches {
            if let subject {
                let wanted = try resolve(try operand(when), against: subject, takesNumbers: true)
                sql = "\(sql) WHEN \(wanted.term)"
            } else {
                let condition = try condition(when)
                sql = "\(sql) WHEN \(SQLFragment(condition.sql, condition.values))"
            }
            let result = try known(operand(then))
            sql = "\(sql) THEN \(result.term)"
            results.append(result)
        }
        if let otherwise {
            let result = try known(operand(otherwise))
            sql = "\(sql) ELSE \(result.term)"
            results.append(result)
        }
        let kind = try FilterFunction.common(results, of: "CASE", at: start)
        return FilterOperand(sql: "\(sql) END", kind: kind, column: start, isCompound: true)
    }
}
