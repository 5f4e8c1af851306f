import CSQLite

/// One connection to a SQLite database file.
///
/// It belongs to one task or thread at a time, as do its statements.
public final class Connection {
    /// How a file is opened.
    public enum Mode: Sendable {
        /// For reading and writing; made when it does not exist.
        case readWrite
        /// For reading only; it must exist.
        case readOnly
    }

    let handle: OpaquePointer
    private var cache: [String: Statement] = [:]
    /// Read by SQLite's progress handler, which outlives no statement of this connection.
    private let deadline = UnsafeMutablePointer<ContinuousClock.Instant>.allocate(capacity: 1)

    /// Opens a database file.
    /// - Parameter busyTimeout: how long, in milliseconds, to wait for another process's lock.
    /// - Throws: ``SQLiteError`` that names the file.
    public init(path: String, mode: Mode = .readWrite, busyTimeout: Int32 = 10_000) throws(SQLiteError) {
        var pointer: OpaquePointer?
        let flags: Int32 =
            switch mode {
            case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readOnly: SQLITE_OPEN_READONLY
            }
        let code = sqlite3_open_v2(path, &pointer, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let pointer else {
            let message = pointer.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(pointer)
            deadline.deallocate()
            throw SQLiteError(code: code, message: message, context: path)
        }
        handle = pointer
        deadline.initialize(to: .now)
        sqlite3_busy_timeout(handle, busyTimeout)
    }

    deinit {
        cache = [:]
        sqlite3_close_v2(handle)
        deadline.deallocate()
    }

    func failure(_ code: Int32, _ context: String) -> SQLiteError {
        SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), context: context)
    }

    /// Runs statements that have no parameters and whose rows nobody wants.
    /// - Throws: ``SQLiteError``.
    public func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code, sql) }
    }

    /// The compiled statement, from the connection's cache where it was used before.
    ///
    /// A statement that is still stepping through rows is left alone: the caller gets another.
    /// - Throws: ``SQLiteError``.
    public func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let cached = cache[sql], !cached.isBusy { return cached }
        let statement = try Statement(sql, connection: self)
        // Statements with lists of any length would fill the cache for ever.
        if cache.count > 512 { cache = [:] }
        cache[sql] = statement
        return statement
    }

    /// Runs a statement and drops its rows.
    /// - Throws: ``SQLiteError``.
    public func run<each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter
    ) throws(SQLiteError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        repeat try statement.bind(each parameters, at: &index)
        while try statement.step() {}
    }

    /// The rows of a query, each made into a value.
    /// - Throws: ``SQLiteError``.
    public func rows<Row, each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter, row: (Statement) -> Row
    ) throws(SQLiteError) -> [Row] {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        repeat try statement.bind(each parameters, at: &index)
        var result: [Row] = []
        while try statement.step() { result.append(row(statement)) }
        return result
    }

    /// The first row of a query, made into a value.
    /// - Throws: ``SQLiteError``.
    public func first<Row, each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter, row: (Statement) -> Row
    ) throws(SQLiteError) -> Row? {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        repeat try statement.bind(each parameters, at: &index)
        return try statement.step() ? row(statement) : nil
    }

    /// Whether a transaction is open: SQLite ends one by itself when the disk is full.
    public var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Interrupts statements that run longer than this; `nil` lets them run.
    public func setDeadline(after duration: Duration?) {
        guard let duration else {
            sqlite3_progress_handler(handle, 0, nil, nil)
            return
        }
        deadline.pointee = ContinuousClock.now + duration
        // About every ten milliseconds of a busy statement.
        sqlite3_progress_handler(
            handle, 1_000_000,
            { context in
                let deadline = context?.assumingMemoryBound(to: ContinuousClock.Instant.self).pointee
                return deadline.map { ContinuousClock.now > $0 } == true ? 1 : 0
            }, deadline)
    }

    /// The row id of the last insert.
    public var lastInsertedID: Int64 { sqlite3_last_insert_rowid(handle) }

    /// How many rows the last statement changed.
    public var changes: Int { Int(sqlite3_changes64(handle)) }

    /// Runs `body` in a transaction: committed when it returns, undone when it throws.
    /// - Throws: ``SQLiteError``, or what `body` throws.
    public func transaction<Result>(
        _ begin: String = "BEGIN IMMEDIATE", _ body: () throws -> Result
    ) throws -> Result {
        try execute(begin)
        do {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // A full disk may have ended the transaction already: then there is none to undo.
            try? execute("ROLLBACK")
            throw error
        }
    }
}
