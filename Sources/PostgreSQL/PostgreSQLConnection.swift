public import SQL

/// A connection to a PostgreSQL server, by the client library libpq.
public final class PostgreSQLConnection: ServerConnection {
    /// A parameter for this class itself: with `false`, `off`, `no` or `0` no statements are prepared.
    public static let preparedStatementsParameter = "prepared_statements"

    private let library: LibPQ
    private let canceller: Canceller
    /// `nil` once it is closed.
    private var connection: LibPQ.Connection?
    private var cache: StatementCache
    private var isLost = false
    private var isRunning = false
    private var isPrepared = false

    /// Connects.
    /// - Parameters:
    ///   - parameters: libpq's
    ///     (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS), and
    ///     ``preparedStatementsParameter``; of one that comes twice the last counts.
    ///   - timeout: how long connecting to a host may take, in seconds; 0 for any time. `nil`: what the parameter
    ///     `connect_timeout` or the variable PGCONNECT_TIMEOUT says, or else 10.
    ///   - expandsDatabase: whether a `dbname` that looks like a connection string is one.
    ///   - usesPreparedStatements: whether statements that come again are prepared; `false` behind a pooler that gives
    ///     each transaction another connection.
    /// - Throws: ``ServerError``.
    public init(
        parameters: [(String, String)], timeout: Int? = nil, expandsDatabase: Bool = true,
        usesPreparedStatements: Bool = true
    ) throws {
        let library = try LibPQ.load()
        var isPreparing = usesPreparedStatements
        let rest = parameters.filter { name, value in
            guard name == Self.preparedStatementsParameter else { return true }
            isPreparing = !["false", "off", "no", "0"].contains(value)
            return false
        }
        if let (name, _) = rest.first(where: { $0.0.utf8.contains(0) || $0.1.utf8.contains(0) }) {
            throw ServerError(.cannotConnect, "the parameter \(name) holds a NUL")
        }
        let connection = try Connecting(library, rest, expandsDatabase: expandsDatabase, timeout: timeout).connect()
        // Notices would go to standard error.
        _ = library.setNoticeProcessor(connection, { _, _ in }, nil)
        guard library.setnonblocking(connection, 1) == 0, library.enterPipelineMode(connection) == 1 else {
            defer { library.finish(connection) }
            throw ServerError(lost: library, connection, statement: 0)
        }
        (self.library, self.connection) = (library, connection)
        canceller = Canceller(library, connection)
        cache = StatementCache(isPreparing: isPreparing)
    }

    deinit { close() }

    /// Ends the connection. Nothing may be asked of it afterwards.
    public func close() {
        canceller.close()
        if let connection { library.finish(connection) }
        connection = nil
    }

    /// Whether it can still be used: whether nothing is known to be wrong with it. Asks nobody but the system.
    public var isOpen: Bool {
        guard let connection, !isLost, library.status(connection) == ConnectionStatus.ok else { return false }
        // While statements run, what the server says at last is to be read.
        return isRunning || !Socket.isHungUp(library.socket(connection))
    }

    /// The server's own version, such as `PostgreSQL 15.18`.
    public var serverVersion: String {
        let version = parameter("server_version") ?? ""
        // Debian's adds its package's in parentheses.
        return "PostgreSQL " + (version.split(separator: " ").first.map(String.init) ?? "of an unknown version")
    }

    /// A setting that the server tells by itself, such as `in_hot_standby` or `default_transaction_read_only`, both of
    /// PostgreSQL 14 and later; as of the last answer. `nil` where the server, or a pooler, tells nothing of it.
    public func parameter(_ name: String) -> String? {
        guard let connection, let value = library.parameterStatus(connection, name) else { return nil }
        return String(cString: value)
    }

    /// The number of the server's process that serves the connection; of a pooler any number.
    public var backendPID: Int32 { connection.map(library.backendPID) ?? 0 }

    /// Whether a transaction is open, failed ones included; as of the last answer.
    public var isInTransaction: Bool {
        // PQTRANS_INTRANS, PQTRANS_INERROR.
        connection.map { [2, 3].contains(library.transactionStatus($0)) } ?? false
    }

    /// Cancels the statement that runs, from any thread; by a connection of its own. Nothing happens where none runs.
    ///
    /// It returns when the server has taken notice, which may take minutes where the server is not to be reached.
    public func cancel() { canceller.cancel() }

    /// Sends statements together and reads their answers: one round trip, whatever their number.
    ///
    /// Without a transaction of their own they are one together. Of a statement that was cancelled too late all is done:
    /// then nothing is thrown.
    /// - Parameters:
    ///   - queries: one statement each; COPY is not possible.
    ///   - isInterrupted: asked some times a second while the answer is waited for; once it says `true`, the statement is
    ///     cancelled.
    ///   - row: called for each row, with the number of its statement. It may be called while statements are still
    ///     being sent.
    /// - Throws: ``ServerError``, or what `row` throws.
    public func run(
        _ queries: [SQLQuery], isInterrupted: (() -> Bool)? = nil, row: (Int, ServerRow) throws -> Void
    ) throws {
        guard let connection, !isLost else { throw ServerError(.connectionLost, "the connection is closed") }
        guard !isRunning else { throw ServerError(.other, "the connection runs statements already") }
        if queries.isEmpty { return }
        let texts = try checked(queries)
        isRunning = true
        defer { isRunning = false }
        var pipeline = Pipeline(
            library, connection, canceller: canceller, queries: queries, texts: texts, chores: chores(connection))
        canceller.start()
        defer {
            // A request to cancel that is under way would hit what runs next.
            if !canceller.stop() { isLost = true }
        }
        do {
            try pipeline.run(&cache, isInterrupted: isInterrupted, row: row)
        } catch {
            if !pipeline.isDone || library.status(connection) != ConnectionStatus.ok { isLost = true }
            throw error
        }
    }

    /// Runs statements whose rows nobody wants.
    /// - Throws: ``ServerError``.
    public func run(_ queries: [SQLQuery]) throws { try run(queries) { _, _ in } }

    /// Looks at all that can be wrong before anything is sent.
    private func checked(_ queries: [SQLQuery]) throws(ServerError) -> [NumberedText] {
        var texts: [NumberedText] = []
        texts.reserveCapacity(queries.count)
        for (number, query) in queries.enumerated() {
            let text = cache.text(query.text)
            guard !text.hasNUL, !query.values.contains(where: ParameterList.hasNUL) else {
                throw ServerError(.badValue, "a text holds a NUL, which PostgreSQL does not take", statement: number)
            }
            guard text.count == query.values.count else {
                throw ServerError(
                    .other, "the statement takes \(text.count) values, not \(query.values.count)", statement: number)
            }
            guard text.count <= ParameterList.most else {
                throw ServerError(
                    .badValue, "\(text.count) values are more than the \(ParameterList.most) of a statement",
                    statement: number)
            }
            texts.append(text)
        }
        return texts
    }

    /// What is sent ahead of the first statements, and between transactions.
    private func chores(_ connection: LibPQ.Connection) -> [String] {
        // Within a transaction what fails would end it. PQTRANS_IDLE.
        guard library.transactionStatus(connection) == 0 else { return [] }
        var chores: [String] = []
        if !isPrepared {
            isPrepared = true
            // Servers have them all by themselves, but a role or a database may have others. They are not parameters of
            // the connection: poolers refuse those.
            chores.append(
                """
                SELECT CASE WHEN current_setting('extra_float_digits')::int < 1
                    THEN set_config('extra_float_digits', '1', false) END,
                CASE WHEN current_setting('bytea_output') <> 'hex' THEN set_config('bytea_output', 'hex', false) END,
                CASE WHEN current_setting('standard_conforming_strings') <> 'on'
                    THEN set_config('standard_conforming_strings', 'on', false) END
                """)
        }
        chores += cache.dropped.map { "DEALLOCATE \($0)" }
        cache.forgetDropped()
        return chores
    }
}
