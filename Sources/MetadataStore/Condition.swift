import SQLite

/// A condition on the node `n`, with the values of its parameters.
struct Condition {
    var sql: String
    var values: [SQLValue] = []
    /// Ways to find, by an index, nodes among which are all that fulfil it.
    var candidates: [Candidate] = []

    /// What this is the negation of.
    private var positive: String?

    init(sql: String, values: [SQLValue] = [], candidates: [Candidate] = []) {
        self.sql = sql
        self.values = values
        self.candidates = candidates
    }

    init(_ fragment: SQLFragment, candidates: [Candidate] = []) {
        self.init(sql: fragment.text, values: fragment.values, candidates: candidates)
    }

    /// Its negation; twice negated it is itself, unknown values included.
    var negated: Condition {
        if let positive { return Condition(sql: positive, values: values) }
        var result = Condition(sql: "NOT (\(sql))", values: values)
        result.positive = sql
        return result
    }

    /// How deep the parentheses are nested.
    var depth: Int {
        var (depth, deepest) = (0, 0)
        for byte in sql.utf8 {
            if byte == UInt8(ascii: "(") { depth += 1 } else if byte == UInt8(ascii: ")") { depth -= 1 }
            deepest = max(deepest, depth)
        }
        return deepest
    }

    /// That a node is of a type.
    static func type(_ id: Int64, of kind: NodeKind) -> Condition {
        Condition(
            // The plus keeps SQLite from sorting all nodes of the type where a walk is better.
            sql: "+n.type_id = ?", values: [.integer(id)],
            candidates: [
                Candidate(sql: "SELECT id AS id FROM \(kind.table) WHERE type_id = ?", values: [.integer(id)])
            ])
    }

    /// All of several conditions.
    static func all(_ conditions: [Condition]) -> Condition {
        guard conditions.count > 1 else { return conditions.first ?? Condition(sql: "TRUE") }
        return Condition(
            sql: balanced(conditions.map(\.sql), "AND"), values: conditions.flatMap(\.values),
            candidates: conditions.flatMap(\.candidates))
    }

    /// Any of several conditions. An index serves it where one serves each of them.
    static func any(_ conditions: [Condition]) -> Condition {
        guard conditions.count > 1 else { return conditions.first ?? Condition(sql: "FALSE") }
        let parts = conditions.compactMap(\.candidates.first)
        let union = Candidate(
            sql: parts.map(\.sql).joined(separator: " UNION ALL "), values: parts.flatMap(\.values),
            parts: parts.reduce(0) { $0 + $1.parts })
        // SQLite takes at most 500 parts of a compound query.
        let isServed = parts.count == conditions.count && union.parts <= 100
        return Condition(
            sql: balanced(conditions.map(\.sql), "OR"), values: conditions.flatMap(\.values),
            candidates: isServed ? [union] : [])
    }

    /// A balanced tree: a chain of a thousand terms would be too deep for SQLite.
    private static func balanced(_ parts: [String], _ word: String) -> String {
        guard parts.count > 1 else { return parts[0] }
        let middle = parts.count / 2
        let left = balanced(Array(parts[..<middle]), word)
        let right = balanced(Array(parts[middle...]), word)
        return "(\(left) \(word) \(right))"
    }
}

/// A query of node ids, in a column `id`, that an index answers.
struct Candidate {
    var sql: String
    var values: [SQLValue]

    /// How many queries are joined by UNION.
    var parts = 1
}

/// What a comparison of one column can be looked up by.
struct Lookup {
    /// A query of node ids that lacks only the comparison of ``column``, and ``suffix`` after it.
    var query: String
    var values: [SQLValue] = []
    var column: String
    var suffix = ""
    /// What to look up where the comparison itself is not one that an index answers.
    var fallback: String?
    /// The numbers that the index has, in SQL; `nil` where it has all.
    var only: Set<String>?

    /// Whether the index finds all that equals one of these.
    func serves(_ literals: [SQLFragment]) -> Bool {
        guard let only else { return true }
        return literals.allSatisfy { literal in
            if case .integer(let number)? = literal.values.first { return only.contains(String(number)) }
            return only.contains(literal.text)
        }
    }

    /// Whether ``column`` holds texts of any length, of which some databases index the beginnings.
    var isLongText = false

    /// Nodes of which the column stands in a relation to a value; `nil` where no index finds them.
    func candidate(_ symbol: String, _ operand: SQLFragment, _ dialect: Dialect) -> Candidate? {
        guard dialect.finds(isLongText, symbol) else { return fallbackCandidate }
        return candidate(
            isLongText && symbol == "=" ? dialect.textEquals(column, operand) : "\(column) \(symbol) \(operand)")
    }

    /// Nodes of which the column is one of several values.
    func candidate(oneOf operands: [SQLFragment], _ dialect: Dialect) -> Candidate? {
        candidate(isLongText ? dialect.textIsOneOf(column, operands) : "\(column) IN (\(dialect.elements(operands)))")
    }

    /// Nodes of which the column lies between two values.
    func candidate(between low: SQLFragment, and high: SQLFragment, _ dialect: Dialect) -> Candidate? {
        guard dialect.finds(isLongText, ">") else { return fallbackCandidate }
        return candidate("\(column) BETWEEN \(low) AND \(high)")
    }

    /// - Parameter condition: on ``column``.
    private func candidate(_ condition: SQLFragment) -> Candidate {
        Candidate(sql: "\(query)\(condition.text)\(suffix)", values: values + condition.values)
    }

    var fallbackCandidate: Candidate? {
        fallback.map { Candidate(sql: "\(query)\(column) \($0)\(suffix)", values: values) }
    }
}
