/// Where a MySQL or MariaDB server is, and who connects.
public struct MySQLAddress: Sendable, Hashable {
    /// A server's name and port.
    public struct Host: Sendable, Hashable {
        public var name: String
        public var port: Int

        public init(_ name: String, port: Int = 3306) { (self.name, self.port) = (name, port) }
    }

    /// How much TLS is asked for.
    public enum TLSMode: Sendable, Hashable {
        case disabled
        /// Where the server has it. Nothing is checked.
        case preferred
        /// Or no connection. Nothing is checked, but that an authority signed the certificate where some are named.
        case required
        /// With a certificate of a known authority. The library checks the host's name with it, or nothing: so this is
        /// ``verifyIdentity``.
        case verifyCA
        /// As ``verifyCA``, and the certificate is the host's.
        case verifyIdentity
    }

    /// TLS, with paths of PEM files.
    public struct TLS: Sendable, Hashable {
        public var mode = TLSMode.preferred
        public var authorities: String?
        public var authorityFolder: String?
        public var certificate: String?
        public var key: String?
        /// Names as OpenSSL writes them, colons between.
        public var ciphers: String?

        public init() {}
    }

    /// What texts are sent as.
    public enum Charset: String, Sendable, Hashable {
        case utf8mb4
        /// The bytes of UTF-8 under the name of latin1, as ML Metadata's own server sends them.
        case latin1
    }

    /// In the order to try them; none with a ``socket``.
    public var hosts: [Host]
    public var socket: String?
    public var user: String
    public var password: String?
    /// `nil`: none yet.
    public var database: String?
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
