import Foundation
import Synchronization

/// A server of a test's own, which it can kill, stop, start and ask for what was sent to it.
///
/// It and its data go with the last reference, which databases have too, or with the process. A test that uses no more
/// than a URL keeps one with `withExtendedLifetime` or a call in `defer`.
public final class TestServer: Sendable {
    /// What a client asks a server to do with a statement. PostgreSQL's log has no preparations.
    public enum Request: Sendable { case query, prepare, execute }

    /// A statement that a server has written to its log.
    public struct Statement: Sendable {
        /// The server's number for the connection.
        public var connection: Int
        /// The connection's database, or nothing.
        public var database: String
        /// What the client asked for.
        public var request: Request
        /// The statement, with parameters where PostgreSQL and with values where MariaDB writes them.
        public var text: String
    }

    /// The user of the URLs. He may create databases, but is no administrator.
    public static let user = "kfmd"

    let engine: any Engine
    private let place: ServerPlace
    private let server: Mutex<Child?>
    private let databases = Atomic<Int>(0)

    /// Starts a PostgreSQL server.
    public static func postgreSQL(options: TestServerOptions = TestServerOptions()) throws -> TestServer {
        try TestServer(PostgreSQLEngine(), options)
    }

    /// Starts a MariaDB server.
    public static func mariaDB(options: TestServerOptions = TestServerOptions()) throws -> TestServer {
        try TestServer(MariaDBEngine(), options)
    }

    /// Why there can be no PostgreSQL server of a test's own, or nil.
    public static var postgreSQLIsMissing: String? { Demand.reason(PostgreSQLEngine().isMissing) }
    /// Why there can be no MariaDB server of a test's own, or nil.
    public static var mariaDBIsMissing: String? { Demand.reason(MariaDBEngine().isMissing) }

    init(_ engine: any Engine, _ options: TestServerOptions) throws {
        if let reason = Demand.off ?? engine.isMissing { throw TestDatabaseError(reason) }
        let folder = try (options.isOnDisk ? WatchedFolder.disk : WatchedFolder.quick).get()
        let user = try ServerUser.current.get()
        let template = try Template.of(engine)
        self.engine = engine

        // Another process can take the port between the look and the start.
        for attempt in 1... {
            let path = "\(folder.path)/server-\(folder.number())"
            do {
                try folder.run(user.command(["/bin/mkdir", "-m", "700", path]))
                let certificates =
                    options.tls == .off
                    ? nil
                    : try TestCertificates(in: path, names: options.certificateNames, folder: folder, user: user)
                let place = ServerPlace(
                    path: path, freePort: try FreePort(), options: options, certificates: certificates, folder: folder)
                try folder.run(user.command(["/bin/cp", "-a", template, place.data]))
                try engine.configure(place)
                let child = try Self.start(engine, place)
                do {
                    try engine.client(place, user: nil)
                        .run(engine.firstStatements(options), database: engine.firstDatabase)
                    truncate(engine.statementFile(place), 0)
                } catch {
                    _ = child.kill()
                    throw error
                }
                self.place = place
                server = Mutex(child)
                return
            } catch {
                try? FileManager.default.removeItem(atPath: path)
                guard attempt < 3 else { throw error }
            }
        }
        fatalError("the loop has no end")
    }

    deinit { remove() }

    /// The TCP port on 127.0.0.1, the same after each start.
    public var port: Int { place.port }
    /// The folder of the data, the log, and the socket.
    public var folder: String { place.path }
    /// The certificates, with TLS.
    public var certificates: TestCertificates? { place.certificates }
    /// What the server wrote to its log since the last start.
    public var log: String { read(place.log) }
    /// Whether the server has neither been stopped nor ended.
    public var isRunning: Bool { server.withLock { $0?.isAlive == true } }

    /// A new, empty database, whose owner is ``user``.
    ///
    /// - Parameters:
    ///   - characterSet: PostgreSQL: the encoding; MariaDB: the character set. nil: UTF8, utf8mb4.
    ///   - collation: PostgreSQL: the locale; nil: C.UTF-8. MariaDB: nil is the character set's own.
    public func database(characterSet: String? = nil, collation: String? = nil) throws -> TestDatabase {
        let name = "db_\(databases.add(1, ordering: .relaxed).newValue)"
        let sql = engine.create(name, characterSet: characterSet, collation: collation, owner: Self.user)
        let administrator = try engine.client(place, user: nil)
        try administrator.run(sql, database: engine.firstDatabase)
        return TestDatabase(
            url: engine.url(place, database: name), name: name, client: try engine.client(place, user: Self.user),
            server: self
        ) { [engine] in
            try administrator.run(engine.drop(name), database: engine.firstDatabase)
        }
    }

    /// Runs statements as the administrator, for whom there is always a connection, up to the first that fails.
    ///
    /// - Parameter database: the name of a database; nil is one that is always there.
    /// - Returns: the values of all rows of all statements, as text; those that are null are NULL.
    @discardableResult
    public func execute(_ sql: String, database: String? = nil) throws -> [[String]] {
        try engine.client(place, user: nil).run(sql, database: database ?? engine.firstDatabase)
    }

    /// Kills the server and all of its processes, as when the machine's memory runs out.
    public func kill() {
        server.withLock { child in
            _ = child?.kill()
            child = nil
        }
    }

    /// Ends the server in order; clients are sent away.
    public func stop() {
        server.withLock { child in
            guard let running = child else { return }
            running.sendToAll(SIGCONT)
            running.send(engine.stopSignal)
            _ = running.wait(seconds: 60)
            child = nil
        }
    }

    /// Starts it again, on the same port, with the same data. No more than a look if it runs.
    public func start() throws {
        try server.withLock { child in
            if let running = child {
                guard running.ended() != nil else { return }
                child = nil
            }
            child = try Self.start(engine, place)
        }
    }

    /// Stops all processes of the server, which then takes connections but does not answer, as a network that loses
    /// packets.
    public func pause() { server.withLock { $0?.sendToAll(SIGSTOP) } }

    /// Lets a paused server go on.
    public func resume() { server.withLock { $0?.sendToAll(SIGCONT) } }

    /// Whether ``user`` can only read, as on a standby. MariaDB refuses writes; PostgreSQL does where a session has not
    /// said otherwise.
    public func setReadOnly(_ isReadOnly: Bool) throws {
        // ALTER SYSTEM may not be with another statement in a transaction.
        try execute(engine.readOnly(isReadOnly))
    }

    /// The statements that the server got since its last start, in order, with ``TestServerOptions/logsStatements``.
    ///
    /// - Parameter database: only those of connections to this database.
    public func statements(in database: String? = nil) -> [Statement] {
        engine.statements(in: read(engine.statementFile(place))).filter { database == nil || $0.database == database }
    }

    /// Empties the log of statements.
    public func forgetStatements() { truncate(engine.statementFile(place), 0) }

    /// Kills the server, and removes its data.
    public func remove() {
        kill()
        // A killed PostgreSQL leaves a shared memory segment, whose number ends line 7.
        let lines = read(place.data + "/postmaster.pid").split(separator: "\n", omittingEmptySubsequences: false)
        if lines.count > 6, let segment = lines[6].split(separator: " ").last.flatMap({ Int32($0) }) {
            shmctl(segment, IPC_RMID, nil)
        }
        try? FileManager.default.removeItem(atPath: place.path)
    }

    private func read(_ file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
    }

    private static func start(_ engine: any Engine, _ place: ServerPlace) throws -> Child {
        for file in [place.log, engine.statementFile(place)] { truncate(file, 0) }
        let child = try Child(
            ServerUser.current.get().command(engine.command(place)), in: place.folder, output: place.log,
            errors: place.log, endingSignal: engine.endingSignal)
        let deadline = ContinuousClock.now + .seconds(60)
        while !engine.isReady(place, processID: child.processID) {
            let status = child.ended()
            guard status == nil, ContinuousClock.now < deadline else {
                if status == nil { _ = child.kill() }
                let log = FileManager.default.contents(atPath: place.log).map { String(decoding: $0, as: UTF8.self) }
                throw TestDatabaseError(
                    "\(engine.name) \(status.map { "ended with \($0)" } ?? "is not ready after 60 s"): "
                        + (log ?? "").suffix(2000))
            }
            usleep(2000)
        }
        return child
    }
}
