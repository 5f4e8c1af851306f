/// How a database writes what databases write differently. Arguments stand within operators as they are.
struct FilterDialect: Sendable {
    /// The types of values, as `CAST` names them.
    var types: [FilterKind: String]
    /// How many characters a text has.
    var length: @Sendable (SQLFragment) -> SQLFragment
    /// A quotient as a fraction: 7 / 2 is 3.5; divided by zero it is NULL.
    var quotient: @Sendable (SQLFragment, SQLFragment) -> SQLFragment
    /// Whether a text is like a pattern, in which a backslash makes the next character a letter.
    var like: @Sendable (_ text: SQLFragment, _ pattern: SQLFragment, _ isNegated: Bool) -> SQLFragment

    static let sqlite = FilterDialect(
        types: [.integer: "INTEGER", .double: "REAL", .string: "TEXT", .bool: "INTEGER"],
        length: { "length(\($0))" },
        // Integers would be divided without a rest.
        quotient: { "CAST(\($0) AS REAL) / \($1)" },
        like: { "\($0) \($2 ? "NOT " : "")LIKE \($1) ESCAPE '\\'" })
}

/// The kinds of values that are compared, under GoogleSQL's names.
enum FilterKind: String {
    case integer = "INT64"
    case double = "DOUBLE"
    case string = "STRING"
    case bool = "BOOL"
    case null = "NULL"

    var isNumber: Bool { self == .integer || self == .double }
}
