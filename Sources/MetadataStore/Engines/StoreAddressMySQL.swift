public import MySQL

/// A database of a MySQL or MariaDB server.
public struct MySQLStoreAddress: Sendable, Hashable, CustomStringConvertible {
    /// A server's name and port.
    public typealias Host = MySQLAddress.Host
    /// How much TLS is asked for.
    public typealias TLSMode = MySQLAddress.TLSMode
    /// Paths of PEM files, and the ciphers.
    public typealias TLS = MySQLAddress.TLS

    /// Servers in the order to try them. Empty with a ``socket``.
    public var hosts: [Host]
    /// The path of the server's Unix socket, instead of hosts.
    public var socket: String?
    /// Who connects.
    public var user: String
    /// `nil` and empty: none.
    public var password: String?
    /// The database's name.
    public var database: String
    /// TLS; a socket needs none.
    public var tls: TLS
    /// Seconds; `nil`: the client's own limit.
    public var connectTimeout: Int?
    /// Whether the database is left to others to create.
    public var skipsCreation: Bool

    /// A database, with what is usual for all that is not given.
    public init(
        hosts: [Host], socket: String? = nil, user: String = "root", password: String? = nil,
        database: String = "metadb", tls: TLS = TLS(), connectTimeout: Int? = nil, skipsCreation: Bool = false
    ) {
        self.hosts = hosts
        self.socket = socket
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
        self.connectTimeout = connectTimeout
        self.skipsCreation = skipsCreation
    }

    /// `mysql://user@host:3306/metadb`: no password, and of the parameters only the socket.
    public var description: String {
        let servers = hosts.map { PercentEncoding.encodedHost($0.name) + ":\($0.port)" }.joined(separator: ",")
        let path = "mysql://\(PercentEncoding.encoded(user))@\(servers)/\(PercentEncoding.encoded(database))"
        return path + (socket.map { "?socket=\($0)" } ?? "")
    }
}

extension MySQLStoreAddress {
    /// Parameters of a URL beside kfmd's own.
    private static let parameterNames = [
        "connect-timeout", "socket", "ssl-ca", "ssl-capath", "ssl-cert", "ssl-cipher", "ssl-key", "ssl-mode",
    ]
    /// In seconds: up to a day.
    private static let timeouts = 1...86_400

    /// - Throws: ``StoreAddressError``.
    init(_ url: StoreURL, environment: (String) -> String?, readFile: (String) throws -> String) throws {
        let own = try StoreParameters(url.parameters)
        let hosts = url.hosts.map { Host(name: $0.name.isEmpty ? "localhost" : $0.name, port: $0.port ?? 3306) }
        self.init(hosts: hosts, user: url.user ?? "root", database: url.database ?? "metadb")
        skipsCreation = own.skipsCreation
        var (mode, certificate, key): (TLSMode?, String?, String?)
        for parameter in own.rest {
            let value = parameter.value.isEmpty ? nil : parameter.value
            switch StoreParameters.name(parameter) {
            case "socket": socket = value
            case "ssl-mode": mode = try Self.mode(parameter)
            case "ssl-ca": tls.authorities = value
            case "ssl-capath": tls.authorityFolder = value
            case "ssl-cert": certificate = value
            case "ssl-key": key = value
            case "ssl-cipher": tls.ciphers = value
            case "connect-timeout":
                guard let seconds = Int(parameter.value), Self.timeouts.contains(seconds) else {
                    throw StoreAddressError(
                        "\(parameter.name): should be seconds from \(Self.timeouts.lowerBound) "
                            + "to \(Self.timeouts.upperBound)")
                }
                connectTimeout = seconds
            default:
                let known = (Self.parameterNames + StoreParameters.names).sorted().joined(separator: ", ")
                throw StoreAddressError(
                    "\(StoreParameters.shown(parameter)): no parameter of a MySQL address; known: \(known)")
            }
        }
        // Who names authorities wants them asked.
        let hasAuthorities = tls.authorities != nil || tls.authorityFolder != nil
        tls = TLS(
            mode: mode ?? (hasAuthorities ? .verifyCA : .preferred), authorities: tls.authorities,
            authorityFolder: tls.authorityFolder, certificate: certificate, key: key, ciphers: tls.ciphers)
        if socket != nil {
            guard url.hosts.allSatisfy({ ["", "localhost"].contains($0.name) && $0.port == nil }) else {
                throw StoreAddressError("socket: a host or port beside it has no meaning; leave one of them out")
            }
            self.hosts = []
        }
        password = try own.password(
            url.password, variables: ["KFMD_STORE_PASSWORD", "MYSQL_PWD"], environment: environment,
            readFile: readFile)
    }

    private static func mode(_ parameter: StoreURL.Parameter) throws -> TLSMode {
        let text = String(parameter.value.lowercased().map { $0 == "_" ? "-" : $0 })
        guard let mode = TLSMode(rawValue: text) else {
            let known = TLSMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw StoreAddressError("\(parameter.name): should be one of \(known)")
        }
        return mode
    }
}
