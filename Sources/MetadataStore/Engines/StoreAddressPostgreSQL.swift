/// A database of a PostgreSQL server, in the words of libpq.
public struct PostgreSQLAddress: Sendable, Hashable, CustomStringConvertible {
    /// One of libpq's connection parameters
    /// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
    public struct Keyword: Sendable, Hashable, CustomStringConvertible {
        /// Such as `host`.
        public var name: String
        /// Plain text, not escaped.
        public var value: String

        /// A parameter and its value.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        /// `name=value`, without the value of a secret.
        public var description: String {
            let isSecret = PostgreSQLAddress.secrets.contains(name)
            return isSecret ? "\(name)=***" : "\(name)=\(value)"
        }
    }

    /// Names of parameters that nobody is shown.
    private static let secrets = [
        "password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key",
    ]

    /// For PQconnectdbParams with expand_dbname 0, in order; each name once, `dbname` among them.
    public private(set) var keywords: [Keyword] = []
    /// Whether the database is left to others to create.
    public var skipsCreation: Bool

    /// - Parameters:
    ///   - keywords: of a name that comes twice the last value counts, and an empty value is none, as in libpq. Without
    ///     `dbname` the database is `metadb`; of several hosts one is taken that can be written to, unless
    ///     `target_session_attrs` says otherwise.
    ///   - skipsCreation: whether the database is left to others to create.
    ///   - environment: a variable's value; asked for what stands above values of our own: PGTARGETSESSIONATTRS.
    public init(
        keywords: [Keyword], skipsCreation: Bool = false, environment: (String) -> String? = { _ in nil }
    ) {
        self.skipsCreation = skipsCreation
        for keyword in keywords { set(keyword) }
        if self["dbname"] == nil { set(Keyword("dbname", "metadb")) }
        let hasSeveral = [self["host"], self["hostaddr"]].contains { $0?.utf8.contains(UInt8(ascii: ",")) == true }
        if hasSeveral, self["target_session_attrs"] == nil, (environment("PGTARGETSESSIONATTRS") ?? "").isEmpty {
            set(Keyword("target_session_attrs", "read-write"))
        }
    }

    /// ``keywords`` as pairs of name and value.
    public var parameters: [(String, String)] { keywords.map { ($0.name, $0.value) } }

    /// The value of a keyword.
    public subscript(name: String) -> String? { keywords.first { $0.name == name }?.value }

    /// The database's name.
    public var database: String { self["dbname"] ?? "metadb" }

    /// Another database of the same server, for example `postgres` to create this one from.
    public func database(_ name: String) -> PostgreSQLAddress {
        var address = self
        address.set(Keyword("dbname", name))
        return address
    }

    /// `postgresql://user@host:5432/metadb`: no password, no parameters. Hosts that libpq takes from elsewhere, such as
    /// the variable PGHOST, are missing.
    public var description: String {
        let user = self["user"].map { PercentEncoding.encoded($0) + "@" } ?? ""
        let ports = (self["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let names = (self["host"] ?? self["hostaddr"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let hosts = names.enumerated().map { number, name in
            // One port is that of all hosts.
            let port = ports.count == 1 ? ports[0] : number < ports.count ? ports[number] : ""
            return PercentEncoding.encodedHost(String(name)) + (port.isEmpty ? "" : ":\(port)")
        }
        return "postgresql://\(user)\(hosts.joined(separator: ","))/\(PercentEncoding.encoded(database))"
    }

    private mutating func set(_ keyword: Keyword) {
        let index = keywords.firstIndex { $0.name == keyword.name }
        switch (index, keyword.value.isEmpty) {
        case (let index?, true): keywords.remove(at: index)
        case (let index?, false): keywords[index].value = keyword.value
        case (nil, true): break
        case (nil, false): keywords.append(keyword)
        }
    }
}

extension PostgreSQLAddress {
    /// Variables of libpq that say where the server is.
    private static let hostVariables = ["PGHOST", "PGHOSTADDR", "PGSERVICE"]

    /// - Throws: ``StoreAddressError``.
    init(_ url: StoreURL, environment: (String) -> String?, readFile: (String) throws -> String) throws {
        let own = try StoreParameters(url.parameters)
        var given: [Keyword] = []
        if url.hosts.count > 1 || url.hosts.contains(where: { !$0.name.isEmpty }) {
            let names = url.hosts.map { $0.name.isEmpty ? "localhost" : $0.name }
            given.append(Keyword("host", names.joined(separator: ",")))
        }
        if url.hosts.contains(where: { $0.port != nil }) {
            given.append(Keyword("port", url.hosts.map { $0.port.map(String.init) ?? "" }.joined(separator: ",")))
        }
        if let user = url.user { given.append(Keyword("user", user)) }
        if let password = url.password { given.append(Keyword("password", password)) }
        given.append(Keyword("dbname", environment("PGDATABASE") ?? ""))
        if let database = url.database { given.append(Keyword("dbname", database)) }
        for (number, parameter) in own.rest.enumerated() {
            switch (try Self.name(parameter, number + 1), parameter.value) {
            // As libpq does, for JDBC's sake.
            case ("ssl", "true"): given.append(Keyword("sslmode", "require"))
            case ("port", let ports):
                guard ports.split(separator: ",").allSatisfy({ StoreURL.port(String($0)) != nil }) else {
                    throw StoreAddressError("port: should be a number from 1 to 65535, or several with commas between")
                }
                given.append(Keyword("port", ports))
            case ("host", let hosts) where hosts.contains("://"):
                throw StoreAddressError("host: should be a server's name or the folder of its socket, no URL")
            case ("dbname", let name) where name.contains("=") || name.contains("://"):
                throw StoreAddressError("dbname: should be a database's name, not a connection string")
            case (let name, let value): given.append(Keyword(name, value))
            }
        }
        var address = PostgreSQLAddress(keywords: given, skipsCreation: own.skipsCreation, environment: environment)
        if !given.contains(where: { $0.name == "dbname" && !$0.value.isEmpty }),
            address["service"] != nil || !(environment("PGSERVICE") ?? "").isEmpty
        {
            throw StoreAddressError("service: name the database too, as in postgresql:///metadb?service=NAME")
        }
        if ["host", "hostaddr", "service"].allSatisfy({ address[$0] == nil }),
            Self.hostVariables.allSatisfy({ (environment($0) ?? "").isEmpty })
        {
            address.keywords.insert(Keyword("host", "localhost"), at: 0)
        }
        // PGPASSWORD and the password file of libpq are its own matter.
        let password = try own.password(
            address["password"] ?? url.password, variables: address["passfile"] == nil ? ["KFMD_STORE_PASSWORD"] : [],
            environment: environment, readFile: readFile)
        address.set(Keyword("password", password ?? ""))
        self = address
    }

    /// A parameter's name as libpq has it, with underscores.
    /// - Parameter number: its place, for the error.
    private static func name(_ parameter: StoreURL.Parameter, _ number: Int) throws -> String {
        let name = String(parameter.name.map { $0 == "-" ? "_" : $0 })
        guard name.utf8.first?.isASCIILetter == true,
            name.utf8.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") })
        else { throw StoreAddressError("the name of parameter \(number) is none of libpq's, such as connect_timeout") }
        return name
    }
}
