import SQLite

/// How a database writes what databases write differently.
///
/// What all of them take alike is written once: TRUE and FALSE, `LIMIT ?`, names in CamelCase, subqueries with a name.
struct Dialect: Sendable {
    /// What makes a query walk a table in the order of its ids.
    var byID: String
    /// What makes a query use an index, before the conditions.
    var byIndex: @Sendable (_ name: String) -> String
    /// Joins two tables so that the first is read first.
    var orderedJoin: String
    /// That a row comes after one in the order of two columns.
    var comesAfter: @Sendable (_ columns: (String, String), _ sign: String, _ values: (Int64, Int64)) -> Condition
    /// Nodes among candidates: what stands between `SELECT columns` and the other conditions.
    var among: @Sendable (_ candidate: Candidate, _ table: String) -> Lookup
    /// The greater of two values.
    var greatest: String
    /// The order in which the steps of events were put, as `ORDER BY`.
    var stepsInOrder: String
    /// The rows of a table in the order of their insertion, the last first, or nearly so.
    var lastInserted: @Sendable (_ key: String) -> String
    /// Leaves a row that is there as it is, after an INSERT; `column` is one of its own.
    var orLeave: @Sendable (_ column: String) -> String
    /// The number of the row that was inserted last.
    var lastID: String
    /// Begins a transaction that writes.
    var beginWrite: [String]
    /// Lets only one transaction at a time make types: `Type` has no unique key. The one row that all databases have.
    var lockTypes: String
    /// That a text begins with a folder and a slash: what stands for the two is the folder's location.
    var isBelow: @Sendable (_ column: String, _ folder: String) -> SQLFragment
    /// The order of such texts.
    var orderBelow: @Sendable (_ column: String) -> String
    /// Behind a SELECT of rows that the transaction will change: others wait until it ends.
    var forUpdate: String
    /// Begins a transaction that reads one state of the database.
    var beginSnapshot: String
    /// That a long text equals one: by an index that may have the beginning of each text alone.
    var textEquals: @Sendable (_ column: String, _ operand: SQLFragment) -> SQLFragment
    /// As ``textEquals``, of several.
    var textIsOneOf: @Sendable (_ column: String, _ operands: [SQLFragment]) -> SQLFragment
    /// That a long text is one of several, for `{list}` and, where the beginnings are looked for first, `{beginnings}`.
    var textIsAmong: @Sendable (_ column: String) -> String
    /// Whether an index finds what stands in a relation, such as `<`, to a value of a column, which may be a long text.
    var finds: @Sendable (_ isLongText: Bool, _ symbol: String) -> Bool
    /// A query with the values of its `IN ({list})`, and their beginnings of 255 characters for `IN ({beginnings})`.
    var list: @Sendable (SQLQuery, [SQLValue]) -> SQLQuery
    /// How a protobuf message stands in a column: as bytes, or as base64 in text.
    var hasBinaryProtos: Bool
    /// What a column of doubles keeps of one: the same where it takes it.
    var stored: @Sendable (Double) -> Double
    /// Functions and operators of filter queries.
    var filter: FilterDialect

    /// What stands for a table of candidates in a query.
    struct Lookup {
        /// Before SELECT.
        var prefix = ""
        /// After FROM, the node's table as `n`.
        var from: String
        /// Values of ``prefix`` and ``from``, in this order.
        var values: [SQLValue] = []
        /// That a node is one of them, where ``from`` does not say it.
        var condition: Condition?
    }
}
