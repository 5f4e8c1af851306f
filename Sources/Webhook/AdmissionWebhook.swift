import Capture
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Kubernetes
public import Logging
import NIOCertificateReloading
import NIOCore
import NIOSSL
public import ServiceLifecycle

/// The admission webhook: it puts the sidecar into pods that are created, and looks at rules before they are stored.
///
/// It never stands in the way of a pod: what it does not understand it allows as it is.
public struct AdmissionWebhook: Sendable {
    /// Where a server listens; port 0 is any free one.
    public struct Address: Sendable, Hashable, CustomStringConvertible {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Where the certificate comes from.
    public enum CertificateSource: Sendable, Hashable {
        /// PEM files that somebody else renews, who also tells the API server whom to trust: cert-manager.
        case files(certificate: String, key: String)
        /// A Secret in the Service's namespace, which this webhook makes and renews, and the name of the webhook
        /// configurations that it writes the authority into.
        case secret(name: String, configuration: String)
    }

    /// What the webhook is told.
    public struct Options: Sendable {
        public var listen = Address(host: "0.0.0.0", port: 8443)
        public var service: ServiceName
        public var certificate: CertificateSource
        /// The image of the sidecar.
        public var image: String
        /// `HOST:PORT` of the metadata service, for the sidecar.
        public var metadata = "metadata-grpc-service.kubeflow:8080"
        /// The cluster's name within identities.
        public var cluster: String
        /// Whether pods get the annotations of rules that they lack.
        public var annotates = false
        /// Whether the cluster has native sidecars (Kubernetes 1.29 and later); `nil` asks it.
        public var hasNativeSidecars: Bool?
        /// Where `/healthz`, `/readyz` and `/metrics` are; `nil` for nowhere.
        public var monitoring: Address?

        public init(service: ServiceName, certificate: CertificateSource, image: String, cluster: String) {
            self.service = service
            self.certificate = certificate
            self.image = image
            self.cluster = cluster
        }
    }

    /// Why a certificate cannot be used, in a line that names the files.
    public struct CertificateError: Error, Sendable, CustomStringConvertible {
        public var description: String
    }

    private let client: APIClient
    private let options: Options
    private let logger: Logger
    private let served = ServedCertificate()
    private let status: WebhookStatus
    private let facts: ClusterFacts
    let metrics = WebhookMetrics()

    /// API servers keep a few connections each.
    private static let maximumConnections = 256

    /// - Throws: ``CertificateError`` where files are given that have no certificate and its key.
    public init(_ client: APIClient, options: Options, logger: Logger) throws {
        self.client = client
        self.options = options
        self.logger = logger
        facts = ClusterFacts(hasNativeSidecars: options.hasNativeSidecars)
        switch options.certificate {
        case .files(let certificate, let key):
            status = WebhookStatus([.certificate])
            do throws(ServedCertificate.Unusable) {
                try CertificateFiles(certificate: certificate, key: key).load(into: served)
            } catch {
                throw CertificateError(description: error.description)
            }
        case .secret: status = WebhookStatus([.certificate, .configurations])
        }
    }

    /// What runs: each ends when it is told to, the servers after what they took.
    /// - Parameters:
    ///   - onListen: told the address once reviews can come.
    ///   - onMonitoring: told the address of `/healthz` and kin.
    public func services(
        onListen: @escaping @Sendable (Address) async -> Void = { _ in },
        onMonitoring: @escaping @Sendable (Address) async -> Void = { _ in }
    ) -> [any Service] {
        // The last is told to end first.
        var services: [any Service] = []
        if let address = options.monitoring { services.append(monitoring(address, onMonitoring)) }
        services.append(Loop { [self] in await keepCertificate() })
        if options.hasNativeSidecars == nil {
            services.append(Loop { [facts, client, logger] in await facts.findNativeSidecars(client, logger: logger) })
        }
        if options.annotates {
            services.append(Loop { [facts, client, logger] in await facts.followRules(client, logger: logger) })
        }
        services.append(Reviews(webhook: self, onListen: onListen))
        return services
    }

    private func keepCertificate() async {
        switch options.certificate {
        case .files(let certificate, let key):
            await CertificateFiles(certificate: certificate, key: key).follow(into: served, status, logger: logger)
        case .secret(let name, let configuration):
            await CertificateKeeper(
                client, options.service, secret: name, configuration: configuration, served: served, status: status,
                logger: logger
            ).run()
        }
    }

    private func monitoring(
        _ address: Address, _ onListen: @escaping @Sendable (Address) async -> Void
    ) -> any Service {
        let router = Router()
        MonitoringRoutes(status: status, metrics: metrics).add(to: router)
        return application(router, address, .http1(configuration: .init(idleTimeout: .seconds(120))), onListen)
    }

    /// - Throws: an error of NIOSSL where there is no certificate yet.
    private func reviews(_ onListen: @escaping @Sendable (Address) async -> Void) throws -> any Service {
        let router = Router()
        let mutator = PodMutator(
            sidecar: Sidecar(image: options.image, metadata: options.metadata), cluster: options.cluster,
            gate: SidecarGate(ownNamespace: options.service.namespace))
        ReviewResponder(mutator: mutator, facts: facts, metrics: metrics, logger: logger).add(to: router)
        var tls = try TLSConfiguration.makeServerConfiguration(certificateReloader: served)
        // NIOSSL's own default is TLS 1.0, which RFC 8996 forbids.
        tls.minimumTLSVersion = .tlsv12
        let plain = HTTPServerBuilder.http1(configuration: .init(idleTimeout: .seconds(120)))
        return application(router, options.listen, try .tls(plain, tlsConfiguration: tls), onListen)
    }

    private func application(
        _ router: Router<BasicRequestContext>, _ address: Address, _ server: HTTPServerBuilder,
        _ onListen: @escaping @Sendable (Address) async -> Void
    ) -> any Service {
        Application(
            router: router, server: server,
            configuration: .init(
                address: .hostname(address.host, port: address.port), serverName: "kfmd",
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections, logger: logger)),
            onServerRunning: { channel in
                await onListen(Address(host: address.host, port: channel.localAddress?.port ?? address.port))
            },
            logger: logger)
    }

    /// The server of reviews, once there is a certificate.
    private struct Reviews: Service {
        let webhook: AdmissionWebhook
        let onListen: @Sendable (Address) async -> Void

        func run() async throws {
            await cancelWhenGracefulShutdown { await webhook.served.wait() }
            guard webhook.served.isThere else { return }
            try await webhook.reviews(onListen).run()
        }
    }

    /// What goes round until it is told to end. It has no state to finish, so that a stop is a cancellation.
    private struct Loop: Service {
        let body: @Sendable () async -> Void

        func run() async throws {
            await cancelWhenGracefulShutdown { await body() }
            // A service that ends takes all others with it.
            try? await gracefulShutdown()
        }
    }
}
