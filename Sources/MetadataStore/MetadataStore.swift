import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// A metadata store in one SQLite file, in MLMD's own schema.
///
/// One writer thread commits the requests that wait together in one transaction; readers see a
/// snapshot and never wait for it. A write that returned is on disk.
public final class MetadataStore: Sendable {
    /// The version of MLMD's schema that a store has.
    public static var schemaVersion: Int64 { Schema.version }
    /// The file.
    public let path: String
    /// What was done to the file when it was opened, had it an older schema.
    public let migration: StoreMigration?
    private let writer: Writer
    private let readers: Readers
    private let writerThread: NIOThreadPool
    private let readerThreads: NIOThreadPool
    private let health: Mutex<Confined<Connection>>

    /// Opens a store file, made when it does not exist.
    /// - Parameters:
    ///   - readers: how many requests are read at the same time.
    ///   - maximumAnswer: how much one request reads at most, in bytes; all together read half as much again.
    ///   - migrates: whether a file of an older schema version is brought to this one, with a copy
    ///     kept beside it.
    /// - Throws: ``StoreFileError`` when the file is no store, or one of another schema version.
    public init(
        path: String, readers: Int = 4, maximumAnswer: Int = 64 << 20, migrates: Bool = true
    ) throws {
        self.path = path
        let connection: Connection
        let readConnections: [Confined<Connection>]
        do {
            migration = try Self.prepare(path, migrates: migrates)
            connection = try Connection(path: path, gathersLog: true)
            // Checkpoints of 32 MiB: pages that many commits change are copied once.
            try connection.execute("PRAGMA wal_autocheckpoint = 8192")
            try connection.execute("PRAGMA cache_size = -8192")
            // One more than readers, for the check of health.
            readConnections = try (0...readers).map { _ in Confined(try Connection(path: path, mode: .readOnly)) }
        } catch let error as SQLiteError {
            throw StoreFileError(path: path, error: error)
        } catch let error as Schema.VersionError {
            throw StoreFileError(path: path, reason: error.reason)
        }
        writerThread = NIOThreadPool(numberOfThreads: 1)
        readerThreads = NIOThreadPool(numberOfThreads: readers)
        writerThread.start()
        readerThreads.start()
        self.writer = Writer(connection: connection, thread: writerThread)
        self.readers = Readers(
            Array(readConnections.dropFirst()), threads: readerThreads,
            budget: ReadBudget(perRequest: maximumAnswer, total: maximumAnswer + maximumAnswer / 2))
        health = Mutex(readConnections[0])
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

    /// Reads a row of the file, whatever else is being read, and sees that readers and the writer go on.
    /// - Throws: ``StatusError``.
    public func checkHealth() throws {
        guard readers.overdue < StoreLimits.stuck else {
            throw StatusError(.unavailable, "A query does not end though it was interrupted.")
        }
        guard writer.age < Readers.longestRead + StoreLimits.stuck else {
            throw StatusError(.unavailable, "A write does not end.")
        }
        try health.withLock { connection in
            do {
                _ = try connection.value.first("SELECT schema_version FROM MLMDEnv") { $0.integer(0) }
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
        for (name, suffix) in [("store", ""), ("wal", "-wal")] {
            activity.files.append((name, DatabaseFile.size(path + suffix) ?? 0))
        }
        activity.volume = DatabaseFile.volume(path)
        return activity
    }

    /// How many groups of requests were committed since the store was opened.
    var commits: Int { writer.commits }

    /// Ends the store's threads. Waiting requests are finished first.
    public func close() async {
        try? await writerThread.shutdownGracefully()
        try? await readerThreads.shutdownGracefully()
    }

    /// Runs `body` in a transaction that is on disk when this returns. It may run twice: what the
    /// first time changed was undone then.
    /// - Parameter cancellation: once set, a request that has not begun is dropped.
    /// - Throws: ``StatusError``.
    public func write<Response: Sendable>(
        cancellation: CancellationFlag = CancellationFlag(),
        _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        try await writer.run(cancellation, body)
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

/// Why a file cannot be opened as a store.
public struct StoreFileError: Error, Sendable, CustomStringConvertible {
    public var path: String
    public var reason: String

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

    public var description: String { "store file \(path): \(reason)" }
}
