public import SQL
import Synchronization

/// A connection to a MySQL or MariaDB server, by the client library libmariadb.
///
/// The session is strict about values, and each statement of a transaction sees what is committed by then.
public final class MySQLConnection: ServerConnection {
    private let library: LibMariaDB
    /// With the one host that answered.
    private let address: MySQLAddress
    private let returnsWhileWaiting: Bool
    /// `nil` once it is closed.
    private var handle: LibMariaDB.Handle?
    private var isLost = false
    /// What may be cancelled.
    private struct Running {
        /// The number of the run that goes on.
        var current: Int?
        var last = 0
        /// Whether it is to end: between two packets the server has nothing to cancel.
        var isCancelled = false
    }

    private let running = Mutex(Running())
    /// What tells the server from others: a name may lead to several, each with numbers of its own for connections.
    private var identity = ""
    /// The server's number of the connection.
    public let connectionID: UInt
    /// The most bytes of one packet, and so of one statement.
    public private(set) var largestPacket = 1 << 20

    /// What a session relies on.
    private static let settings = """
        SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
        NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', autocommit = 1, wait_timeout = 90
        """

    /// Connects to the first host that answers.
    /// - Throws: ``ServerError``.
    public init(_ address: MySQLAddress) throws {
        let library = try LibMariaDB.load()
        let made = try Connecting(library: library, address: address).connect()
        var reached = address
        if let host = made.host { reached.hosts = [host] }
        (self.library, self.address, handle) = (library, reached, made.handle)
        returnsWhileWaiting = made.returnsWhileWaiting
        connectionID = library.threadID(made.handle)
        var (largest, identity): (Int64, String) = (0, "")
        try run(
            [
                SQLQuery(Self.settings), SQLQuery("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
                SQLQuery("SELECT @@max_allowed_packet, CONCAT(@@hostname, ':', @@port, @@datadir)"),
            ], isInterrupted: nil
        ) { (largest, identity) = ($1.integer(0), $1.text(1)) }
        if largest > 0 { largestPacket = Int(clamping: largest) }
        self.identity = identity
    }

    deinit { close() }

    /// Ends the connection. Nothing may be asked of it afterwards.
    public func close() {
        if let handle { library.close(handle) }
        handle = nil
    }

    /// Whether it can still be used. Asks nobody but the system.
    public var isOpen: Bool {
        guard let handle, !isLost else { return false }
        let socket = library.socket(handle)
        return socket >= 0 && (running.withLock { $0.current != nil } || !Socket.isHungUp(socket))
    }

    /// The server's own words.
    private var serverInfo: String { handle.flatMap(library.serverInfo).map { String(cString: $0) } ?? "" }

    public var isMariaDB: Bool { serverInfo.contains("MariaDB") }

    /// Such as `MariaDB 10.11.19` or `MySQL 9.7.4`.
    public var serverVersion: String {
        var text = serverInfo[...]
        // MariaDB's says so for old clients.
        if text.hasPrefix("5.5.5-") { text = text.dropFirst(6) }
        return (isMariaDB ? "MariaDB " : "MySQL ") + text.prefix { $0 != "-" && $0 != "+" }
    }

    /// A server that does not answer holds who cancels for so many seconds.
    private static let longestCancel = 5

    /// Cancels the statement that runs, from any thread; by a connection of its own.
    public func cancel() {
        guard let number = running.withLock({ $0.current }) else { return }
        var address = address
        address.database = nil
        address.connectTimeout = min(address.connectTimeout, Self.longestCancel)
        address.readTimeout = min(address.readTimeout, Self.longestCancel)
        let killer = try? MySQLConnection(address)
        defer { killer?.close() }
        // Under the lock: the run cannot end meanwhile, and the next one be taken for it.
        running.withLock { state in
            guard state.current == number else { return }
            state.isCancelled = true
            guard let killer, killer.identity == identity else { return }
            try? killer.run([SQLQuery("KILL QUERY \(connectionID)")], isInterrupted: nil) { _, _ in }
        }
    }

    // MARK: Statements

    private static let separator = Array("\n;".utf8)
    /// What a packet has beside statements.
    private static let room = 64

    /// Sends statements together and reads their answers: one round trip for as many as fit into a packet.
    /// - Throws: ``ServerError``, or what `row` throws.
    public func run(
        _ queries: [SQLQuery], isInterrupted: (() -> Bool)?, row: (Int, ServerRow) throws -> Void
    ) throws {
        guard !isLost, handle != nil else { throw ServerError(.connectionLost, "the connection is closed") }
        running.withLock { $0 = Running(current: $0.last + 1, last: $0.last + 1) }
        defer { running.withLock { $0.current = nil } }
        let limit = largestPacket - Self.room
        var packet: [UInt8] = []
        var (first, count) = (0, 0)
        for (number, query) in queries.enumerated() {
            let start = packet.count
            // On a line of its own: the statement may end with a comment.
            if count > 0 { packet += Self.separator }
            let begin = packet.count
            try Literals.append(query, to: &packet, statement: number)
            let size = packet.count - begin
            guard size <= limit else {
                throw ServerError(
                    .badValue,
                    "a statement has \(size) bytes; the server takes up to \(largestPacket) (max_allowed_packet)",
                    number: 1153, statement: number)
            }
            guard packet.count > limit else {
                count += 1
                continue
            }
            let rest = Array(packet[begin...])
            packet.removeSubrange(start...)
            try send(packet, first, count, isInterrupted, row)
            (packet, first, count) = (rest, number, 1)
        }
        if count > 0 { try send(packet, first, count, isInterrupted, row) }
    }

    private var isCancelled: Bool { running.withLock { $0.isCancelled } }

    private func send(
        _ packet: [UInt8], _ first: Int, _ count: Int, _ isInterrupted: (() -> Bool)?,
        _ row: (Int, ServerRow) throws -> Void
    ) throws {
        guard let handle else { return }
        guard !isCancelled else {
            throw ServerError(.interrupted, "the statement was cancelled", statement: first)
        }
        var exchange = Exchange(
            library: library, handle: handle, returnsWhileWaiting: returnsWhileWaiting,
            isInterrupted: { self.isCancelled || isInterrupted?() == true }, cancel: { self.cancel() })
        do {
            try exchange.run(packet, first: first, count: count, row: row)
        } catch let error as ServerError {
            if error.kind == .connectionLost { isLost = true }
            throw error
        }
    }
}
