import FoundationEssentials
import SQLite

extension Dialect {
    static let mySQL = Dialect(
        byID: " FORCE INDEX (PRIMARY)", byIndex: { " FORCE INDEX (\($0))" }, orderedJoin: "STRAIGHT_JOIN",
        comesAfter: Dialect.afterInParts,
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
        forShare: " LOCK IN SHARE MODE", reserve: Dialect.reserve, insertRows: Dialect.insertValues,
        beginSnapshot: "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        textEquals: { "\($0) = \($1)" }, elements: { $0.joined(separator: ", ") },
        textIsOneOf: Dialect.isOneOf, textIsAmong: { "\($0) IN ({list})" },
        finds: { _, _ in true }, list: { $0.listing($1) },
        hasBinaryProtos: false,
        // It refuses a NaN and what is infinite, and MariaDB loses the sign of zero.
        stored: { $0.isFinite && $0 != 0 ? $0 : 0 }, filter: .mySQL)

    /// Rows that are undone: their numbers are not given to others.
    ///
    /// One INSERT of many rows gets numbers that follow each other, whatever `innodb_autoinc_lock_mode` is.
    @Sendable private static func reserve(_ table: WriteGroup.Numbered, _ count: Int) -> [SQLQuery] {
        let rows = (0..<count).map { row -> [SQLValue] in
            switch table {
            case .node(.artifact), .node(.execution): [.integer(0)]
            case .node(.context): [.integer(0), .text(UUID().uuidString)]
            // Of no event, and not of another writer.
            case .event: [.integer(-Int64.random(in: 1...Int64(Int32.max))), .integer(Int64(row)), .integer(0)]
            }
        }
        let columns =
            switch table {
            case .node(.artifact), .node(.execution): ["type_id"]
            case .node(.context): ["type_id", "name"]
            case .event: ["artifact_id", "execution_id", "type"]
            }
        return stride(from: 0, to: rows.count, by: 5_000).flatMap { start in
            let part = Array(rows[start..<min(start + 5_000, rows.count)])
            return [SQLQuery("SAVEPOINT numbers")]
                + insertValues(table.table, columns.map { PendingRows.Column(name: $0) }, part, "")
                + [
                    SQLQuery("SELECT LAST_INSERT_ID(), @@auto_increment_increment, \(part.count)"),
                    SQLQuery("ROLLBACK TO SAVEPOINT numbers"),
                ]
        }
    }
}
