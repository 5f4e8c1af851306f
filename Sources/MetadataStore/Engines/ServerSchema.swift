import SQLite

/// Brings a database of a server into use: makes MLMD's tables in an empty one, and checks one that has them.
///
/// MLMD's tables are left as they are. Those that are made here are wider: its server opens them all the same.
struct ServerSchema {
    /// What ``prepare()`` found.
    struct Found {
        /// The columns of MLMD's tables.
        var columns: [StoreShape.Column]
        /// Whether the tables are ours.
        var isOurs: Bool
        /// Whether there is a table for the marks of commits.
        var hasMarks: Bool

        /// Whether the steps of events are numbered: the original's table tells their order by accident.
        var numbersSteps: Bool { columns.contains { $0.table == "eventpath" && $0.name == "kfmd_step" } }
    }

    /// MLMD's tables and indexes in this database's words; each can be run again.
    var statements: [String]
    /// The tables of ours.
    var ownStatements: [String]
    /// The database's schema in `information_schema`.
    var currentSchema: String
    /// Keeps others from doing the same at once, until ``unlock`` or the transaction's end.
    var lock: [String]
    var unlock: [String]
    /// Whether what is done between both is undone where it fails.
    var isTransactional: Bool
    var session: ServerSession
    /// The database, for messages.
    var name: String

    /// That it is there says that kfmd made MLMD's tables; its rows are for later versions.
    static let ownTable = "kfmd_store"

    /// - Throws: ``StoreFileError``, `ServerError`.
    func prepare() throws -> Found {
        if isTransactional { session.begin(lock.map { SQLQuery($0) }) } else { try run(lock) }
        do {
            let found = try prepareLocked()
            if isTransactional { try session.commit() } else { try run(unlock) }
            return found
        } catch {
            if isTransactional { session.rollBack() } else { try? run(unlock) }
            throw error
        }
    }

    private func prepareLocked() throws -> Found {
        var columns = try self.columns()
        var tables = Set(columns.map(\.table))
        let isEmpty = !Schema.tableNames.contains { tables.contains($0.lowercased()) }
        var isOurs = tables.contains(Self.ownTable)
        if isEmpty || isOurs, try version(tables) == nil {
            do {
                // Ours first: what an interruption leaves is then known for ours, and gone on with.
                try run(ownStatements + statements)
                try run(["INSERT INTO MLMDEnv (schema_version) VALUES (\(Schema.version))"])
            } catch let error as ServerError where error.kind == .notAllowed || error.kind == .readOnly {
                throw StoreFileError(
                    path: name, reason: "is empty, and its tables cannot be made: \(error). The user needs CREATE there"
                )
            }
            columns = try self.columns()
            tables = Set(columns.map(\.table))
            isOurs = true
        }
        try check(tables)
        let session = Session(server: session, .file)
        if try !SystemType.isPrepared(session) { try SystemType.prepare(session) }
        return Found(columns: columns, isOurs: isOurs, hasMarks: try makeMarks(tables))
    }

    private func check(_ tables: Set<String>) throws {
        guard tables.contains("mlmdenv") else {
            throw StoreFileError(
                path: name, reason: "has tables, but not MLMDEnv: it is no metadata store; give another database")
        }
        guard let found = try version(tables) else {
            throw StoreFileError(
                path: name,
                reason:
                    "has the table MLMDEnv without a schema_version: whoever made it was interrupted. Where it has no "
                    + "nodes yet, drop the database, and it is made anew")
        }
        guard found <= Schema.version else {
            throw StoreFileError(
                path: name,
                reason: "has schema version \(found), newer than the \(Schema.version) that this kfmd knows")
        }
        guard found == Schema.version else {
            throw StoreFileError(
                path: name,
                reason: "has the older schema version \(found); start ML Metadata's own server 1.14 on it once, with "
                    + "--enable_database_upgrade=true, which brings it to \(Schema.version)")
        }
        let missing = Schema.tableNames.filter { !tables.contains($0.lowercased()) }
        guard missing.isEmpty else {
            throw StoreFileError(
                path: name, reason: "lacks tables of schema version \(found): \(missing.joined(separator: ", "))")
        }
    }

    /// - Returns: whether there is the table of marks, which a user without CREATE does without.
    private func makeMarks(_ tables: Set<String>) throws -> Bool {
        if tables.contains(CommitMark.table) { return true }
        guard let statement = ownStatements.first(where: { $0.contains(CommitMark.table) }) else { return false }
        do {
            try run(isTransactional ? ["SAVEPOINT marks", statement] : [statement])
            return true
        } catch let error as ServerError where error.kind == .notAllowed || error.kind == .readOnly {
            if isTransactional { try run(["ROLLBACK TO SAVEPOINT marks"]) }
            return false
        }
    }

    /// - Throws: ``StoreFileError`` where there are several.
    private func version(_ tables: Set<String>) throws -> Int64? {
        guard tables.contains("mlmdenv") else { return nil }
        var versions: [Int64] = []
        try session.run([SQLQuery("SELECT schema_version FROM MLMDEnv")]) { versions.append($1.integer(0)) }
        guard versions.count < 2 else {
            throw StoreFileError(
                path: name,
                reason: "has \(versions.count) rows in MLMDEnv, where one should tell the schema version")
        }
        return versions.first
    }

    private func columns() throws -> [StoreShape.Column] {
        var columns: [StoreShape.Column] = []
        try session.run([
            SQLQuery(
                """
                SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns
                WHERE table_schema = \(currentSchema)
                """)
        ]) { _, row in
            columns.append(
                StoreShape.Column(
                    table: row.text(0).lowercased(), name: row.text(1).lowercased(), type: row.text(2).lowercased(),
                    length: row.isNull(3) ? nil : Int(clamping: row.integer(3))))
        }
        return columns
    }

    private func run(_ statements: [String]) throws {
        guard !statements.isEmpty else { return }
        try session.run(statements.map { SQLQuery($0) }) { _, _ in }
    }
}
