import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
public import MetadataStore
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// The faces of a store: MLMD's gRPC and health on one port; pages, REST and gRPC-Web on another.
public struct MetadataServer: Sendable {
    /// A host and a port; port 0 is any free one.
    public struct Address: Sendable, Hashable, CustomStringConvertible {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Whether only this machine reaches it.
        public var isLoopback: Bool {
            if host == "localhost" || host == "::1" { return true }
            // `127.example.com` is somebody's name.
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        }

        public var description: String {
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    public struct Options: Sendable {
        public var grpc = Address(host: "127.0.0.1", port: 8080)
        /// The pages, REST and gRPC-Web; `nil` serves gRPC alone.
        public var http: Address? = Address(host: "127.0.0.1", port: 8081)
        /// Where `/healthz`, `/readyz` and `/metrics` are without TLS; `nil` has them on the HTTP port alone.
        public var health: Address?
        /// The longest message that is taken, in bytes; gRPC's own default of 4 MiB is too small for a
        /// large graph.
        public var maximumMessageSize = 16 << 20
        /// `nil` serves in the clear.
        public var tls: ServerTLS?
        public var corsOrigins = CORSOrigins.only([])
        /// The names under which browsers reach the HTTP port, beside those of this machine. Empty takes any, unless
        /// the port is on loopback.
        public var allowedHosts: [String] = []
        /// Below which path a proxy shows the pages.
        public var basePath = BasePath.fixed("")
        /// Who may show the pages within theirs, as a Content-Security-Policy has it.
        public var frameAncestors = "'self'"

        public init() {}
    }

    private let store: MetadataStore
    private let search: SearchIndex?
    private let options: Options
    private let tls: ServerTLS.Loaded?
    private let logger: Logger

    /// - Parameter search: what the pages search by; whoever opened it fills it.
    /// - Throws: ``ServerTLS/FileError``.
    public init(
        _ store: MetadataStore, search: SearchIndex? = nil, options: Options = Options(), logger: Logger
    ) throws {
        self.store = store
        self.search = search
        self.options = options
        tls = try options.tls?.load()
        self.logger = logger
    }

    /// The servers, as one service. They stop together, in good order: each finishes what it took.
    /// - Parameters:
    ///   - onGRPC: told the address once it listens.
    ///   - onHTTP: told the address once it listens.
    ///   - onHealth: told the address of the port for probes, where there is one.
    /// - Throws: when the certificates cannot be used.
    public func service(
        onGRPC: @escaping @Sendable (Address) async -> Void = { _ in },
        onHTTP: @escaping @Sendable (Address) async -> Void = { _ in },
        onHealth: @escaping @Sendable (Address) async -> Void = { _ in }
    ) throws -> any Service {
        let metrics = ServiceMetrics()
        let methods = StoreMethods(store: store, metrics: metrics)
        let budget = ByteBudget(total: 4 * options.maximumMessageSize)
        let limits = ConnectionLimits()
        let monitoring = Monitoring(store: store, search: search, metrics: metrics, budget: budget)
        var servers = [
            Named(
                service: try grpc(methods, budget, limits, onGRPC), option: "--grpc-listen", address: options.grpc)
        ]
        if let address = options.http {
            servers.append(
                Named(
                    service: try http(address, methods.all, monitoring, limits, onHTTP), option: "--http-listen",
                    address: address))
        }
        if let address = options.health {
            servers.append(
                Named(service: health(address, monitoring, onHealth), option: "--health-listen", address: address))
        }
        return Servers(servers: servers)
    }

    /// The port for probes and Prometheus: without TLS, for neither has a certificate to show.
    private func health(
        _ address: Address, _ monitoring: Monitoring, _ onStart: @escaping @Sendable (Address) async -> Void
    ) -> any Service {
        let router = Router(options: .autoGenerateHeadEndpoints)
        monitoring.add(to: router, hasMetrics: true)
        return Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [RequestDeadline(.seconds(10))], idleTimeout: .seconds(120))),
            configuration: .init(
                address: .hostname(address.host, port: address.port), serverName: "kfmd",
                availableConnectionsDelegate: MaximumAvailableConnections(Self.probes, logger: logger)),
            onServerRunning: { channel in
                await onStart(Address(host: address.host, port: channel.localAddress?.port ?? address.port))
            },
            logger: logger)
    }

    /// Connections of kubelets and Prometheus.
    private static let probes = 64

    private func grpc(
        _ methods: StoreMethods, _ budget: ByteBudget, _ limits: ConnectionLimits,
        _ onStart: @escaping @Sendable (Address) async -> Void
    ) throws -> any Service {
        let address: GRPCNIOTransportCore.SocketAddress =
            options.grpc.host.contains(":")
            ? .ipv6(host: options.grpc.host, port: options.grpc.port)
            : .ipv4(host: options.grpc.host, port: options.grpc.port)
        let maximum = options.maximumMessageSize
        // Requests run on other threads: half the cores for the connections is enough. They last as long
        // as the process: the transport has work for them after it has ended.
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
        let transport = HTTP2ServerTransport.Posix(
            address: address, transportSecurity: try tls?.grpc() ?? .plaintext,
            config: .defaults { config in
                // Clients may compress; a message that is too long unpacked only is refused here.
                config.compression.enabledAlgorithms = .all
                config.rpc.maxRequestPayloadSize = maximum
                // Else each answer waits 100 microseconds for others: a fifth of a small call's time.
                config.connection.flushCoalescing = nil
                config.http2.maxConcurrentStreams = 100
                config.connection.maxGraceTime = .seconds(30)
                // Peers answer pings; those that are gone without a word send nothing, and are closed below. Clients
                // may ask as often as every 10 seconds, calls or not, as gRPC's own keepalive settings often make them.
                config.connection.keepalive.time = .seconds(60)
                config.connection.keepalive.timeout = .seconds(20)
                config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(10)
                config.connection.keepalive.clientBehavior.allowWithoutCalls = true
                config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let deadlines = try channel.parent?.pipeline.syncOperations.handler(type: StreamDeadlines.self)
                        try channel.pipeline.syncOperations.addHandler(
                            MessageLimit(maximum: maximum, budget: budget, deadlines: deadlines), position: .first)
                    }
                }
                config.channelDebuggingCallbacks.onBindTCPListener = { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            AvailableConnectionsChannelHandler(maxConnections: limits.grpc))
                    }
                }
                config.channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(
                            [StreamDeadlines(), IdleStateHandler(readTimeout: .seconds(120)), IdleConnectionHandler()],
                            position: .first)
                    }
                }
            },
            eventLoopGroup: threads)
        let server = GRPCServer(transport: transport, services: [methods, HealthService(store: store)])
        return GRPCService(server: server, shutdown: methods.shutdown) { [options] port in
            await onStart(Address(host: options.grpc.host, port: port))
        }
    }

    private func http(
        _ address: Address, _ methods: [any StoreMethod], _ monitoring: Monitoring, _ limits: ConnectionLimits,
        _ onStart: @escaping @Sendable (Address) async -> Void
    ) throws -> any Service {
        let router = Router(options: .autoGenerateHeadEndpoints)
        let budget = monitoring.budget
        router.add(
            middleware: RequestMeter(metrics: monitoring.metrics, patterns: Set(Pages.all.flatMap(\.paths))))
        // Before the routes, which it guards.
        router.add(
            middleware: RequestGuard(
                address: address, allowedHosts: options.allowedHosts, origins: options.corsOrigins))
        router.add(
            middleware: RESTFace(store: store, maximumMessageSize: options.maximumMessageSize, budget: budget))
        Pages(store: store, search: search, frameAncestors: options.frameAncestors).add(to: router)
        // Where probes have a port of their own, browsers have no business with the metrics.
        monitoring.add(to: router, hasMetrics: options.health == nil)
        GRPCWebFace(
            methods, maximumMessageSize: options.maximumMessageSize, budget: budget, origins: options.corsOrigins,
            metrics: monitoring.metrics
        ).add(to: router)
        // Connections on which nothing comes are not kept for ever.
        let plain = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [RequestDeadline(.seconds(60))], idleTimeout: .seconds(120)))
        return Application(
            responder: BasePathResponder(basePath: options.basePath, next: router.buildResponder()),
            server: try tls.map { try .tls(plain, tlsConfiguration: $0.http()) } ?? plain,
            configuration: .init(
                address: .hostname(address.host, port: address.port), serverName: "kfmd",
                availableConnectionsDelegate: MaximumAvailableConnections(limits.http, logger: logger)),
            onServerRunning: { channel in
                await onStart(
                    Address(
                        host: address.host, port: channel.localAddress?.port ?? address.port))
            },
            logger: logger)
    }
}

/// All servers. As services of a group they would stop one after the other.
private struct Servers: Service {
    let servers: [Named]

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { try await server.run() } }
            // One that cannot listen ends all: an error leaves the body, which cancels the others.
            while try await group.next() != nil {}
        }
    }
}

/// A server whose failure to listen names its address.
private struct Named: Service {
    let service: any Service
    let option: String
    let address: MetadataServer.Address

    func run() async throws {
        do {
            try await service.run()
        } catch {
            guard let reason = Self.reason(error) else { throw error }
            throw MetadataServer.ListenError(option: option, address: address, reason: reason)
        }
    }

    private static func reason(_ error: any Error) -> String? {
        var cause: (any Error)? = error
        while let error = cause {
            if let error = error as? IOError {
                switch error.errnoCode {
                case EADDRINUSE: return "is in use by another process"
                case EACCES: return "may not be used: ports below 1024 need a right"
                case EAFNOSUPPORT: return "is of a kind that this machine does not have (IPv6?)"
                case EADDRNOTAVAIL: return "is no address of this machine"
                default: return nil
                }
            }
            if error is SocketAddressError { return "is no address" }
            cause = (error as? RuntimeError)?.cause
        }
        return nil
    }
}

extension MetadataServer {
    /// Why a server cannot listen.
    public struct ListenError: Error, Sendable, CustomStringConvertible {
        public var option: String
        public var address: Address
        public var reason: String

        public var description: String { "\(option) \(address): \(reason)" }
    }
}

/// The gRPC server as a service: five lines that the packages do not have.
private struct GRPCService: Service {
    let server: GRPCServer<HTTP2ServerTransport.Posix>
    let shutdown: CancellationFlag
    let onStart: @Sendable (Int) async -> Void

    func run() async throws {
        do {
            try await serve()
        } catch {
            // The time for a graceful end is over: connections are still open.
            guard shutdown.isSet else { throw error }
        }
    }

    private func serve() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                do {
                    if let port = try await server.listeningAddress?.port { await onStart(port) }
                } catch {
                    // Why there is no address the server itself tells.
                    while try await group.next() != nil {}
                    throw error
                }
                while try await group.next() != nil {}
            }
        } onGracefulShutdown: {
            shutdown.set()
            server.beginGracefulShutdown()
        }
    }
}

extension GRPCNIOTransportCore.SocketAddress {
    /// The port of an internet address.
    fileprivate var port: Int? { ipv4?.port ?? ipv6?.port }
}
