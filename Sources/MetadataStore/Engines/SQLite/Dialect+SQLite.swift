import SQLite

extension Dialect {
    static let sqlite = Dialect(
        // It leaves the order of the rows themselves, which is that of the ids.
        byID: " NOT INDEXED", byIndex: { " INDEXED BY \($0)" },
        // SQLite does not change the order of a CROSS JOIN.
        orderedJoin: "CROSS JOIN",
        comesAfter: { columns, sign, values in
            Condition(
                sql: "(\(columns.0), \(columns.1)) \(sign) (?, ?)", values: [.integer(values.0), .integer(values.1)])
        },
        among: { candidate, table in
            Lookup(
                from: "\(table) AS n NOT INDEXED",
                condition: Condition(sql: "n.id IN (\(candidate.sql))", values: candidate.values))
        },
        greatest: "max", stepsInOrder: " ORDER BY event_id, rowid",
        lastInserted: { _ in "rowid DESC" },
        orLeave: { _ in " ON CONFLICT DO NOTHING" }, lastID: "SELECT last_insert_rowid()",
        beginWrite: ["BEGIN IMMEDIATE"], lockTypes: "",
        // "0" comes after "/".
        isBelow: { column, folder in
            "\(column) >= \(SQLFragment(.text(folder + "/"))) AND \(column) < \(SQLFragment(.text(folder + "0")))"
        },
        orderBelow: { $0 }, forUpdate: "", forShare: "", reserve: { _, _ in [] },
        insertRows: Dialect.insertValues, beginSnapshot: "BEGIN DEFERRED",
        textEquals: { "\($0) = \($1)" }, elements: { $0.joined(separator: ", ") },
        textIsOneOf: Dialect.isOneOf, textIsAmong: { "\($0) IN ({list})" },
        finds: { _, _ in true }, list: { $0.listing($1) },
        hasBinaryProtos: false,
        // It has no NaN and no negative zero. The wheel refuses to read a row with no value at all: it sees 0.
        stored: { $0.isNaN || $0 == 0 ? 0 : $0 }, filter: .sqlite)

    /// `INSERT … VALUES (…), (…)`.
    @Sendable static func insertValues(
        _ table: String, _ columns: [PendingRows.Column], _ rows: [[SQLValue]], _ suffix: String
    ) -> [SQLQuery] {
        let mark = "(" + columns.map { _ in "?" }.joined(separator: ", ") + ")"
        let names = columns.map(\.name).joined(separator: ", ")
        return rows.parts().map { part in
            let marks = part.map { _ in mark }.joined(separator: ", ")
            return SQLQuery("INSERT INTO \(table) (\(names)) VALUES \(marks)\(suffix)", part.flatMap { $0 })
        }
    }

    /// That a value is one of several.
    @Sendable static func isOneOf(_ column: String, _ operands: [SQLFragment]) -> SQLFragment {
        "\(column) IN (\(operands.joined(separator: ", ")))"
    }
}
