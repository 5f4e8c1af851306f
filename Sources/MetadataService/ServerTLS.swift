import FoundationEssentials
import GRPCNIOTransportHTTP2Posix
import NIOCertificateReloading
import NIOSSL
import Synchronization

/// The certificate of a server, and whose clients it takes. All are PEM files.
public struct ServerTLS: Sendable, Hashable {
    /// The server's certificate and those between it and its root.
    public var certificateChain: String
    public var privateKey: String
    /// The roots of the clients' certificates; `nil` takes any client.
    public var clientRoots: String?

    public init(certificateChain: String, privateKey: String, clientRoots: String? = nil) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientRoots = clientRoots
    }

    /// Why a file cannot be used.
    public struct FileError: Error, CustomStringConvertible {
        public var path: String
        public var reason: String
        public var description: String { "TLS file \(path): \(reason)" }
    }

    /// What gRPC and HTTP servers are made with.
    struct Loaded {
        var files: CertificateFiles
        var clientRoots: String?

        /// - Throws: an error of the transport.
        func grpc() throws -> HTTP2ServerTransport.Posix.TransportSecurity {
            guard let clientRoots else { return try .tls(certificateReloader: files) }
            return try .mTLS(certificateReloader: files) {
                $0.trustRoots = .certificates([.file(path: clientRoots, format: .pem)])
            }
        }

        /// - Throws: an error of NIOSSL.
        func http() throws -> TLSConfiguration {
            var configuration: TLSConfiguration =
                if let clientRoots {
                    try .makeServerConfigurationWithMTLS(certificateReloader: files, trustRoots: .file(clientRoots))
                } else {
                    try .makeServerConfiguration(certificateReloader: files)
                }
            // NIOSSL's own default is TLS 1.0, which RFC 8996 forbids; gRPC's transport has this one.
            configuration.minimumTLSVersion = .tlsv12
            return configuration
        }
    }

    /// Tells a mistake in the files.
    /// - Throws: ``FileError`` that names the file.
    public func validate() throws { _ = try load() }

    /// Reads the files once, so that a mistake in them is told at the start.
    /// - Throws: ``FileError`` that names the file.
    func load() throws -> Loaded {
        if let clientRoots {
            do {
                guard try !NIOSSLCertificate.fromPEMFile(clientRoots).isEmpty else {
                    throw FileError(path: clientRoots, reason: "has no certificate")
                }
            } catch let error as NIOSSLError {
                throw FileError(path: clientRoots, reason: "is no PEM file of certificates: \(error)")
            }
        }
        return Loaded(files: try CertificateFiles(self), clientRoots: clientRoots)
    }
}

/// A certificate and key that are read again when their files change, as cert-manager changes them.
final class CertificateFiles: CertificateReloader {
    private struct State {
        var override: NIOSSLContextConfigurationOverride
        /// What the files contained: a Secret's files are links, whose dates and targets tell little.
        var contents: [Data?]
        var checked: ContinuousClock.Instant
    }

    /// Files are looked at no more often, whatever the number of connections.
    private static let interval: Duration = .seconds(1)

    private let files: ServerTLS
    private let state: Mutex<State>

    init(_ files: ServerTLS) throws {
        self.files = files
        let contents = Self.contents(of: files)
        state = Mutex(State(override: try Self.read(files), contents: contents, checked: .now))
    }

    var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride {
        state.withLock { state in
            guard ContinuousClock.now - state.checked > Self.interval else { return state.override }
            state.checked = .now
            let contents = Self.contents(of: files)
            // Half-written files stay unread until they are whole: the certificate must fit the key.
            if contents != state.contents, let override = try? Self.read(files) {
                state.override = override
                state.contents = contents
            }
            return state.override
        }
    }

    private static func contents(of files: ServerTLS) -> [Data?] {
        [files.certificateChain, files.privateKey].map { FileManager.default.contents(atPath: $0) }
    }

    private static func read(_ files: ServerTLS) throws -> NIOSSLContextConfigurationOverride {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do {
            chain = try NIOSSLCertificate.fromPEMFile(files.certificateChain)
        } catch {
            throw ServerTLS.FileError(
                path: files.certificateChain, reason: "is no PEM file of certificates: \(error)")
        }
        do {
            key = try NIOSSLPrivateKey(file: files.privateKey, format: .pem)
        } catch {
            throw ServerTLS.FileError(path: files.privateKey, reason: "is no PEM file of a private key: \(error)")
        }
        // A context is made only of a key that belongs to the certificate.
        do {
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
        } catch {
            throw ServerTLS.FileError(
                path: files.privateKey, reason: "is not the key of \(files.certificateChain): \(error)")
        }
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = chain.map { .certificate($0) }
        override.privateKey = .privateKey(key)
        return override
    }
}
