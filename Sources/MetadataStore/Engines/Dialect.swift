import SQLite

/// How a database writes what databases write differently.
///
/// What all of them take alike is written once: TRUE and FALSE, `LIMIT ?`, names in CamelCase, subqueries with a name.
///
/// A reference: filters are made by functions that call themselves, whose frames would each have a copy.
final class Dialect: Sendable {
    /// What makes a query walk a table in the order of its ids.
    let byID: String
    /// What makes a query use an index, before the conditions.
    let byIndex: @Sendable (_ name: String) -> String
    /// Joins two tables so that the first is read first.
    let orderedJoin: String
    /// That a row comes after one in the order of two columns.
    let comesAfter: @Sendable (_ columns: (String, String), _ sign: String, _ values: (Int64, Int64)) -> Condition
    /// Nodes among candidates: what stands between `SELECT columns` and the other conditions.
    let among: @Sendable (_ candidate: Candidate, _ table: String) -> Lookup
    /// The greater of two values.
    let greatest: String
    /// The order in which the steps of events were put, as `ORDER BY`.
    let stepsInOrder: String
    /// The rows of a table in the order of their insertion, the last first, or nearly so.
    let lastInserted: @Sendable (_ key: String) -> String
    /// Leaves a row that is there as it is, after an INSERT; `column` is one of its own.
    let orLeave: @Sendable (_ column: String) -> String
    /// The number of the row that was inserted last.
    let lastID: String
    /// Begins a transaction that writes.
    let beginWrite: [String]
    /// Lets only one transaction at a time make types: `Type` has no unique key. The one row that all databases have.
    let lockTypes: String
    /// That a text begins with a folder and a slash: what stands for the two is the folder's location.
    let isBelow: @Sendable (_ column: String, _ folder: String) -> SQLFragment
    /// The order of such texts.
    let orderBelow: @Sendable (_ column: String) -> String
    /// Behind a SELECT of rows that the transaction will change: others wait until it ends.
    let forUpdate: String
    /// The same, where others may do it too.
    let forShare: String
    /// Numbers for so many new rows of a table: queries of which a row has the first, the step between them, and how many.
    let reserve: @Sendable (_ table: WriteGroup.Numbered, _ count: Int) -> [SQLQuery]
    /// Inserts rows, many with one statement; `suffix` stands behind each.
    let insertRows:
        @Sendable (_ table: String, _ columns: [PendingRows.Column], _ rows: [[SQLValue]], _ suffix: String) ->
            [SQLQuery]
    /// Begins a transaction that reads one state of the database.
    let beginSnapshot: String
    /// That a long text equals one: by an index that may have the beginning of each text alone.
    let textEquals: @Sendable (_ column: String, _ operand: SQLFragment) -> SQLFragment
    /// What stands within the parentheses of an `IN` of values that a filter names.
    let elements: @Sendable (_ operands: [SQLFragment]) -> SQLFragment
    /// As ``textEquals``, of several.
    let textIsOneOf: @Sendable (_ column: String, _ operands: [SQLFragment]) -> SQLFragment
    /// That a long text is one of several, for `{list}` and, where the beginnings are looked for first, `{beginnings}`.
    let textIsAmong: @Sendable (_ column: String) -> String
    /// Whether an index finds what stands in a relation, such as `<`, to a value of a column, which may be a long text.
    let finds: @Sendable (_ isLongText: Bool, _ symbol: String) -> Bool
    /// A query with the values of its `IN ({list})`, and their beginnings of 255 characters for `IN ({beginnings})`.
    let list: @Sendable (SQLQuery, [SQLValue]) -> SQLQuery
    /// How a protobuf message stands in a column: as bytes, or as base64 in text.
    let hasBinaryProtos: Bool
    /// What a column of doubles keeps of one: the same where it takes it.
    let stored: @Sendable (Double) -> Double
    /// Functions and operators of filter queries.
    let filter: FilterDialect

    init(
        byID: String,
        byIndex: @escaping @Sendable (_ name: String) -> String,
        orderedJoin: String,
        comesAfter:
            @escaping @Sendable (_ columns: (String, String), _ sign: String, _ values: (Int64, Int64)) -> Condition,
        among: @escaping @Sendable (_ candidate: Candidate, _ table: String) -> Lookup,
        greatest: String,
        stepsInOrder: String,
        lastInserted: @escaping @Sendable (_ key: String) -> String,
        orLeave: @escaping @Sendable (_ column: String) -> String,
        lastID: String,
        beginWrite: [String],
        lockTypes: String,
        isBelow: @escaping @Sendable (_ column: String, _ folder: String) -> SQLFragment,
        orderBelow: @escaping @Sendable (_ column: String) -> String,
        forUpdate: String,
        forShare: String,
        reserve: @escaping @Sendable (_ table: WriteGroup.Numbered, _ count: Int) -> [SQLQuery],
        insertRows:
            @escaping @Sendable (
                _ table: String, _ columns: [PendingRows.Column], _ rows: [[SQLValue]], _ suffix: String
            ) -> [SQLQuery],
        beginSnapshot: String,
        textEquals: @escaping @Sendable (_ column: String, _ operand: SQLFragment) -> SQLFragment,
        elements: @escaping @Sendable (_ operands: [SQLFragment]) -> SQLFragment,
        textIsOneOf: @escaping @Sendable (_ column: String, _ operands: [SQLFragment]) -> SQLFragment,
        textIsAmong: @escaping @Sendable (_ column: String) -> String,
        finds: @escaping @Sendable (_ isLongText: Bool, _ symbol: String) -> Bool,
        list: @escaping @Sendable (SQLQuery, [SQLValue]) -> SQLQuery,
        hasBinaryProtos: Bool,
        stored: @escaping @Sendable (Double) -> Double,
        filter: FilterDialect
    ) {
        self.byID = byID
        self.byIndex = byIndex
        self.orderedJoin = orderedJoin
        self.comesAfter = comesAfter
        self.among = among
        self.greatest = greatest
        self.stepsInOrder = stepsInOrder
        self.lastInserted = lastInserted
        self.orLeave = orLeave
        self.lastID = lastID
        self.beginWrite = beginWrite
        self.lockTypes = lockTypes
        self.isBelow = isBelow
        self.orderBelow = orderBelow
        self.forUpdate = forUpdate
        self.forShare = forShare
        self.reserve = reserve
        self.insertRows = insertRows
        self.beginSnapshot = beginSnapshot
        self.textEquals = textEquals
        self.elements = elements
        self.textIsOneOf = textIsOneOf
        self.textIsAmong = textIsAmong
        self.finds = finds
        self.list = list
        self.hasBinaryProtos = hasBinaryProtos
        self.stored = stored
        self.filter = filter
    }

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
