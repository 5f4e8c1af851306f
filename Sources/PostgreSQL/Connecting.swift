import SQL

/// Makes connections: with a time limit, and so that the SQLSTATE of a refusal is known.
struct Connecting {
    /// What is set where the caller says nothing: a server's node that has gone is noticed within a minute.
    private static let defaults = [
        ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
    ]
    private static let defaultTimeout = 10
    /// PQERRORS_DEFAULT and PQERRORS_VERBOSE.
    private static let (plain, verbose): (Int32, Int32) = (1, 2)

    private let library: LibPQ
    private let parameters: [(String, String)]
    private let expandsDatabase: Bool
    private let timeout: Int?

    /// - Parameters:
    ///   - expandsDatabase: whether `dbname` may be a connection string.
    ///   - timeout: in seconds, before what parameters say.
    init(_ library: LibPQ, _ parameters: [(String, String)], expandsDatabase: Bool, timeout: Int?) {
        self.library = library
        // Of a parameter that comes twice libpq takes the last.
        self.parameters = Self.defaults + parameters + [("client_encoding", "UTF8")]
        (self.expandsDatabase, self.timeout) = (expandsDatabase, timeout)
    }

    /// Makes a connection.
    /// - Throws: ``ServerError``.
    func connect() throws(ServerError) -> LibPQ.Connection {
        guard let connection = start(parameters, library.connectStartParams) else {
            throw ServerError(.cannotConnect, "out of memory")
        }
        var isMade = false
        defer { if !isMade { library.finish(connection) } }
        _ = library.setErrorVerbosity(connection, Self.verbose)
        guard library.status(connection) != ConnectionStatus.bad else { throw failure(connection) }
        let limit = timeout ?? option("connect_timeout", connection).flatMap { Int($0) } ?? Self.defaultTimeout
        guard try poll(connection, seconds: limit) else {
            let hosts = [option("host", connection), option("hostaddr", connection)]
            // libpq alone can go on to the next host; the SQLSTATE of a refusal is lost with it.
            if hosts.contains(where: { $0?.contains(",") == true }) { return try connectToAny(limit) }
            let host = library.host(connection).map { String(cString: $0) } ?? ""
            let port = library.port(connection).map { String(cString: $0) } ?? ""
            throw ServerError(
                .cannotConnect, "connection to server at \"\(host)\", port \(port) failed: no answer in \(limit) s")
        }
        _ = library.setErrorVerbosity(connection, Self.plain)
        isMade = true
        return connection
    }

    /// - Returns: `false` when the time is over.
    private func poll(_ connection: LibPQ.Connection, seconds: Int) throws(ServerError) -> Bool {
        let deadline = seconds > 0 ? ContinuousClock.now + .seconds(seconds) : nil
        var status = PollingStatus.writing
        while status != PollingStatus.ok {
            guard status != PollingStatus.failed else { throw failure(connection) }
            let left = deadline.map { $0 - ContinuousClock.now }
            if let left, left <= .zero { return false }
            let milliseconds = left.map { Int32(clamping: $0.components.seconds * 1000 + 1000) } ?? 1000
            // Another address has another socket.
            let isReady = Waiting.wait(
                library.socket(connection), reading: status == PollingStatus.reading,
                writing: status == PollingStatus.writing, milliseconds: min(milliseconds, 100))
            if isReady { status = library.connectPoll(connection) }
        }
        return true
    }

    private func connectToAny(_ limit: Int) throws(ServerError) -> LibPQ.Connection {
        let parameters = parameters + [("connect_timeout", String(limit))]
        guard let connection = start(parameters, library.connectdbParams) else {
            throw ServerError(.cannotConnect, "out of memory")
        }
        guard library.status(connection) == ConnectionStatus.ok else {
            defer { library.finish(connection) }
            throw failure(connection)
        }
        return connection
    }

    private func start(
        _ parameters: [(String, String)], _ function: (LibPQ.Texts, LibPQ.Texts, Int32) -> LibPQ.Connection?
    ) -> LibPQ.Connection? {
        var bytes: [CChar] = []
        var offsets: [(Int, Int)] = []
        func append(_ text: String) -> Int {
            let start = bytes.count
            for byte in text.utf8 { bytes.append(CChar(bitPattern: byte)) }
            bytes.append(0)
            return start
        }
        for (name, value) in parameters { offsets.append((append(name), append(value))) }
        return bytes.withUnsafeBufferPointer { buffer in
            let base = buffer.baseAddress
            let names = offsets.map { base?.advanced(by: $0.0) } + [nil]
            let values = offsets.map { base?.advanced(by: $0.1) } + [nil]
            return function(names, values, expandsDatabase ? 1 : 0)
        }
    }

    /// What a parameter is after all of libpq's own sources, such as variables and service files.
    private func option(_ name: String, _ connection: LibPQ.Connection) -> String? {
        guard let options = library.conninfo(connection) else { return nil }
        defer { library.conninfoFree(options) }
        // PQconninfoOption: keyword, envvar, compiled, val, label, dispchar, dispsize; the last one has no keyword.
        let word = MemoryLayout<UnsafeRawPointer>.size
        func text(_ offset: Int) -> String? {
            options.load(fromByteOffset: offset, as: UnsafePointer<CChar>?.self).map { String(cString: $0) }
        }
        var offset = 0
        while let keyword = text(offset) {
            if keyword == name { return text(offset + 3 * word) }
            offset += 7 * word
        }
        return nil
    }

    /// Why no connection was made, without secrets.
    private func failure(_ connection: LibPQ.Connection) -> ServerError {
        let error = ServerError(connecting: library, connection)
        // A connection string that is wrong somewhere is quoted in parts, maybe that of the password.
        let isString =
            expandsDatabase
            && parameters.contains { $0.0 == "dbname" && ($0.1.contains("=") || $0.1.contains("://")) }
        let isNetwork = error.message.contains("connection to server") || error.message.contains("host name")
        guard isString, error.state.isEmpty, !isNetwork else { return error }
        return ServerError(error.kind, "no connection could be made: the connection string is not understood")
    }
}
