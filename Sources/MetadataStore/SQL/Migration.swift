import FoundationEssentials
internal import SQLite

/// What was done to a store file of an older schema.
public struct StoreMigration: Sendable, Equatable {
    /// The schema version that it had; 0 is that of MLMD before 0.14, which wrote none.
    public var version: Int64
    /// Where the file is kept as it was.
    public var copy: String
}

/// Brings a store file of an older schema to ``Schema/version``.
///
/// The versions and their tables are those of MLMD 0.13.2 (0), 0.14 to 0.21 (4), 0.22 to 0.24 (5),
/// 0.25 to 1.0 (6), 1.1 to 1.6 (7), 1.7 to 1.10 (8); 1 to 3 and 9 exist by its downgrades only.
/// Each only adds tables and columns to the one before, so all are brought over in one way: new
/// tables, filled from the columns that the old ones have.
enum Migration {
    /// The version of a database with tables.
    /// - Throws: `SQLiteError`, ``Schema/VersionError`` when it is no store.
    static func version(of connection: Connection, _ tables: Set<String>) throws -> Int64 {
        if tables.contains("MLMDEnv") {
            let versions = try connection.rows("SELECT schema_version FROM MLMDEnv") { $0.integer(0) }
            guard versions.count == 1 else {
                throw Schema.VersionError(
                    reason: "has \(versions.count) rows in MLMDEnv, where one should tell the schema version")
            }
            return versions[0]
        }
        guard tables.contains("Type"), tables.contains("Artifact"), tables.contains("Execution") else {
            throw Schema.VersionError(
                reason: "is a SQLite database, but no metadata store: it has no table MLMDEnv")
        }
        guard try columns(of: "Type", connection).contains("is_artifact_type") else {
            throw Schema.VersionError(reason: "has no table MLMDEnv, which tells the schema version")
        }
        return 0
    }

    /// Migrates in one transaction, after a copy was made.
    /// - Returns: `nil` when another process did it meanwhile.
    static func run(_ connection: Connection, path: String, from version: Int64) throws -> StoreMigration? {
        let copy = free("\(path).schema-\(version)")
        do {
            // SQLite takes an empty file, and would let everybody read one of its own.
            DatabaseFile.create(copy)
            try connection.run("VACUUM INTO ?", copy)
        } catch {
            try? FileManager.default.removeItem(atPath: copy)
            throw Schema.VersionError(
                reason: "has schema version \(version), and no copy of it can be made at \(copy): \(error.message)")
        }
        // Views of the user's own may name the tables that are renamed here.
        try connection.execute("PRAGMA legacy_alter_table = ON")
        do {
            let isDone = try connection.transaction {
                let now = try self.version(of: connection, try Schema.tables(of: connection))
                if now == version { try rebuild(connection) }
                return now == version
            }
            guard isDone else {
                try? FileManager.default.removeItem(atPath: copy)
                return nil
            }
        } catch {
            try? FileManager.default.removeItem(atPath: copy)
            let why = (error as? Schema.VersionError)?.reason ?? "\(error)"
            throw Schema.VersionError(
                reason: "has schema version \(version) and cannot be migrated; it is left as it was: \(why)")
        }
        try connection.execute("PRAGMA legacy_alter_table = OFF")
        return StoreMigration(version: version, copy: copy)
    }

    private static func free(_ path: String) -> String {
        var candidate = path
        var number = 2
        while FileManager.default.fileExists(atPath: candidate) {
            candidate = "\(path)-\(number)"
            number += 1
        }
        return candidate
    }

    private static let prefix = "kfmd_old_"

    private static func rebuild(_ connection: Connection) throws {
        let old = try Schema.tables(of: connection).intersection(Schema.tableNames)
        guard old.isSuperset(of: ["Type", "Artifact", "Execution", "Event"]) else {
            throw Schema.VersionError(
                reason: "lacks tables of its schema version; it has \(old.sorted().joined(separator: ", "))")
        }
        let sequences = try connection.rows("SELECT name, seq FROM sqlite_sequence") {
            ($0.text(0), $0.integer(1))
        }
        for table in old.sorted() {
            // The names of indexes are the database's, not the table's.
            let indexes = try connection.rows(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", table
            ) { $0.text(0) }
            for index in indexes { try connection.execute("DROP INDEX \"\(index)\"") }
            try connection.execute("ALTER TABLE \"\(table)\" RENAME TO \"\(prefix)\(table)\"")
        }
        try Schema.create(connection)
        for table in Schema.tableNames where old.contains(table) && table != "MLMDEnv" {
            try copy(table, connection)
        }
        for table in old.sorted() { try connection.execute("DROP TABLE \"\(prefix)\(table)\"") }
        // Ids are not given out again, those of deleted rows included.
        for (table, last) in sequences where old.contains(table) {
            try connection.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ? AND seq < ?", last, table, last)
        }
        try SystemType.prepare(Session(file: connection))
    }

    private static func copy(_ table: String, _ connection: Connection) throws {
        let source = prefix + table
        let old = try columns(of: source, connection)
        var pairs = try columns(of: table, connection).filter(old.contains).map { (to: $0, from: $0) }
        // Up to version 1 there were two kinds only, with the numbers that they still have.
        if table == "Type", old.contains("is_artifact_type") {
            pairs.append((to: "type_kind", from: "is_artifact_type"))
        }
        let filter =
            switch table {
            // Before version 8 an event could be stored twice; MLMD keeps the last.
            case "Event": "WHERE id IN (SELECT MAX(id) FROM \(source) GROUP BY artifact_id, execution_id, type)"
            case "EventPath": "WHERE event_id IN (SELECT id FROM Event)"
            default: ""
            }
        try connection.execute(
            """
            INSERT INTO \(table) (\(pairs.map(\.to).joined(separator: ", ")))
            SELECT \(pairs.map(\.from).joined(separator: ", ")) FROM \(source) \(filter) ORDER BY rowid
            """)
    }

    private static func columns(of table: String, _ connection: Connection) throws -> [String] {
        try connection.rows("SELECT name FROM pragma_table_info(?)", table) { $0.text(0) }
    }
}
