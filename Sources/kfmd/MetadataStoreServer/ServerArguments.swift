import MetadataStore

/// What the flags of ML Metadata's server ask for, in that server's own order of sources
/// (ml_metadata/metadata_store/metadata_store_server_main.cc of release 1.17).
struct ServerArguments {
    /// Where the store is.
    enum Place: Equatable {
        /// Nowhere: it ends with the server, as the original's does in memory.
        case temporary
        /// A file or a database. The original makes it when it does not exist.
        case store(StoreAddress)
    }

    /// TLS of the gRPC port, as texts of PEM.
    struct TLS: Equatable, CustomStringConvertible {
        /// The server's certificate and those between it and its root.
        var certificateChain: String
        /// Its private key.
        var privateKey: String
        /// The roots of the clients' certificates; `nil` takes any client.
        var clientRoots: String?

        /// No key.
        var description: String { clientRoots == nil ? "TLS" : "TLS with certificates of clients" }
    }

    /// Where the store is.
    private(set) var place = Place.temporary
    /// Whether a store that does not exist is an error: SQLite's connection mode READWRITE.
    private(set) var mustExist = false
    /// The port of gRPC; the original listens on all of the machine's addresses.
    let grpcPort: Int
    /// How long messages and headers may be.
    let limits: ServerLimits
    /// Whether a store of an older schema is brought to this one.
    private(set) var upgrades = false
    /// How often the first connection is tried again.
    let connectionRetries: Int
    /// `nil`: in the clear.
    private(set) var tls: TLS?
    /// Lines for the log: what has no effect, and what is easily overlooked.
    private(set) var notices: [String] = []

    /// - Parameters:
    ///   - flags: without a ``ServerFlags/request``, which asks for something else.
    ///   - environment: a variable's value, for passwords that flags and file leave empty.
    ///   - readFile: a file's content.
    /// - Throws: ``Failure``: one line that names the flag or field, and never a password.
    init(
        _ flags: ServerFlags, environment: @escaping (String) -> String?, readFile: (String) throws -> String
    ) throws {
        let port = flags.integer(.grpcPort)
        guard (1...65_535).contains(port) else {
            throw Failure.usage("--grpc_port=\(port): should be a number from 1 to 65535")
        }
        grpcPort = Int(port)
        limits = try ServerLimits(flags.resolved(.grpcChannelArguments))
        connectionRetries = max(0, Int(flags.integer(.connectionRetries)))
        try Self.refuseDowngrade(flags.integer(.downgradeVersion), "--\(ServerFlag.downgradeVersion.rawValue)")
        let path = try flags.resolved(.configFile)
        let mySQL = ServerDatabase(mySQL: flags, environment: environment)
        switch try flags.resolved(.sourceType) {
        case "default":
            if !path.isEmpty, let text = try Self.content(path, hasOther: mySQL.isSet(), readFile, &notices) {
                try take(text, path: path, environment: environment)
                ignore(flags, "mysql_config_", "the config file goes before it")
                ignoreUpgrade(flags)
            } else if try mySQL.isSet() {
                try takeFlags(flags, .mySQL(mySQL.mySQL()), mySQL)
            } else {
                try Self.refuseGivenDatabase(flags)
                notices.append("no store is given: it is a temporary one, and ends with the server")
            }
            ignore(flags, "postgres_config_", "needs --\(ServerFlag.sourceType.rawValue)=postgresql")
        case "config_file":
            guard !path.isEmpty else { throw Failure.usage("--\(ServerFlag.configFile.rawValue): is missing") }
            let text = try Self.content(path, hasOther: false, readFile, &notices) ?? ""
            try take(text, path: path, environment: environment)
            for prefix in ["mysql_config_", "postgres_config_"] { ignore(flags, prefix, "the config file counts") }
            ignoreUpgrade(flags)
        case "mysql":
            try takeFlags(flags, .mySQL(mySQL.mySQL()), mySQL)
            ignore(flags, ServerFlag.configFile.rawValue, "not read for MySQL by flags")
            ignore(flags, "postgres_config_", "the store is MySQL's")
        case "postgresql":
            let database = ServerDatabase(postgreSQL: flags, environment: environment)
            try takeFlags(flags, .postgreSQL(database.postgreSQL()), database)
            ignore(flags, ServerFlag.configFile.rawValue, "not read for PostgreSQL by flags")
            ignore(flags, "mysql_config_", "the store is PostgreSQL's")
        default:
            throw Failure.usage(
                "--\(ServerFlag.sourceType.rawValue): should be default, config_file, mysql or postgresql")
        }
        notices += limits.ignored.map { "--\(ServerFlag.grpcChannelArguments.rawValue): \($0) has no effect here" }
        notices += flags.ignored.map { "--\($0): has no effect here" }
    }

    private mutating func takeFlags(
        _ flags: ServerFlags, _ address: StoreAddress, _ database: ServerDatabase
    ) throws {
        place = .store(address)
        upgrades = flags.boolean(.enableUpgrade)
        if let notice = try database.passwordNotice() { notices.append(notice) }
    }

    private mutating func ignore(_ flags: ServerFlags, _ prefix: String, _ reason: String) {
        for flag in ServerFlag.allCases where flag.rawValue.hasPrefix(prefix) && flags.isGiven(flag) {
            notices.append("--\(flag.rawValue): has no effect: \(reason)")
        }
    }

    /// As in the original, only the file itself says what a store by a file is upgraded to.
    private mutating func ignoreUpgrade(_ flags: ServerFlags) {
        guard flags.boolean(.enableUpgrade), !upgrades else { return }
        notices.append(
            "--\(ServerFlag.enableUpgrade.rawValue): has no effect: the config file counts, "
                + "and has no migration_options { enable_upgrade_migration: true }")
    }

    /// Who gives flags of a database does not want a store that ends with the server, though the original makes one.
    private static func refuseGivenDatabase(_ flags: ServerFlags) throws {
        if let flag = ServerFlag.allCases.first(where: { $0.rawValue.hasPrefix("postgres_") && flags.isGiven($0) }) {
            throw Failure.usage("--\(flag.rawValue): needs --\(ServerFlag.sourceType.rawValue)=postgresql beside it")
        }
        if ServerFlag.allCases.contains(where: { $0.rawValue.hasPrefix("mysql_") && flags.isGiven($0) }) {
            throw Failure.usage(
                "--\(ServerFlag.mysqlHost.rawValue), --\(ServerFlag.mysqlDatabase.rawValue): are missing or empty")
        }
    }

    private static func refuseDowngrade(_ version: Int64?, _ name: String) throws {
        guard let version, version >= 0 else { return }
        throw Failure.usage(
            "\(name)=\(version): kfmd takes no store back to an older schema; use the original's server for that")
    }
}

extension ServerArguments {
    /// The text of the config file; `nil` where it cannot be read and there is another source.
    private static func content(
        _ path: String, hasOther: Bool, _ readFile: (String) throws -> String, _ notices: inout [String]
    ) throws -> String? {
        do {
            return try readFile(path)
        } catch {
            let line = Failure.line("--\(ServerFlag.configFile.rawValue) \(path): \(ServerFlags.reason(error))")
            guard hasOther else { throw Failure.usage(line) }
            notices.append("\(line); the flags of MySQL count")
            return nil
        }
    }

    /// Takes all of a config file: as in the original, flags of migrations do not count beside it.
    private mutating func take(_ text: String, path: String, environment: @escaping (String) -> String?) throws {
        let config = try ServerConfigMessage(text, shape: .serverConfig, path: path)
        let place = "\(path), connection_config"
        guard let connection = config.message("connection_config") else {
            throw Failure.usage("\(place): is missing")
        }
        if let message = connection.message("mysql") {
            let database = ServerDatabase(message, place: "\(place).mysql", environment: environment)
            self.place = .store(.mySQL(try database.mySQL()))
            if let ssl = message.message("ssl_options"), !ssl.boolean("verify_server_cert") {
                notices.append("\(place).mysql.ssl_options: the server is not checked without verify_server_cert")
            }
        } else if let message = connection.message("postgresql") {
            let database = ServerDatabase(message, place: "\(place).postgresql", environment: environment)
            self.place = .store(.postgreSQL(try database.postgreSQL()))
        } else if let message = connection.message("sqlite") {
            try takeSQLite(message, place: "\(place).sqlite")
        } else if connection.message("fake_database") == nil {
            throw Failure.usage("\(place): should have one of mysql, postgresql, sqlite and fake_database")
        }
        if self.place == .temporary {
            notices.append("\(place): the store is a temporary one, and ends with the server")
        }
        let migration = config.message("migration_options")
        upgrades = migration?.boolean("enable_upgrade_migration") ?? false
        try Self.refuseDowngrade(
            migration?.integer("downgrade_to_schema_version"),
            "\(path), migration_options.downgrade_to_schema_version")
        tls = try config.message("ssl_config").map { try readTLS($0, place: "\(path), ssl_config") }
    }

    private mutating func takeSQLite(_ message: ServerConfigMessage, place: String) throws {
        switch message.integer("connection_mode") {
        case 1: throw Failure.usage("\(place).connection_mode: READONLY is not possible: this server writes")
        case 2: mustExist = true
        // UNKNOWN is as good as none.
        default: break
        }
        let uri = message.text("filename_uri")
        if uri.isEmpty || uri == ":memory:" || uri.hasPrefix("file::memory:") || uri == "file:" { return }
        guard uri.hasPrefix("file:") else {
            self.place = .store(.file(uri))
            return
        }
        do {
            self.place = .store(try StoreAddress(uri, environment: { _ in nil }, readFile: { _ in "" }))
        } catch {
            throw Failure.usage("\(place).filename_uri: \(error)")
        }
    }

    private mutating func readTLS(_ message: ServerConfigMessage, place: String) throws -> TLS {
        func pem(_ name: String) throws -> String {
            let text = message.text(name)
            guard text.contains("-----BEGIN ") else {
                throw Failure.usage("\(place).\(name): should be the text of a PEM file, not its path")
            }
            return text
        }
        var tls = TLS(certificateChain: try pem("server_cert"), privateKey: try pem("server_key"))
        if message.boolean("client_verify") {
            tls.clientRoots = try pem("custom_ca")
        } else if !message.text("custom_ca").isEmpty {
            notices.append("\(place).custom_ca: has no effect without client_verify")
        }
        return tls
    }
}
