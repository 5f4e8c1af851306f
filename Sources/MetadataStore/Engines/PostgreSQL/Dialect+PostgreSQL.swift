import SQLite

extension Dialect {
    static let postgreSQL = Dialect(
        byID: "", byIndex: { _ in "" }, orderedJoin: "JOIN", comesAfter: Self.afterInParts,
        among: { candidate, table in
            // Materialized, or the planner walks an index of times in the hope to meet one of few soon.
            Lookup(
                prefix: "WITH m AS MATERIALIZED (SELECT DISTINCT c.id FROM (\(candidate.sql)) AS c) ",
                from: "m JOIN \(table) AS n ON n.id = m.id", values: candidate.values)
        },
        greatest: "GREATEST",
        // The place in the table, which is the order of insertion where nothing was deleted.
        stepsInOrder: " ORDER BY event_id, ctid",
        lastInserted: { "\($0) DESC" }, orLeave: { _ in " ON CONFLICT DO NOTHING" },
        lastID: "SELECT lastval()",
        beginWrite: ["BEGIN ISOLATION LEVEL READ COMMITTED", "SET LOCAL lock_timeout = '10s'"],
        lockTypes: "SELECT schema_version FROM MLMDEnv FOR UPDATE",
        // By the bytes, whatever the database's collation is; the operators are those of the index of beginnings.
        isBelow: { column, folder in
            """
            left(\(column), 255) ~>=~ left(\(SQLFragment(.text(folder + "/"))), 255) AND
            left(\(column), 255) ~<=~ left(\(SQLFragment(.text(folder + "0"))), 255) AND
            starts_with(\(column), \(SQLFragment(.text(folder + "/"))))
            """
        },
        orderBelow: { "left(\($0), 255) USING ~<~" }, forUpdate: " FOR UPDATE",
        beginSnapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        // A database of ours has an index of the first 255 characters, MLMD's own one of the whole: each serves its half.
        textEquals: { "(left(\($0), 255) = left(\($1), 255) AND \($0) = \($1))" },
        textIsOneOf: { column, operands in
            let beginnings = operands.map { "left(\($0), 255)" as SQLFragment }.joined(separator: ", ")
            return "(left(\(column), 255) IN (\(beginnings)) AND \(column) IN (\(operands.joined(separator: ", "))))"
        },
        textIsAmong: { "left(\($0), 255) IN ({beginnings}) AND \($0) IN ({list})" },
        finds: { isLong, symbol in !isLong || symbol == "=" }, list: Self.arrays,
        hasBinaryProtos: true,
        // Of its NaN, sent as text, the other bits are lost.
        stored: { $0.isNaN ? .nan : $0 }, filter: .postgreSQL)

    /// Lists as one parameter each, so that one prepared statement serves every length.
    @Sendable static func arrays(_ query: SQLQuery, _ values: [SQLValue]) -> SQLQuery {
        let array = "SELECT unnest(CAST(? AS \(PostgreSQLArray.type(of: values))[]))"
        let beginnings = values.map { value -> SQLValue in
            guard case .text(let text) = value else { return value }
            return .text(String(String.UnicodeScalarView(text.unicodeScalars.prefix(255))))
        }
        return query.filled([
            "{list}": (array, [PostgreSQLArray.literal(values)]),
            "{beginnings}": (array, [PostgreSQLArray.literal(beginnings)]),
        ])
    }

    /// `(a, b) > (x, y)` in parts, of which the first is one that an index of `a` serves: of row values some servers
    /// look through the whole index.
    @Sendable static func afterInParts(
        _ columns: (String, String), _ sign: String, _ values: (Int64, Int64)
    ) -> Condition {
        Condition(
            sql: "\(columns.0) \(sign)= ? AND (\(columns.0) \(sign) ? OR \(columns.1) \(sign) ?)",
            values: [.integer(values.0), .integer(values.0), .integer(values.1)])
    }
}
