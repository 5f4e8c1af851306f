import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Hummingbird
public import Logging
public import MetadataStore
public import ServiceLifecycle

/// The faces of a store: MLMD's gRPC on one port, pages and health on another.
public struct MetadataServer: Sendable {
    /// A host and a port; port 0 is any free one.
    public struct Address: Sendable, Hashable, CustomStringConvertible {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        public var description: String {
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    public struct Options: Sendable {
        public var grpc = Address(host: "0.0.0.0", port: 8080)
        public var http = Address(host: "0.0.0.0", port: 8081)
        /// In bytes; gRPC's own default of 4 MiB is too small for a large graph.
        public var maximumMessageSize = 100 << 20

        public init() {}
    }

    private let store: MetadataStore
    private let options: Options
    private let logger: Logger

    public init(_ store: MetadataStore, options: Options = Options(), logger: Logger) {
        self.store = store
        self.options = options
        self.logger = logger
    }

    /// The servers, as services of one group. Each stops in good order: it finishes what it took.
    /// - Parameters:
    ///   - onGRPC: told the address once it listens.
    ///   - onHTTP: told the address once it listens.
    public func services(
        onGRPC: @escaping @Sendable (Address) async -> Void = { _ in },
        onHTTP: @escaping @Sendable (Address) async -> Void = { _ in }
    ) -> [any Service] {
        let transport = HTTP2ServerTransport.Posix(
            address: options.grpc.host.contains(":")
                ? .ipv6(host: options.grpc.host, port: options.grpc.port)
                : .ipv4(host: options.grpc.host, port: options.grpc.port),
            transportSecurity: .plaintext,
            config: .defaults { $0.rpc.maxRequestPayloadSize = options.maximumMessageSize })
        let grpc = GRPCService(
            server: GRPCServer(transport: transport, services: [GRPCFace(store: store)])
        ) { [options] port in
            await onGRPC(Address(host: options.grpc.host, port: port))
        }
        let http = Application(
            router: Pages(store: store).router(),
            configuration: .init(
                address: .hostname(options.http.host, port: options.http.port), serverName: "kfmd"),
            onServerRunning: { [options] channel in
                await onHTTP(
                    Address(
                        host: options.http.host, port: channel.localAddress?.port ?? options.http.port))
            },
            logger: logger)
        return [grpc, http]
    }
}

/// The gRPC server as a service: five lines that the packages do not have.
private struct GRPCService: Service {
    let server: GRPCServer<HTTP2ServerTransport.Posix>
    let onStart: @Sendable (Int) async -> Void

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                if let port = try await server.listeningAddress?.port { await onStart(port) }
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }
}

extension GRPCNIOTransportCore.SocketAddress {
    /// The port of an internet address.
    fileprivate var port: Int? { ipv4?.port ?? ipv6?.port }
}
