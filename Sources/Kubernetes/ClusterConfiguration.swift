/// Everything that is needed to talk to one cluster as one user.
public struct ClusterConfiguration: Sendable {
    /// How the server's certificate is checked.
    public enum ServerTrust: Sendable, Equatable {
        /// By the system's authorities.
        case system
        /// By these authorities, in PEM.
        case authorities(pem: [UInt8])
        /// Not at all.
        case insecure
    }

    /// The client's own certificate and key, in PEM.
    public struct ClientCertificate: Sendable, Equatable {
        public var certificate: [UInt8]
        public var key: [UInt8]
    }

    /// The server's URL: scheme, host, port, path.
    public var server: String
    public var serverTrust: ServerTrust = .system
    /// The name that the server's certificate must have, where it is not the host.
    public var tlsServerName: String?
    public var clientCertificate: ClientCertificate?
    public var credentials: Credentials = .none
    /// `http://`, `https://` or `socks5://`.
    public var proxyURL: String?
    /// The namespace of the context.
    public var namespace: String?
    /// Where the configuration comes from, for messages.
    public var origin: String

    public init(server: String, origin: String = "the command line") {
        self.server = server
        self.origin = origin
    }
}

/// Who asks.
public enum Credentials: Sendable, Equatable {
    case none
    case token(String)
    /// A token that is written anew from time to time: a service account's.
    case tokenFile(String)
    case basic(user: String, password: String)
    /// A program that prints an ExecCredential.
    case exec(ExecPlugin)
}

/// Why a cluster cannot be configured: one line that names the file and the key.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) { self.description = description }
}
