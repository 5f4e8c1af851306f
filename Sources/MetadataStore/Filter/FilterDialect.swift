/// How a database writes what filter queries say. Arguments stand within operators as they are.
struct FilterDialect: Sendable {
    /// The types of values, as `CAST` names them.
    var types: [FilterKind: String]
    /// How many characters a text has.
    var length: @Sendable (SQLFragment) -> SQLFragment
    /// The end of a text that is as long as another.
    var ending: @Sendable (_ text: SQLFragment, _ part: SQLFragment) -> SQLFragment
    /// A part of a text, from a position that is counted from 1, or from the end where it is below 0.
    var substring: @Sendable (_ text: SQLFragment, _ position: SQLFragment, _ length: SQLFragment?) -> SQLFragment
    /// A quotient as a fraction: 7 / 2 is 3.5; divided by zero it is NULL.
    var quotient: @Sendable (SQLFragment, SQLFragment) -> SQLFragment
    /// What a division of integers leaves; of one by zero NULL.
    var remainder: @Sendable (SQLFragment, SQLFragment) -> SQLFragment
    /// A number rounded to so many digits, to none where that is not said.
    var round: @Sendable (SQLFragment, _ digits: SQLFragment?) -> SQLFragment
    /// Whether a text is like a pattern, in which a backslash makes the next character a letter.
    var like: @Sendable (_ text: SQLFragment, _ pattern: SQLFragment, _ isNegated: Bool) -> SQLFragment
    /// A double that may have its bits in another column: of negative zero it is 0, of a NaN, which compares with
    /// nothing, NULL.
    var double: @Sendable (_ column: String, _ bits: String) -> SQLFragment

    static let sqlite = FilterDialect(
        types: [.integer: "INTEGER", .double: "REAL", .string: "TEXT", .bool: "INTEGER"],
        length: { "length(\($0))" },
        ending: { "substr(\($0), -length(\($1)), length(\($1)))" },
        substring: FilterDialect.plainSubstring,
        // Integers would be divided without a rest.
        quotient: { "CAST(\($0) AS REAL) / \($1)" },
        remainder: { "\($0) % \($1)" },
        round: { number, digits in digits.map { "ROUND(\(number), \($0))" } ?? "ROUND(\(number))" },
        like: { "\($0) \($2 ? "NOT " : "")LIKE \($1) ESCAPE '\\'" },
        double: { "CASE WHEN \($1) IS NULL OR \($1) = x'8000000000000000' THEN \($0) END" })

    @Sendable private static func plainSubstring(
        _ text: SQLFragment, _ position: SQLFragment, _ length: SQLFragment?
    ) -> SQLFragment {
        let count: SQLFragment = length.map { ", \($0)" } ?? ""
        return "SUBSTR(\(text), \(position)\(count))"
    }

    /// Its LIKE tells capital letters from small ones, as the original's on PostgreSQL.
    static let postgreSQL = FilterDialect(
        types: [.integer: "BIGINT", .double: "DOUBLE PRECISION", .string: "TEXT", .bool: "BOOLEAN"],
        length: { "length(\($0))" },
        ending: { "right(\($0), length(\($1)))" },
        substring: { text, position, length in
            let count: SQLFragment = length.map { ", GREATEST(CAST(\($0) AS INTEGER), 0)" } ?? ""
            // Its own takes a position below 0 for one before the text.
            if case .integer(let number)? = position.values.first, position.text == "?", number < 0 {
                return "substr(right(\(text), CAST(\(SQLFragment(.integer(0 &- number))) AS INTEGER)), 1\(count))"
            }
            return "substr(\(text), CAST(\(position) AS INTEGER)\(count))"
        },
        quotient: { "CAST(\($0) AS DOUBLE PRECISION) / NULLIF(\($1), 0)" },
        remainder: { "\($0) % NULLIF(\($1), 0)" },
        // Only exact numbers are rounded to digits there.
        round: { number, digits in
            "CAST(ROUND(CAST(\(number) AS NUMERIC), CAST(\(digits ?? "0") AS INTEGER)) AS DOUBLE PRECISION)"
        },
        like: { "\($0) \($2 ? "NOT " : "")LIKE \($1) ESCAPE '\\'" },
        // The original stores a NaN as it is.
        double: {
            "CASE WHEN \($1) IS NULL OR \($1) = '\\x8000000000000000' THEN NULLIF(\($0), 'NaN') END"
        })

    /// LIKE and comparisons tell what the column's collation tells.
    static let mySQL = FilterDialect(
        types: [.integer: "SIGNED", .double: "DOUBLE", .string: "CHAR", .bool: "SIGNED"],
        length: { "char_length(\($0))" },
        ending: { "right(\($0), char_length(\($1)))" },
        substring: FilterDialect.plainSubstring,
        quotient: { "CAST(\($0) AS DOUBLE) / \($1)" },
        remainder: { "\($0) % \($1)" },
        round: { number, digits in digits.map { "ROUND(\(number), \($0))" } ?? "ROUND(\(number))" },
        // A backslash in a literal is written as two.
        like: { "\($0) \($2 ? "NOT " : "")LIKE \($1) ESCAPE '\\\\'" },
        double: { column, bits in
            """
            CASE WHEN \(bits) IS NULL OR \(bits) = x'8000000000000000' THEN \(column)
            WHEN \(bits) = x'7FF0000000000000' THEN 1.7976931348623157e308
            WHEN \(bits) = x'FFF0000000000000' THEN -1.7976931348623157e308 END
            """
        })
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
