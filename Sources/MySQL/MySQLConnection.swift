public import SQL
import Synchronization

/// A connection to a MySQL or MariaDB server, by the client library libmariadb.
///
/// The session is strict about values, and each statement of a transaction sees what is committed by then.
public final class MySQLConnection: ServerConnection {
    private let library: LibMariaDB
    private let address: MySQLAddress
    /// `nil` once it is closed.
    private var handle: LibMariaDB.Handle?
    private var isLost = false
    /// Whether statements run that may be cancelled.
    private let isRunning = Mutex(false)
    /// The server's number of the connection.
    public let connectionID: UInt
    /// The most bytes of one packet, and so of one statement.
    public private(set) var largestPacket = 1 << 20

    /// What a session relies on.
    private static let settings = """
        SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
        NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', autocommit = 1, wait_timeout = 28800
        """

    /// Connects to the first host that answers.
    /// - Throws: ``ServerError``.
    public init(_ address: MySQLAddress) throws {
        let library = try LibMariaDB.load()
        let handle = try Connecting(library: library, address: address).connect()
        (self.library, self.address, self.handle) = (library, address, handle)
        connectionID = library.threadID(handle)
        var largest: Int64 = 0
        try run(
            [
                SQLQuery(Self.settings), SQLQuery("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
                SQLQuery("SELECT @@max_allowed_packet"),
            ], isInterrupted: nil
        ) { largest = $1.integer(0) }
        if largest > 0 { largestPacket = Int(clamping: largest) }
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
        return socket >= 0 && (isRunning.withLock { $0 } || !Waiting.isHungUp(socket))
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

    /// Cancels the statement that runs, from any thread; by a connection of its own.
    public func cancel() {
        guard isRunning.withLock({ $0 }) else { return }
        var address = address
        address.database = nil
        guard let killer = try? MySQLConnection(address) else { return }
        defer { killer.close() }
        try? killer.run([SQLQuery("KILL QUERY \(connectionID)")], isInterrupted: nil) { _, _ in }
    }

    // MARK: Statements

    /// What separates statements, and what a packet has beside them.
    private static let room = 64

    /// Sends statements together and reads their answers: one round trip for as many as fit into a packet.
    /// - Throws: ``ServerError``, or what `row` throws.
    public func run(
        _ queries: [SQLQuery], isInterrupted: (() -> Bool)?, row: (Int, ServerRow) throws -> Void
    ) throws {
        guard !isLost, handle != nil else { throw ServerError(.connectionLost, "the connection is closed") }
        let limit = largestPacket - Self.room
        var packet: [UInt8] = []
        var (first, count) = (0, 0)
        for (number, query) in queries.enumerated() {
            let start = packet.count
            if count > 0 { packet += ";\n".utf8 }
            try Literals.append(query, to: &packet, statement: number)
            let size = packet.count - start
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
            let rest = Array(packet[start...].drop { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "\n") })
            packet.removeSubrange(start...)
            try send(packet, first, count, isInterrupted, row)
            (packet, first, count) = (rest, number, 1)
        }
        if count > 0 { try send(packet, first, count, isInterrupted, row) }
    }

    private func send(
        _ packet: [UInt8], _ first: Int, _ count: Int, _ isInterrupted: (() -> Bool)?,
        _ row: (Int, ServerRow) throws -> Void
    ) throws {
        guard let handle else { return }
        isRunning.withLock { $0 = true }
        defer { isRunning.withLock { $0 = false } }
        var exchange = Exchange(library: library, handle: handle, isInterrupted: isInterrupted) { self.cancel() }
        do {
            try exchange.run(packet, first: first, count: count, row: row)
        } catch let error as ServerError {
            if error.kind == .connectionLost { isLost = true }
            throw error
        }
    }
}
