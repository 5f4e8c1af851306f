import FoundationEssentials
import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// A metadata store in MLMD's own schema: a SQLite file, or a database of a PostgreSQL or MySQL server.
///
/// One writer thread commits the requests that wait together in one transaction; readers see a
/// snapshot and never wait for it. A write that returned is on disk.
public final class MetadataStore: Sendable {
    /// The version of MLMD's schema that a store has.
    public static var schemaVersion: Int64 { Schema.version }
    /// Where it is.
    public let address: StoreAddress
    /// The file; `nil` where the store is on a server.
    public var path: String? { if case .file(let path) = address { path } else { nil } }
    /// What was done to the file when it was opened, had it an older schema.
    public let migration: StoreMigration?
    /// The server's database; `nil` where the store is a file.
    private let engine: ServerEngine?
    private let writer: Writer
    private let readers: Readers
    private let writerThread: NIOThreadPool
    private let readerThreads: NIOThreadPool
    private let health: Mutex<Confined<Session>>

    /// Opens a store file, made when it does not exist.
    /// - Parameters:
    ///   - readers: how many requests are read at the same time.
    ///   - maximumAnswer: how much one request reads at most, in bytes; all together read half as much again.
    ///   - migrates: whether a file of an older schema version is brought to this one, with a copy
    ///     kept beside it.
    /// - Throws: ``StoreFileError`` when the file is no store, or one of another schema version.
    public convenience init(
        path: String, readers: Int = 4, maximumAnswer: Int = 64 << 20, migrates: Bool = true
    ) throws {
        try self.init(address: .file(path), readers: readers, maximumAnswer: maximumAnswer, migrates: migrates)
    }

    /// Opens a store, made when it does not exist.
    /// - Parameters:
    ///   - readers: how many requests are read at the same time; on a server, so many connections at most.
    ///   - maximumAnswer: how much one request reads at most, in bytes; all together read half as much again.
    ///   - migrates: whether a file of an older schema version is brought to this one, with a copy
    ///     kept beside it.
    /// - Throws: ``StoreFileError`` when there is no store, or one of another schema version.
    public convenience init(
        address: StoreAddress, readers: Int = 4, maximumAnswer: Int = 64 << 20, migrates: Bool = true
    ) throws {
        switch address {
        case .file(let path):
            let (writing, reading, migration) = try Self.openFile(path, readers: readers, migrates: migrates)
            self.init(address, nil, writing, reading, migration, maximumAnswer)
        case .postgreSQL, .mySQL:
            try self.init(ServerEngine(address), at: address, readers: readers, maximumAnswer: maximumAnswer)
        }
    }

    /// A store on a server's database that was opened.
    /// - Throws: ``StoreFileError``.
    convenience init(
        _ engine: ServerEngine, at address: StoreAddress, readers: Int = 4, maximumAnswer: Int = 64 << 20
    ) throws {
        let writing = try engine.writingSession()
        let reading = (0...readers).map { _ in Confined(engine.readingSession()) }
        self.init(address, engine, writing, reading, nil, maximumAnswer)
    }

    /// - Parameter reading: one more than readers, for the check of health.
    private init(
        _ address: StoreAddress, _ engine: ServerEngine?, _ writing: Session, _ reading: [Confined<Session>],
        _ migration: StoreMigration?, _ maximumAnswer: Int
    ) {
        (self.address, self.engine, self.migration) = (address, engine, migration)
        let readers = reading.count - 1
        writerThread = NIOThreadPool(numberOfThreads: 1)
        readerThreads = NIOThreadPool(numberOfThreads: readers)
        writerThread.start()
        readerThreads.start()
        self.writer = Writer(session: writing, thread: writerThread)
        self.readers = Readers(
            Array(reading.dropFirst()), threads: readerThreads,
            budget: ReadBudget(perRequest: maximumAnswer, total: maximumAnswer + maximumAnswer / 2))
        health = Mutex(reading[0])
    }

    /// The session that writes, those that read with one more for the check of health, and what was done to the file.
    private static func openFile(
        _ path: String, readers: Int, migrates: Bool
    ) throws -> (Session, [Confined<Session>], StoreMigration?) {
        do {
            let migration = try prepare(path, migrates: migrates)
            let connection = try Connection(path: path, gathersLog: true)
            // Checkpoints of 32 MiB: pages that many commits change are copied once.
            try connection.execute("PRAGMA wal_autocheckpoint = 8192")
            try connection.execute("PRAGMA cache_size = -8192")
            let reading = try (0...readers).map { _ in
                Confined(Session(file: try Connection(path: path, mode: .readOnly)))
            }
            return (Session(file: connection), reading, migration)
        } catch let error as SQLiteError {
            throw StoreFileError(path: path, error: error)
        } catch let error as Schema.VersionError {
            throw StoreFileError(path: path, reason: error.reason)
        }
    }

    /// A session for the search index: whoever waits for a reader must not wait for the index.
    func sessionForSearch() throws -> Session {
        if let engine { return engine.readingSession() }
        let connection = try Connection(path: path ?? "", mode: .readOnly)
        try connection.execute("PRAGMA cache_size = -1024")
        return Session(file: connection)
    }

    /// Makes or migrates the tables, by a connection that may spill: a migration is larger than memory.
    private static func prepare(_ path: String, migrates: Bool) throws -> StoreMigration? {
        let connection = try Connection(path: path)
        try connection.execute("PRAGMA synchronous = FULL")
        let state = try Schema.prepare(connection, path: path, migrates: migrates)
        try connection.execute("PRAGMA journal_mode = WAL")
        if case .migrated(let migration) = state { return migration }
        return nil
    }

    /// How long a database may take for one row.
    private static let longestCheck: Duration = .seconds(1)

    /// Reads a row of the database, whatever else is being read, and sees that readers and the writer go on.
    /// - Throws: ``StatusError``.
    public func checkHealth() throws {
        guard readers.overdue < StoreLimits.stuck else {
            throw StatusError(.unavailable, "A query does not end though it was interrupted.")
        }
        guard writer.age < Readers.longestRead + StoreLimits.stuck else {
            throw StatusError(.unavailable, "A write does not end.")
        }
        try health.withLock { session in
            let end = ContinuousClock.now + Self.longestCheck
            session.value.setInterruption { ContinuousClock.now > end }
            defer { session.value.setInterruption(nil) }
            do {
                _ = try session.value.first("SELECT schema_version FROM MLMDEnv") { $0.integer(0) }
            } catch {
                throw StatusError(wrapping: error)
            }
        }
    }

    /// What the store does, and how large it is.
    /// - Throws: ``StatusError`` where the file cannot be read.
    public func activity() async throws -> StoreActivity {
        var activity = StoreActivity(
            readers: readers.count, readersBusy: readers.busy, readersWaitedFor: readers.waiting,
            writing: writer.measured.withLock { $0 }, refusals: readers.refusals.withLock { $0 })
        activity.rows = try await read { transaction in
            // Rows are never deleted, so that the last number is how many there are: a count would look at all.
            try [NodeKind.artifact, .execution, .context].map { kind in
                (kind, try transaction.connection.first("SELECT MAX(id) FROM \(kind.table)") { $0.integer(0) } ?? 0)
            }
        }
        guard let path else { return activity }
        for (name, suffix) in [("store", ""), ("wal", "-wal")] {
            activity.files.append((name, DatabaseFile.size(path + suffix) ?? 0))
        }
        activity.volume = DatabaseFile.volume(path)
        return activity
    }

    /// How often the writer has sent something to its server.
    var roundTrips: Int { writer.roundTrips }

    /// How many groups of requests were committed since the store was opened.
    var commits: Int { writer.commits }

    /// Ends the store's threads and connections. Waiting requests are finished first.
    public func close() async {
        try? await writerThread.shutdownGracefully()
        try? await readerThreads.shutdownGracefully()
        writer.disconnect()
        readers.disconnect()
        health.withLock { $0.value.server?.drop() }
    }

    /// Runs `body` in a transaction that is on disk when this returns. It may run twice: what the
    /// first time changed was undone then.
    /// - Parameters:
    ///   - cancellation: once set, a request that has not begun is dropped.
    ///   - request: what `body` runs: what several will read is read for all of them together.
    /// - Throws: ``StatusError``.
    public func write<Response: Sendable>(
        cancellation: CancellationFlag = CancellationFlag(), for request: (any Sendable)? = nil,
        _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        try await writer.run(cancellation, { (request as? any WriteRequest)?.needs ?? WriteNeeds() }, body)
    }

    /// Runs `body` on a snapshot of the store.
    /// - Parameter cancellation: once set, the query is interrupted.
    /// - Throws: ``StatusError``.
    public func read<Response: Sendable>(
        cancellation: CancellationFlag = CancellationFlag(),
        _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        try await readers.run(cancellation, body)
    }
}

/// Why a file or a server's database cannot be opened as a store.
public struct StoreFileError: Error, Sendable, CustomStringConvertible {
    /// The file's path, or the database's address without a password.
    public var path: String
    public var reason: String
    /// Whether it may be otherwise a little later: a server does not answer.
    public var mayPass = false

    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    init(path: String, error: SQLiteError) {
        let reason =
            switch error.kind {
            case .notADatabase: "not a SQLite database"
            // Its log cannot be made beside it.
            case .cannotOpen where DatabaseFile.isReadOnly(path): "is read-only"
            case .cannotOpen: "cannot be opened: does its folder exist, and may it be written?"
            case .readOnly: "is read-only"
            case .busy: "is locked by another process"
            default: error.message
            }
        self.init(path: path, reason: reason)
    }

    public var description: String { (path.contains("://") ? "store " : "store file ") + "\(path): \(reason)" }
}
