import SQLite

extension Dialect {
    static let mySQL = Dialect(
        byID: " FORCE INDEX (PRIMARY)", byIndex: { " FORCE INDEX (\($0))" }, orderedJoin: "STRAIGHT_JOIN",
        comesAfter: Self.afterInParts,
        among: { candidate, table in
            Lookup(
                from: "(SELECT DISTINCT c.id FROM (\(candidate.sql)) AS c) AS m"
                    + " STRAIGHT_JOIN \(table) AS n ON n.id = m.id",
                values: candidate.values)
        },
        greatest: "GREATEST",
        // The table has no key: rows of one event come in the order of InnoDB's own hidden number, with and without
        // the index, as the original reads them. A sort would lose it.
        stepsInOrder: "",
        lastInserted: { "\($0) DESC" }, orLeave: { " ON DUPLICATE KEY UPDATE \($0) = \($0)" },
        lastID: "SELECT LAST_INSERT_ID()",
        // The session has READ COMMITTED.
        beginWrite: ["START TRANSACTION"], lockTypes: "SELECT schema_version FROM MLMDEnv FOR UPDATE",
        // The range is of the column's collation, which may take small letters for capital ones.
        isBelow: { column, folder in
            let (first, last) = (SQLFragment(.text(folder + "/")), SQLFragment(.text(folder + "0")))
            return """
                \(column) >= \(first) AND \(column) < \(last)
                AND CAST(left(\(column), char_length(\(first))) AS BINARY) = CAST(\(first) AS BINARY)
                """
        },
        orderBelow: { $0 }, forUpdate: " FOR UPDATE",
        beginSnapshot: "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        textEquals: { "\($0) = \($1)" }, textIsOneOf: Self.isOneOf, textIsAmong: { "\($0) IN ({list})" },
        finds: { _, _ in true }, list: { $0.listing($1) },
        hasBinaryProtos: false,
        // It refuses a NaN and what is infinite, and MariaDB loses the sign of zero.
        stored: { $0.isFinite && $0 != 0 ? $0 : 0 }, filter: .mySQL)
}
