import MetadataAPI
import SQLite

/// A connection to a store's database, as its requests see it: the same questions whichever database it is.
///
/// It belongs to one thread at a time. On SQLite all goes straight to the file.
final class Session {
    let dialect: Dialect
    /// The file; `nil` where the store is on a server.
    let file: Connection?
    /// The server; `nil` where the store is a file.
    let server: ServerSession?

    /// What its columns take.
    let shape: StoreShape
    /// Whether ``shape`` refuses anything: asked for each text.
    let hasLimits: Bool

    init(file: Connection) { (self.file, server, dialect, shape, hasLimits) = (file, nil, .sqlite, .file, false) }

    init(server: ServerSession, _ shape: StoreShape) {
        (file, self.server, dialect, self.shape, hasLimits) = (nil, server, server.dialect, shape, true)
    }

    /// What gathers the writes of a group of requests; `nil` where each goes to the database by itself.
    var group: WriteGroup? {
        get { server?.group }
        set { server?.group = newValue }
    }

    /// The order in which the steps of events were put, as `ORDER BY`.
    var stepsInOrder: String { shape.numbersSteps ? " ORDER BY event_id, kfmd_step" : dialect.stepsInOrder }

    // MARK: Statements

    // Inlined, as those of SQLite's connection are: packs cost at run time where they are passed on.

    /// The rows of a query, each made into a value.
    /// - Throws: `SQLiteError`, `ServerError`.
    @inline(__always)
    func rows<Result, each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter, row: (Row) -> Result
    ) throws -> [Result] {
        if let file { return try file.rows(sql, repeat each parameters) { row(Row($0)) } }
        return try rows(sql, values: Self.values(repeat each parameters), row: row)
    }

    /// The first row of a query, made into a value.
    /// - Throws: `SQLiteError`, `ServerError`.
    @inline(__always)
    func first<Result, each Parameter: SQLBindable>(
        _ sql: String, _ parameters: repeat each Parameter, row: (Row) -> Result
    ) throws -> Result? {
        if let file { return try file.first(sql, repeat each parameters) { row(Row($0)) } }
        return try rows(sql, values: Self.values(repeat each parameters), row: row).first
    }

    /// Runs a statement and drops its rows.
    /// - Throws: `SQLiteError`, `ServerError`.
    @inline(__always)
    func run<each Parameter: SQLBindable>(_ sql: String, _ parameters: repeat each Parameter) throws {
        if let file { return try file.run(sql, repeat each parameters) }
        try run(sql, values: Self.values(repeat each parameters))
    }

    /// The rows of a query with as many values as it has parameters, each made into a value.
    /// - Throws: `SQLiteError`, `ServerError`.
    @inline(__always)
    func rows<Result>(_ sql: String, values: [SQLValue], row: (Row) -> Result) throws -> [Result] {
        if let file { return try file.rows(sql, values: values) { row(Row($0)) } }
        var result: [Result] = []
        try server?.run([SQLQuery(sql, values)]) { result.append(row(Row($1))) }
        return result
    }

    /// Runs a statement with as many values as it has parameters, and drops its rows.
    /// - Throws: `SQLiteError`, `ServerError`.
    func run(_ sql: String, values: [SQLValue]) throws {
        if let file { return try file.run(sql, values: values) }
        try server?.run([SQLQuery(sql, values)]) { _, _ in }
    }

    /// Runs an INSERT of one row into a table that numbers its rows.
    /// - Returns: the row's number.
    /// - Throws: `SQLiteError`, `ServerError`.
    func insert(_ sql: String, values: [SQLValue]) throws -> Int64 {
        if let file {
            try file.run(sql, values: values)
            return file.lastInsertedID
        }
        var id: Int64 = 0
        try server?.run([SQLQuery(sql, values), SQLQuery(dialect.lastID)]) { id = $1.integer(0) }
        return id
    }

    /// As ``insert(_:values:)``.
    /// - Throws: `SQLiteError`, `ServerError`.
    @inline(__always)
    func insert<each Parameter: SQLBindable>(_ sql: String, _ parameters: repeat each Parameter) throws -> Int64 {
        if let file {
            try file.run(sql, repeat each parameters)
            return file.lastInsertedID
        }
        return try insert(sql, values: Self.values(repeat each parameters))
    }

    static func values<each Parameter: SQLBindable>(_ parameters: repeat each Parameter) -> [SQLValue] {
        var values: [SQLValue] = []
        repeat values.append((each parameters).sqlValue)
        return values
    }

    // MARK: Transactions

    /// Runs `body` in a transaction that is on disk when this returns.
    /// - Parameter gathers: whether a server gets what it writes together, with the commit.
    /// - Throws: what `body` throws; `SQLiteError`, `ServerError`.
    func transaction<Result>(gathers: Bool = false, _ body: () throws -> Result) throws -> Result {
        if let file { return try file.transaction("BEGIN IMMEDIATE", body) }
        guard let server else { return try body() }
        return try server.write(gathers: gathers, body)
    }

    /// To be called after each request of a transaction.
    /// - Throws: ``StatusError``, `ServerError`, where the database has ended the transaction.
    func checkTransaction() throws {
        if let file, !file.isInTransaction {
            // A full disk ends the whole transaction: nothing more may go into it.
            throw StatusError(.resourceExhausted, "The store ended the transaction: is its disk full?")
        }
        if let failure = server?.failure, failure.endsTransaction { throw failure }
    }

    /// Whether a request that failed left something behind since ``changes`` was another.
    func isChanged(since changes: Int64) -> Bool { self.changes != changes || server?.failure != nil }

    /// Another number after each statement that may have changed something.
    var changes: Int64 { file?.totalChanges ?? server.map { Int64($0.writes) } ?? 0 }

    /// Undoes what was done since a savepoint.
    /// - Throws: `SQLiteError`, `ServerError`.
    func rollBack(to savepoint: String) throws {
        server?.forgetFailure()
        // MySQL wants the word, and all take it.
        try run("ROLLBACK TO SAVEPOINT \(savepoint)")
    }

    /// How much later than its time a change may be seen, in milliseconds: on a server several write at once, each with a
    /// clock of its own. What has been read is looked at by itself, so that more than needed does no harm.
    var slack: Int64 { server == nil ? 0 : 5_000 }

    /// Another number after each commit of others to the file; `nil` where nothing tells so cheaply.
    /// - Throws: `SQLiteError`.
    func dataVersion() throws -> Int64? { try file?.first("PRAGMA data_version") { $0.integer(0) } }

    /// Waits for others who make types, or links between contexts, and lets them wait until the transaction ends.
    /// - Throws: `ServerError`.
    func lockTypes() throws {
        guard !dialect.lockTypes.isEmpty else { return }
        _ = try rows(dialect.lockTypes) { _ in }
    }

    // MARK: Bounds

    /// Interrupts the statements for which this answers `true`; `nil` lets them run.
    func setInterruption(_ isDue: (@Sendable () -> Bool)?) {
        file?.setInterruption(isDue)
        server?.interruption = isDue
    }

    /// Counts what is read until ``endMetering()``; beyond the budget statements fail.
    func beginMetering(_ budget: ReadBudget) {
        file?.beginMetering(budget)
        server?.meter = ReadMeter(budget)
    }

    func endMetering() {
        file?.endMetering()
        server?.endMetering()
    }

    /// Runs a query that ends early rather than take long, where the database can tell the work from the time. A server
    /// cannot: there it runs as any other.
    /// - Parameter steps: of SQLite's virtual machine, in hundreds of thousands.
    /// - Returns: `nil` where they were not enough.
    /// - Throws: `SQLiteError`, `ServerError`.
    func bounded<Result>(steps: Int, _ body: () throws -> Result) throws -> Result? {
        guard let file else { return try body() }
        return try file.bounded(steps: steps, body)
    }

    /// Runs `body` on one state of the store, whatever is written meanwhile.
    /// - Throws: what `body` throws; `SQLiteError`, `ServerError`.
    func snapshot<Result>(_ body: () throws -> Result) throws -> Result {
        if let file { return try file.transaction("BEGIN DEFERRED", body) }
        guard let server else { return try body() }
        return try server.transaction(begin: dialect.beginSnapshot, body)
    }
}
