import MetadataStore

/// How to reach a database, by flags or by a message of the config file.
struct ServerDatabase {
    /// What an error calls a value.
    private let label: (String) -> String
    /// A value by its name in the messages of the proto; empty where it is not set.
    private let text: (String) throws -> String
    private let environment: (String) -> String?
    private let port: Int64
    private let skipsCreation: Bool
    private let ssl: ServerConfigMessage?

    /// The flags of MySQL.
    init(mySQL flags: ServerFlags, environment: @escaping (String) -> String?) {
        self.init(flags, "mysql_config_", port: flags.integer(.mysqlPort), environment: environment)
    }

    /// The flags of PostgreSQL.
    init(postgreSQL flags: ServerFlags, environment: @escaping (String) -> String?) {
        self.init(
            flags, "postgres_config_", skipsCreation: flags.boolean(.postgresSkipsCreation), environment: environment)
    }

    private init(
        _ flags: ServerFlags, _ prefix: String, port: Int64 = 0, skipsCreation: Bool = false,
        environment: @escaping (String) -> String?
    ) {
        label = { "--\(prefix)\($0)" }
        text = { name in try ServerFlag(rawValue: prefix + name).map { try flags.resolved($0) } ?? "" }
        (self.port, self.skipsCreation, ssl, self.environment) = (port, skipsCreation, nil, environment)
    }

    /// A message of the config file: `mysql` or `postgresql` of `connection_config`.
    /// - Parameter place: the file, and the message in it.
    init(_ message: ServerConfigMessage, place: String, environment: @escaping (String) -> String?) {
        label = { "\(place).\($0)" }
        let options = message.message("ssloption")
        text = { name in name.hasPrefix("ssl") ? options?.text(name) ?? "" : message.text(name) }
        (port, skipsCreation) = (message.integer("port") ?? 0, message.boolean("skip_db_creation"))
        (ssl, self.environment) = (message.message("ssl_options"), environment)
    }

    /// Whether one of the values is set without which the original takes no flags of MySQL for such.
    func isSet() throws -> Bool { try port != 0 || !text("host").isEmpty || !text("database").isEmpty }

    /// - Throws: ``Failure`` that names what is missing or wrong.
    func mySQL() throws -> MySQLStoreAddress {
        let (host, socket) = (try text("host"), try text("socket"))
        if host.isEmpty, socket.isEmpty { throw Failure.usage("\(label("host")): the server's name is missing") }
        guard host.isEmpty || socket.isEmpty else { throw Failure.usage("\(label("socket")): a host stands beside it") }
        if !host.isEmpty { try checkHosts("host") }
        let database = try needed("database")
        guard port == 0 || (1...65_535).contains(port) else {
            throw Failure.usage("\(label("port")): \(port) is no port; should be from 1 to 65535, or 0 for 3306")
        }
        let user = try name("user")
        let hosts = host.split(separator: ",").map {
            MySQLStoreAddress.Host(name: Self.withoutBrackets($0), port: port == 0 ? 3306 : Int(port))
        }
        return MySQLStoreAddress(
            hosts: hosts, socket: socket.isEmpty ? nil : socket, user: user.isEmpty ? "root" : user,
            password: try password(["KFMD_STORE_PASSWORD", "MYSQL_PWD"]), database: database, tls: mySQLTLS(),
            skipsCreation: skipsCreation)
    }

    /// As the original's client library: files without `verify_server_cert` ask for TLS, and check nothing.
    private func mySQLTLS() -> MySQLStoreAddress.TLS {
        guard let ssl else { return MySQLStoreAddress.TLS() }
        func value(_ name: String) -> String? { ssl.text(name).isEmpty ? nil : ssl.text(name) }
        let isAsked = ["key", "cert", "ca", "capath", "cipher"].contains { value($0) != nil }
        return MySQLStoreAddress.TLS(
            mode: ssl.boolean("verify_server_cert") ? .verifyIdentity : isAsked ? .required : .preferred,
            authorities: value("ca"), authorityFolder: value("capath"), certificate: value("cert"), key: value("key"),
            ciphers: value("cipher"))
    }

    /// - Throws: ``Failure`` that names what is missing or wrong.
    func postgreSQL() throws -> PostgreSQLAddress {
        let hasHost = try !text("host").isEmpty
        guard try hasHost == text("hostaddr").isEmpty else {
            throw Failure.usage(
                "\(label("host")): "
                    + (hasHost ? "hostaddr stands beside it; leave one of them out" : "the server's name is missing"))
        }
        try checkHosts(hasHost ? "host" : "hostaddr")
        let port = try needed("port")
        guard port.split(separator: ",", omittingEmptySubsequences: false).allSatisfy({ Self.isPort($0) }) else {
            throw Failure.usage("\(label("port")): should be a number from 1 to 65535")
        }
        let (database, user) = (try needed("dbname"), try needed("user"))
        guard !database.contains("="), !database.contains("://") else {
            throw Failure.usage("\(label("dbname")): should be a database's name, not a connection string")
        }
        // A file of passwords that is named goes before our variable.
        let password = try password(text("passfile").isEmpty ? ["KFMD_STORE_PASSWORD"] : [])
        var keywords = [
            PostgreSQLAddress.Keyword("port", port), .init("dbname", database), .init("user", user),
            .init("password", password ?? ""),
        ]
        for name in [
            "host", "hostaddr", "passfile", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert",
        ] { keywords.append(.init(name, try text(name))) }
        return PostgreSQLAddress(keywords: keywords, skipsCreation: skipsCreation, environment: environment)
    }

    private func needed(_ field: String) throws -> String {
        let value = try name(field)
        guard !value.isEmpty else { throw Failure.usage("\(label(field)): is missing or empty") }
        return value
    }

    /// A value that is a name. A Secret that was made with `echo` ends with a line break.
    private func name(_ field: String) throws -> String {
        let value = try text(field)
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw Failure.usage("\(label(field)): has a line break or another control character")
        }
        return value
    }

    /// Hosts are shown, and a URL that stands there may hold a password.
    private func checkHosts(_ field: String) throws {
        let hosts = try name(field).split(separator: ",", omittingEmptySubsequences: false)
        guard hosts.allSatisfy({ !$0.isEmpty && !$0.contains("://") && !$0.dropFirst().contains("@") }) else {
            throw Failure.usage("\(label(field)): should be a server's name, or several with commas between; no URL")
        }
    }

    /// Whether the password that is given ends with a line break: it is taken so, as by the original.
    func passwordNotice() throws -> String? {
        guard try text("password").last?.isNewline == true else { return nil }
        return "\(label("password")): ends with a line break, which is taken for part of it"
    }

    /// The password that is given, or that of the first variable that has one.
    private func password(_ variables: [String]) throws -> String? {
        ([try text("password")] + variables.map { environment($0) ?? "" }).first { !$0.isEmpty }
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } && Int(text).map { (1...65_535).contains($0) } == true
    }

    private static func withoutBrackets(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }
}

extension ServerFlags {
    /// The text of a flag in which Kubernetes has put values for all names of variables.
    /// - Throws: ``Failure`` that names the flag and the variable.
    func resolved(_ flag: ServerFlag) throws -> String {
        let value = text(flag)
        guard let reference = Self.reference(in: value, isWhole: flag.isSecret) else { return value }
        throw Failure.usage(
            "--\(flag.rawValue): Kubernetes left \(reference) as it was: the container has no such variable")
    }

    /// The first `$(NAME)`. In a secret only one that is all of it counts: others may be meant so.
    private static func reference(in value: String, isWhole: Bool) -> String? {
        guard let start = isWhole ? value.startIndex : value.firstIndex(of: "$"), value[start...].hasPrefix("$("),
            let end = value[start...].firstIndex(of: ")"), !isWhole || value.index(after: end) == value.endIndex
        else { return nil }
        let name = value[start..<end].dropFirst(2)
        guard !name.isEmpty,
            name.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || "_-.".utf8.contains($0)
            })
        else { return nil }
        return isWhole ? "a $(NAME)" : "$(\(name))"
    }
}
