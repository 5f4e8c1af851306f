import MetadataAPI
import SQLite

/// How the rows of a list are found.
///
/// Planners guess where they have no statistics of a store's tables, as SQLite's; here the indexes are asked.
/// A small set of candidates is looked up by id; else the nodes are walked in the order of the
/// list, which ends with the page.
struct NodeQuery {
    /// The order of a list.
    struct Order {
        var field = "id"
        var ascending = true
        /// Where it begins: after this value of the field, and this id.
        var after: (field: Int64, id: Int64)?

        fileprivate var word: String { ascending ? "ASC" : "DESC" }
        fileprivate var sign: String { ascending ? ">" : "<" }

        /// The condition of what comes after the beginning.
        fileprivate func seek(_ alias: String, _ dialect: Dialect) -> Condition? {
            guard let after else { return nil }
            return field == "id"
                ? Condition(sql: "\(alias).id \(sign) ?", values: [.integer(after.id)])
                : dialect.comesAfter(("\(alias).\(field)", "\(alias).id"), sign, (after.field, after.id))
        }

        fileprivate func clause(_ alias: String) -> String {
            field == "id"
                ? " ORDER BY \(alias).id \(word)"
                : " ORDER BY \(alias).\(field) \(word), \(alias).id \(word)"
        }
    }

    /// More candidates than these are not looked up one by one: a walk meets one of them soon.
    static let maximumCandidates = 5_000
    /// So many rows of the order's index are looked at before all of a context's nodes are sorted.
    static let walkBudget = 4_000

    var kind: NodeKind
    var condition: Condition
    /// Only the nodes of this context.
    var context: Int64?
    var order = Order()
    var limit: Int?

    /// The rows, as `SELECT` of columns of `n`, the node's table, and `t`, that of its type.
    func rows<Result>(
        _ columns: String, _ connection: Session, row: (Row) -> Result
    ) throws -> [Result] {
        for statement in try statements(columns, connection) {
            let rows = try connection.rows(statement.sql, values: statement.values, row: row)
            if statement.isComplete || rows.count == limit { return rows }
        }
        return []
    }

    /// A statement to run.
    struct Plan {
        var sql: String
        var values: [SQLValue]
        /// Whether its rows are all there are; else they count only when they fill the page.
        var isComplete = true
    }

    /// The statements to try one after the other; internal for the tests of the query plans.
    func statements(_ columns: String, _ connection: Session) throws -> [Plan] {
        let dialect = connection.dialect
        if let candidate = try smallest(condition.candidates, connection) {
            return [lookup(columns, candidate, dialect)]
        }
        guard let context, let link = kind.contextLink else { return [walk(columns, dialect)] }
        let members = Candidate(
            sql: "SELECT \(kind.word)_id AS id FROM \(link) WHERE context_id = ?", values: [.integer(context)])
        if order.field == "id" { return [walk(columns, link, context, dialect)] }
        if try count(members, upTo: Self.walkBudget, connection) <= Self.walkBudget {
            return [lookup(columns, members, dialect)]
        }
        let all = lookup(columns, members, dialect)
        guard limit != nil else { return [all] }
        // Where the walk comes to the end of the index, it has found all there is.
        let head = walkHead(dialect)
        let walked = try connection.rows("SELECT COUNT(*) FROM (\(head.sql)) AS c", values: head.values) {
            Int($0.integer(0))
        }
        let isComplete = (walked.first ?? 0) < Self.walkBudget
        return [budgetedWalk(columns, link, context, dialect, isComplete: isComplete), all]
    }

    // MARK: Candidates

    private func smallest(
        _ candidates: [Candidate], _ connection: Session
    ) throws -> Candidate? {
        var best: (candidate: Candidate, count: Int)?
        for candidate in candidates {
            let bound = best?.count ?? Self.maximumCandidates + 1
            let count = try count(candidate, upTo: bound, connection)
            if count < bound { best = (candidate, count) }
            if count <= 100 { break }
        }
        return best?.candidate
    }

    private func count(
        _ candidate: Candidate, upTo bound: Int, _ connection: Session
    ) throws -> Int {
        let rows = try connection.rows(
            "SELECT COUNT(*) FROM (\(candidate.sql) LIMIT ?) AS c",
            values: candidate.values + [.integer(Int64(bound) + 1)]
        ) { Int($0.integer(0)) }
        return rows.first ?? 0
    }

    // MARK: Statements

    private static let types = " LEFT JOIN Type AS t ON t.id = n.type_id"

    private func plan(
        _ head: String, _ headValues: [SQLValue] = [], where conditions: [Condition?],
        orderedBy clause: String? = nil, isComplete: Bool = true
    ) -> Plan {
        let condition = Condition.all(conditions.compactMap { $0 })
        var values = headValues + condition.values
        var sql = head + " WHERE " + condition.sql + (clause ?? order.clause("n"))
        if let limit {
            sql += " LIMIT ?"
            values.append(.integer(Int64(limit)))
        }
        return Plan(sql: sql, values: values, isComplete: isComplete)
    }

    /// Nodes by their ids.
    private func lookup(_ columns: String, _ candidate: Candidate, _ dialect: Dialect) -> Plan {
        let among = dialect.among(candidate, kind.table)
        return plan(
            "\(among.prefix)SELECT \(columns) FROM \(among.from)\(Self.types)", among.values,
            where: [among.condition, membership, order.seek("n", dialect), condition])
    }

    private var membership: Condition? {
        guard let context, let link = kind.contextLink else { return nil }
        return Condition(
            sql: "EXISTS (SELECT 1 FROM \(link) WHERE context_id = ? AND \(kind.word)_id = n.id)",
            values: [.integer(context)])
    }

    /// All nodes in the order of the list.
    private func walk(_ columns: String, _ dialect: Dialect) -> Plan {
        let index = order.field == "id" ? dialect.byID : dialect.byIndex(timeIndex)
        return plan(
            "SELECT \(columns) FROM \(kind.table) AS n\(index)\(Self.types)",
            where: [order.seek("n", dialect), condition])
    }

    private var timeIndex: String { "idx_\(kind.word)_\(order.field)" }

    /// The nodes of a context in the order of their ids, which is that of the links' index.
    private func walk(_ columns: String, _ link: String, _ context: Int64, _ dialect: Dialect) -> Plan {
        let key = "link.\(kind.word)_id"
        let seek = order.after.map {
            Condition(sql: "\(key) \(order.sign) ?", values: [.integer($0.id)])
        }
        return plan(
            "SELECT \(columns) FROM \(link) AS link \(dialect.orderedJoin) \(kind.table) AS n ON n.id = \(key)\(Self.types)",
            where: [Condition(sql: "link.context_id = ?", values: [.integer(context)]), seek, condition],
            orderedBy: " ORDER BY \(key) \(order.word)")
    }

    /// The first rows of the time's index.
    private func walkHead(_ dialect: Dialect) -> Candidate {
        let seek = order.seek("w", dialect)
        return Candidate(
            sql: "SELECT w.id FROM \(kind.table) AS w\(dialect.byIndex(timeIndex))"
                + (seek.map { " WHERE \($0.sql)" } ?? "") + order.clause("w") + " LIMIT \(Self.walkBudget)",
            values: seek?.values ?? [])
    }

    /// Those of the context among the first rows of the time's index. Where the context is a good
    /// part of the store they fill a page.
    private func budgetedWalk(
        _ columns: String, _ link: String, _ context: Int64, _ dialect: Dialect, isComplete: Bool
    ) -> Plan {
        let head = walkHead(dialect)
        return plan(
            "SELECT \(columns) FROM (\(head.sql)) AS first"
                + " \(dialect.orderedJoin) \(link) AS link ON link.context_id = ? AND link.\(kind.word)_id = first.id"
                + " \(dialect.orderedJoin) \(kind.table) AS n ON n.id = first.id\(Self.types)",
            head.values + [.integer(context)], where: [condition], isComplete: isComplete)
    }
}
