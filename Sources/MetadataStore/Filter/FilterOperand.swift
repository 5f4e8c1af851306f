import SQLite

/// A value of a filter query as SQL.
struct FilterOperand {
    var sql: SQLFragment
    var kind: FilterKind
    var column: Int
    /// The names that stand for numbers in an enumerated column.
    var names: [String: Int64]?
    /// An unquoted word that can only be a name of the other side's enumeration.
    var enumName: String?
    /// How nodes are found by a comparison of it with a literal.
    var lookup: Lookup?
    var isLiteral = false
    /// A literal that was the name of an enumeration's value.
    var isName = false
    /// Whether operators beside it may take a part of it.
    var isCompound = false

    /// The operator that joins its parts at last, of those that are chained.
    var chain: String?

    /// Whether more can be written after it with an operator of the same precedence.
    func isChain(of symbol: String) -> Bool {
        guard let chain else { return false }
        // A quotient is written as a cast and cannot be gone on with.
        return ["+", "-"].contains(symbol) && ["+", "-"].contains(chain) || symbol == "*" && chain == "*"
            || symbol == "||" && chain == "||"
    }

    /// A literal as it is told.
    var shown: String {
        switch sql.values.first {
        case .integer(let value)? where isLiteral: String(value)
        case .real(let value)? where isLiteral: String(value)
        case .text(let text)? where isLiteral: text
        default: "an expression"
        }
    }

    /// To stand within an operator.
    var term: SQLFragment { isCompound ? "(\(sql))" : sql }
}
