import MetadataAPI
import SQLite

/// The file of the search index: SQLite's FTS5 over parts of three letters, beside the store and never in it, so that
/// the original goes on writing the store's tables as they are.
///
/// It can be thrown away at any time. A row's number is its kind and its node's id, so that each kind is a range of
/// the index, in the order of its ids.
struct SearchFile {
    /// Counted up when what is in it changes: older ones are made anew.
    static let version: Int64 = 2

    let connection: Connection

    /// What the file says that it is (SQLite's `application_id`): `kfmd`.
    private static let application: Int64 = 0x6B66_6D64

    /// Why a file is not taken.
    struct NotOurs: Error {}

    /// Opens the file, and makes it anew where it is another version's, or damaged.
    /// - Parameter isNamedByUs: whether nobody else would have a file of this name. Else one that is something else is left
    ///   alone.
    /// - Throws: `SQLiteError`, ``NotOurs``.
    init(path: String, isNamedByUs: Bool) throws {
        do {
            connection = try Self.open(path, isNamedByUs)
        } catch let error as SQLiteError where error.kind == .notADatabase || error.kind == .corrupt {
            guard isNamedByUs else { throw NotOurs() }
            DatabaseFile.remove(path)
            connection = try Self.open(path, isNamedByUs)
        }
    }

    private static func open(_ path: String, _ isNamedByUs: Bool) throws -> Connection {
        let connection = try Connection(path: path)
        let owner = try connection.first("PRAGMA application_id") { $0.integer(0) } ?? 0
        let tables = try connection.first("SELECT COUNT(*) FROM sqlite_master") { $0.integer(0) } ?? 0
        guard owner == application || tables == 0 || isNamedByUs else { throw NotOurs() }
        // What a crash loses is indexed again.
        try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4096")
        let found = try connection.first("PRAGMA user_version") { $0.integer(0) } ?? 0
        if found != version || owner != application { try make(connection) }
        return connection
    }

    private static func make(_ connection: Connection) throws {
        try connection.transaction {
            try connection.execute(
                """
                DROP TABLE IF EXISTS Document; DROP TABLE IF EXISTS Words; DROP TABLE IF EXISTS Progress;
                CREATE TABLE Document (number INTEGER PRIMARY KEY, updated INT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL);
                CREATE VIRTUAL TABLE Words USING fts5(name, text, content = 'Document', content_rowid = 'number', tokenize = 'trigram');
                CREATE TABLE Progress (kind INTEGER PRIMARY KEY, id INT NOT NULL, updated INT NOT NULL, mark TEXT NOT NULL);
                PRAGMA user_version = \(version); PRAGMA application_id = \(application)
                """)
        }
    }

    /// Makes it empty: the store is another.
    /// - Throws: `SQLiteError`.
    func clear() throws { try Self.make(connection) }

    // MARK: Numbers

    /// Ids have up to 50 bits here: what is beyond is not found. FTS5 of SQLite 3.40 loses matches, read backwards, where
    /// numbers lie 2^57 or more apart.
    private static let idBits: Int64 = 50

    static func number(_ kind: NodeKind, _ id: Int64) -> Int64? {
        guard id >= 0, id < 1 << idBits else { return nil }
        return kind.rawValue << idBits | id
    }

    static func range(_ kind: NodeKind) -> (first: Int64, last: Int64) {
        let first = kind.rawValue << idBits
        return (first, first | ((1 << idBits) - 1))
    }

    static func id(_ number: Int64) -> Int64 { number & ((1 << idBits) - 1) }

    // MARK: Progress

    /// How far a kind is indexed.
    struct Progress: Equatable {
        /// The last node that was new.
        var id: Int64 = 0
        /// Nodes updated before this, in milliseconds since 1970, are as they are in the index.
        var updated: Int64 = 0
        /// What tells the store from another.
        var mark = ""
    }

    /// - Throws: `SQLiteError`.
    func progress(_ kind: NodeKind) throws(SQLiteError) -> Progress? {
        try connection.first("SELECT id, updated, mark FROM Progress WHERE kind = ?", kind.rawValue) {
            Progress(id: $0.integer(0), updated: $0.integer(1), mark: $0.text(2))
        }
    }

    /// Puts documents, and how far that is.
    /// - Throws: `SQLiteError`.
    func put(_ documents: [SearchDocument], _ kind: NodeKind, _ progress: Progress) throws {
        try connection.transaction {
            for document in documents {
                guard let number = Self.number(kind, document.id) else { continue }
                let old = try connection.first(
                    "SELECT name, text FROM Document WHERE number = ?", number
                ) { ($0.text(0), $0.text(1)) }
                if let old {
                    guard old != (document.name, document.text) else {
                        try connection.run("UPDATE Document SET updated = ? WHERE number = ?", document.updated, number)
                        continue
                    }
                    try connection.run(
                        "INSERT INTO Words (Words, rowid, name, text) VALUES ('delete', ?, ?, ?)", number, old.0, old.1)
                }
                try connection.run(
                    "INSERT OR REPLACE INTO Document (number, updated, name, text) VALUES (?, ?, ?, ?)", number,
                    document.updated, document.name, document.text)
                try connection.run(
                    "INSERT INTO Words (rowid, name, text) VALUES (?, ?, ?)", number, document.name, document.text)
            }
            try connection.run(
                "INSERT OR REPLACE INTO Progress (kind, id, updated, mark) VALUES (?, ?, ?, ?)", kind.rawValue,
                progress.id, progress.updated, progress.mark)
        }
    }

    /// Of nodes with their last updates, those that the index has otherwise or not.
    /// - Throws: `SQLiteError`.
    func outdated(_ kind: NodeKind, _ nodes: [(id: Int64, updated: Int64)]) throws(SQLiteError) -> [Int64] {
        var result: [Int64] = []
        for node in nodes {
            guard let number = Self.number(kind, node.id) else { continue }
            let known = try connection.first("SELECT updated FROM Document WHERE number = ?", number) { $0.integer(0) }
            if known != node.updated { result.append(node.id) }
        }
        return result
    }
}
