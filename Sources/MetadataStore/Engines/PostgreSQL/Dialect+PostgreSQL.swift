import SQLite

extension Dialect {
    static let postgreSQL = Dialect(
        byID: "", byIndex: { _ in "" }, orderedJoin: "JOIN", comesAfter: Dialect.afterInParts,
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
        beginWrite: [
            "BEGIN ISOLATION LEVEL READ COMMITTED", "SET LOCAL lock_timeout = '10s'",
            // A client that is gone without a word keeps nobody waiting.
            "SET LOCAL idle_in_transaction_session_timeout = '30s'",
        ],
        lockTypes: "SELECT schema_version FROM MLMDEnv FOR UPDATE",
        // By the bytes, whatever the database's collation is; the operators are those of the index of beginnings.
        isBelow: { column, folder in
            """
            left(\(column), 255) ~>=~ left(\(SQLFragment(.text(folder + "/"))), 255) AND
            left(\(column), 255) ~<=~ left(\(SQLFragment(.text(folder + "0"))), 255) AND
            starts_with(\(column), \(SQLFragment(.text(folder + "/"))))
            """
        },
        orderBelow: { "left(\($0), 255) USING ~<~" }, forUpdate: " FOR UPDATE", forShare: " FOR KEY SHARE",
        reserve: { table, count in
            let name = table.table.lowercased()
            return [
                SQLQuery(
                    """
                    SELECT nextval(COALESCE(pg_get_serial_sequence('\(name)', 'id'), '\(name)_id_seq')), 1, 1
                    FROM generate_series(1, ?)
                    """, [.integer(Int64(count))])
            ]
        },
        insertRows: Dialect.insertArrays,
        beginSnapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        // A database of ours has an index of the first 255 characters, MLMD's own one of the whole: each serves its half.
        textEquals: { "(left(\($0), 255) = left(\($1), 255) AND \($0) = \($1))" },
        elements: Dialect.elementsAsArray,
        textIsOneOf: { column, operands in
            let beginnings = operands.map { operand -> SQLFragment in
                guard operand.text == "?", case .text(let text)? = operand.values.first else {
                    return "left(\(operand), 255)"
                }
                return SQLFragment(.text(Dialect.beginning(text)))
            }
            return """
                (left(\(column), 255) IN (\(Dialect.elementsAsArray(beginnings)))
                AND \(column) IN (\(Dialect.elementsAsArray(operands))))
                """
        },
        textIsAmong: { "left(\($0), 255) IN ({beginnings}) AND \($0) IN ({list})" },
        finds: { isLong, symbol in !isLong || symbol == "=" }, list: Dialect.arrays,
        hasBinaryProtos: true,
        // Of its NaN, sent as text, the other bits are lost.
        stored: { $0.isNaN ? .nan : $0 }, filter: .postgreSQL)

    /// `INSERT … SELECT … FROM unnest(…)`: each column an array, so that one prepared statement serves every number of
    /// rows. They are inserted in the order of the arrays.
    @Sendable static func insertArrays(
        _ table: String, _ columns: [PendingRows.Column], _ rows: [[SQLValue]], _ suffix: String
    ) -> [SQLQuery] {
        let names = columns.map(\.name).joined(separator: ", ")
        let arrays = columns.map { "CAST(? AS \($0.type)[])" }.joined(separator: ", ")
        return rows.parts().map { part in
            SQLQuery(
                "INSERT INTO \(table) (\(names)) SELECT * FROM unnest(\(arrays))\(suffix)",
                columns.indices.map { column in PostgreSQLArray.literal(part.lazy.map { $0[column] }) })
        }
    }

    /// What an index of beginnings has of a text.
    private static func beginning(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(255)))
    }

    /// Many values as one parameter: a statement takes 65,535 of them.
    @Sendable private static func elementsAsArray(_ operands: [SQLFragment]) -> SQLFragment {
        let values = operands.compactMap { $0.text == "?" ? $0.values.first : nil }
        let types = Set(values.map { PostgreSQLArray.type(of: [$0]) })
        guard values.count > 100, values.count == operands.count, types.count == 1, let type = types.first,
            !values.contains(.null)
        else { return operands.joined(separator: ", ") }
        return "SELECT unnest(CAST(\(SQLFragment(PostgreSQLArray.literal(values))) AS \(type)[]))"
    }

    /// Lists as one parameter each, so that one prepared statement serves every length.
    @Sendable static func arrays(_ query: SQLQuery, _ values: [SQLValue]) -> SQLQuery {
        let array = "SELECT unnest(CAST(? AS \(PostgreSQLArray.type(of: values))[]))"
        let beginnings = values.map { value -> SQLValue in
            guard case .text(let text) = value else { return value }
            return .text(beginning(text))
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
