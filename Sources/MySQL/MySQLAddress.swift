/// Where a MySQL or MariaDB server is, and who connects.
public struct MySQLAddress: Sendable, Hashable {
    /// A server's name and port.
    public struct Host: Sendable, Hashable {
        /// A name or address; of IPv6 without brackets.
        public var name: String
        /// 3306 is the usual one.
        public var port: Int

        /// A server.
        public init(name: String, port: Int = 3306) { (self.name, self.port) = (name, port) }
    }

    /// How much TLS is asked for; the values of `--ssl-mode` of MySQL's clients
    /// (https://dev.mysql.com/doc/refman/8.4/en/connection-options.html).
    public enum TLSMode: String, Sendable, Hashable, CaseIterable {
        /// None.
        case disabled
        /// Where the server has it. Nothing is checked.
        case preferred
        /// Or no connection. Nothing is checked.
        case required
        /// With a certificate of a known authority. The library checks the host's name with it, or nothing: so this is
        /// ``verifyIdentity``.
        case verifyCA = "verify-ca"
        /// As ``verifyCA``, and the certificate is the host's.
        case verifyIdentity = "verify-identity"
    }

    /// Paths of PEM files, and the ciphers.
    public struct TLS: Sendable, Hashable {
        /// How much of it.
        public var mode: TLSMode
        /// Certificates of authorities.
        public var authorities: String?
        /// A folder of certificates of authorities.
        public var authorityFolder: String?
        /// The client's own certificate.
        public private(set) var certificate: String?
        /// Its private key.
        public private(set) var key: String?
        /// Names of permitted ciphers as OpenSSL writes them, colons between.
        public var ciphers: String?

        /// No files, where they are not given; of certificate and key, one file may hold both.
        public init(
            mode: TLSMode = .preferred, authorities: String? = nil, authorityFolder: String? = nil,
            certificate: String? = nil, key: String? = nil, ciphers: String? = nil
        ) {
            self.mode = mode
            self.authorities = authorities
            self.authorityFolder = authorityFolder
            self.certificate = certificate ?? key
            self.key = key ?? certificate
            self.ciphers = ciphers
        }
    }

    /// What texts are sent as.
    public enum Charset: String, Sendable, Hashable {
        case utf8mb4
        /// The bytes of UTF-8 under the name of latin1, as ML Metadata's own server sends them.
        case latin1
    }

    /// In the order to try them; none with a ``socket``.
    public var hosts: [Host]
    /// The path of the server's Unix socket, instead of hosts.
    public var socket: String?
    /// Who connects.
    public var user: String
    /// `nil` and empty: none.
    public var password: String?
    /// `nil`: none yet.
    public var database: String?
    /// A socket needs none.
    public var tls = TLS()
    public var charset = Charset.utf8mb4
    /// For each host, in seconds.
    public var connectTimeout = 10
    /// How long the server may be silent, in seconds.
    public var readTimeout = 120

    public init(
        hosts: [Host], socket: String? = nil, user: String, password: String? = nil, database: String? = nil
    ) {
        (self.hosts, self.socket, self.user) = (hosts, socket, user)
        (self.password, self.database) = (password, database)
    }
}
