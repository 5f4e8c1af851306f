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
    private let gathersLog: Bool
    private var cache: [String: Statement] = [:]
    private var listCache: [ListKey: Statement] = [:]
    private var interruption: (@Sendable () -> Bool)?
    /// How often SQLite may still ask before a bounded query ends; `nil` where none is bounded.
    private var asksLeft: Int?
    /// What the request reads that has the connection now; `nil` where nobody counts.
    var meter: ReadMeter?

    /// SQLite is configured once for the process, before its first use.
    private static let isConfigured = kfmd_sqlite_without_memory_statistics() == SQLITE_OK

    /// Opens a database file.
    /// - Parameters:
    ///   - busyTimeout: how long, in milliseconds, to wait for another process's lock.
    ///   - gathersLog: whether the pages of a commit are written to the log in one piece. Then
    ///     `synchronous` is FULL, and a transaction's pages are kept in memory until its commit.
    /// - Throws: ``SQLiteError`` that names the file.
    public init(
        path: String, mode: Mode = .readWrite, busyTimeout: Int32 = 10_000, gathersLog: Bool = false
    ) throws(SQLiteError) {
        _ = Self.isConfigured
        var pointer: OpaquePointer?
        let flags: Int32 =
            switch mode {
            case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readOnly: SQLITE_OPEN_READONLY
            }
        if mode == .readWrite { DatabaseFile.create(path) }
        // A path is a path: SQLite may be built to take "file:" for a URI with options.
        let code = sqlite3_open_v2(
            path.hasPrefix("file:") ? "./" + path : path, &pointer, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
            gathersLog ? WALBuffer.name : nil)
        guard code == SQLITE_OK, let pointer else {
            let message = pointer.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(pointer)
            throw SQLiteError(code: code, message: message, context: path)
        }
        handle = pointer
        self.gathersLog = gathersLog
        sqlite3_busy_timeout(handle, busyTimeout)
        for (limit, value) in Self.limits { sqlite3_limit(handle, limit, value) }
        LikeFunction.install(on: self)
        if gathersLog { try execute("PRAGMA synchronous = FULL; PRAGMA cache_spill = OFF") }
    }

    /// The longest pattern of LIKE, in bytes.
    public static let maximumPattern = 50_000

    /// What one statement may ask for. The length of a value is left: a store may have longer ones than are taken now.
    private static let limits: [(Int32, Int32)] = [
        (SQLITE_LIMIT_EXPR_DEPTH, 1000), (SQLITE_LIMIT_COMPOUND_SELECT, 500), (SQLITE_LIMIT_SQL_LENGTH, 16 << 20),
    ]

    /// Statements that are longer are made for one request: kept, they would fill memory.
    private static let longestCached = 16 << 10

    deinit {
        cache = [:]
        listCache = [:]
        sqlite3_close_v2(handle)
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
        if sql.utf8.count > Self.longestCached { return statement }
        if cache.count > 512 { cache = [:] }
        cache[sql] = statement
        return statement
    }

    private struct ListKey: Hashable {
        var sql: String
        var count: Int
    }

    /// The compiled statement in which `{list}` stands for this many parameters.
    /// - Throws: ``SQLiteError``.
    public func statement(_ sql: String, listOf count: Int) throws(SQLiteError) -> Statement {
        let key = ListKey(sql: sql, count: count)
        if let cached = listCache[key], !cached.isBusy { return cached }
        let marks = Array(repeating: "?", count: count).joined(separator: ",")
        let parts = sql.split(separator: "{list}", omittingEmptySubsequences: false)
        let statement = try Statement(parts.joined(separator: marks), connection: self)
        if count > 1000 { return statement }
        if listCache.count > 512 { listCache = [:] }
        listCache[key] = statement
        return statement
    }

    // Inlined, so that callers get them without the cost of generic packs at run time.

    /// Runs a statement and drops its rows.
    /// - Throws: ``SQLiteError``.
    @inlinable
    public func run<each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter
    ) throws(SQLiteError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        repeat try statement.bind((each parameters).sqlValue, at: &index)
        while try statement.step() {}
    }

    /// The rows of a query, each made into a value.
    /// - Throws: ``SQLiteError``.
    @inlinable
    public func rows<Row, each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter, row: (Statement) -> Row
    ) throws(SQLiteError) -> [Row] {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        repeat try statement.bind((each parameters).sqlValue, at: &index)
        var result: [Row] = []
        while try statement.step() { result.append(row(statement)) }
        return result
    }

    /// The first row of a query, made into a value.
    /// - Throws: ``SQLiteError``.
    @inlinable
    public func first<Row, each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter, row: (Statement) -> Row
    ) throws(SQLiteError) -> Row? {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        repeat try statement.bind((each parameters).sqlValue, at: &index)
        return try statement.step() ? row(statement) : nil
    }

    /// Runs a statement with as many values as it has parameters, and drops its rows.
    /// - Throws: ``SQLiteError``.
    public func run(_ sql: String, values: [SQLValue]) throws(SQLiteError) {
        _ = try rows(sql, values: values) { _ in }
    }

    /// The rows of a query with as many values as it has parameters, each made into a value.
    /// - Throws: ``SQLiteError``.
    public func rows<Row>(
        _ sql: String, values: [SQLValue], row: (Statement) -> Row
    ) throws(SQLiteError) -> [Row] {
        let statement = try statement(sql)
        defer { statement.reset() }
        var index: Int32 = 1
        for value in values { try statement.bind(value, at: &index) }
        var result: [Row] = []
        while try statement.step() { result.append(row(statement)) }
        return result
    }

    /// Whether a transaction is open: SQLite ends one by itself when the disk is full.
    public var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Interrupts the statements for which this answers `true`; `nil` lets them run. It is asked
    /// about every few milliseconds of a busy statement.
    public func setInterruption(_ isDue: (@Sendable () -> Bool)?) {
        interruption = isDue
        guard isDue != nil else {
            sqlite3_progress_handler(handle, 0, nil, nil)
            return
        }
        sqlite3_progress_handler(
            handle, 100_000,
            { context in
                guard let context else { return 0 }
                // The connection sets itself as the context, and outlives its statements.
                let connection = Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
                return connection.isInterruptionDue || connection.hasUsedItsSteps ? 1 : 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private var hasUsedItsSteps: Bool {
        guard let left = asksLeft else { return false }
        asksLeft = left - 1
        return left <= 0
    }

    /// Runs a query that ends early rather than take long: of steps, not of time, so that its answer does not
    /// depend on how busy the machine is. It holds where ``setInterruption(_:)`` was called.
    /// - Parameter steps: of SQLite's virtual machine, in hundreds of thousands.
    /// - Returns: `nil` where they were not enough.
    /// - Throws: ``SQLiteError``, or what `body` throws.
    public func bounded<Result>(steps: Int, _ body: () throws -> Result) throws -> Result? {
        asksLeft = steps
        defer { asksLeft = nil }
        do {
            return try body()
        } catch let error as SQLiteError where error.kind == .interrupted && (asksLeft ?? 0) < 0 {
            return nil
        }
    }

    /// Counts what is read until ``endMetering()``; beyond the budget statements fail, as too big.
    public func beginMetering(_ budget: ReadBudget) { meter = ReadMeter(budget) }

    public func endMetering() {
        meter?.end()
        meter = nil
    }

    /// Whether the statement that runs is to be interrupted.
    var isInterruptionDue: Bool { interruption?() == true }

    /// The row id of the last insert.
    public var lastInsertedID: Int64 { sqlite3_last_insert_rowid(handle) }

    /// How many rows the last statement changed.
    public var changes: Int { Int(sqlite3_changes64(handle)) }

    /// How many rows were changed since the connection was opened, undone ones included.
    public var totalChanges: Int64 { sqlite3_total_changes64(handle) }

    /// Runs `body` in a transaction: committed when it returns, undone when it throws.
    /// - Throws: ``SQLiteError``, or what `body` throws.
    public func transaction<Result>(
        _ begin: String = "BEGIN IMMEDIATE", _ body: () throws -> Result
    ) throws -> Result {
        try run(begin)
        do {
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            // A full disk may have ended the transaction already: then there is none to undo.
            try? run("ROLLBACK")
            if gathersLog { WALBuffer.discard(handle) }
            throw error
        }
    }
}
