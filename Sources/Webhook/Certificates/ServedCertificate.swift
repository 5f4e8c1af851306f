import NIOCertificateReloading
import NIOSSL
import Synchronization

/// The certificate that the server has now; new connections get the newest one.
final class ServedCertificate: CertificateReloader {
    /// Why a certificate cannot be served.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    private let state = Mutex(NIOSSLContextConfigurationOverride.noChanges)
    private let arrivals: AsyncStream<Void>
    private let arrived: AsyncStream<Void>.Continuation

    init() { (arrivals, arrived) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride { state.withLock { $0 } }

    /// Whether there is one.
    var isThere: Bool { state.withLock { $0.certificateChain != nil } }

    /// Ends when there is one. For one waiter.
    func wait() async {
        for await _ in arrivals where isThere { return }
    }

    /// Serves a certificate from now on.
    /// - Parameters:
    ///   - chain: in PEM, the server's certificate first.
    ///   - key: in PEM.
    /// - Throws: ``Unusable``; what was served before still is.
    func serve(chain: [UInt8], key: [UInt8]) throws(Unusable) {
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(chain)
            guard !certificates.isEmpty else { throw Unusable(description: "the chain has no certificate") }
            let privateKey = try NIOSSLPrivateKey(bytes: key, format: .pem)
            let sources = certificates.map { NIOSSLCertificateSource.certificate($0) }
            // A context is made only of a key that belongs to the certificate.
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: sources, privateKey: .privateKey(privateKey)))
            state.withLock { state in
                state.certificateChain = sources
                state.privateKey = .privateKey(privateKey)
            }
            arrived.yield()
        } catch let error as Unusable {
            throw error
        } catch {
            throw Unusable(description: "\(error)")
        }
    }
}
