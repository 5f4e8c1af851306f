/// How a server of a test's own is to be.
public struct TestServerOptions: Sendable {
    /// Whether clients may, or must, encrypt.
    public enum TLS: Sendable { case off, offered, required }

    /// Whether the data is on a disk, in /tmp, rather than in memory. A commit outlives the server's SIGKILL in any case.
    /// Servers sync as they do by default, except where there was no memory for their folder.
    public var isOnDisk = false
    /// The password of the user `kfmd`, random at first; nil lets everyone in who names himself so.
    public var password: String? = String(UInt64.random(in: .min ... .max), radix: 36)
    /// How the password is asked for. PostgreSQL: `scram-sha-256`, `md5`, `password`; MariaDB: `mysql_native_password`,
    /// or another plugin that the server has. nil: the first of these.
    public var authentication: String?
    /// Encryption, with the certificate in ``TestServer/certificates``.
    public var tls = TLS.off
    /// The names in the server's certificate.
    public var certificateNames = ["localhost", "127.0.0.1"]
    /// Whether ``TestServer/statements(in:)`` has something to tell.
    public var logsStatements = false
    /// How many connections `kfmd` can have; MariaDB has 10 at least. The administrator has one more.
    public var maxConnections = 500
    /// Whether databases can be read only, see ``TestServer/setReadOnly(_:)``.
    public var isReadOnly = false
    /// More settings: lines of postgresql.conf without the equals sign's blanks (`work_mem=1MB`), or options of mariadbd
    /// without dashes (`max-allowed-packet=1M`).
    public var settings: [String] = []

    /// Those of the server that all tests share.
    public init() {}
}
