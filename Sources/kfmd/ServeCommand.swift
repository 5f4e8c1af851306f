import ArgumentParser
import FoundationEssentials
import Logging
import MetadataService
import MetadataStore
import ServiceLifecycle

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a store: MLMD's gRPC protocol, REST, gRPC-Web and the web pages.",
        discussion: """
            The store is one SQLite file in ML Metadata's own format, or a database of a PostgreSQL or MySQL
            server; it is made when it does not exist.
              kfmd serve --store metadata.db
              kfmd serve --store mysql://root@mysql:3306/metadb
            Then http://localhost:8081 shows the artifacts, and clients such as ml-metadata use localhost:8080.
            """)

    @Option(
        help: ArgumentHelp(
            "The store: a file, or a database as postgresql://USER@HOST/NAME or mysql://USER@HOST/NAME. Its password can be in KFMD_STORE_PASSWORD, or in a file that ?password-file= names. (KFMD_STORE)",
            valueName: "store"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Where gRPC listens. (KFMD_GRPC_LISTEN; 127.0.0.1:8080)", valueName: "host:port"))
    var grpcListen: String?

    @Option(
        help: ArgumentHelp(
            "Where pages, REST, gRPC-Web, /healthz and /readyz are. (KFMD_HTTP_LISTEN; 127.0.0.1:8081)",
            valueName: "host:port"))
    var httpListen: String?

    @Option(
        help: ArgumentHelp(
            "Register the types of Kubeflow Metadata at start: kubeflow or none. (KFMD_PREDEFINED_TYPES)",
            valueName: "set"))
    var predefinedTypes: String?

    @Option(
        help: ArgumentHelp(
            "Serve both ports with TLS: a PEM file of the certificate and its chain; read again when it changes. (KFMD_TLS_CERT)",
            valueName: "file"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("The PEM file of its private key. (KFMD_TLS_KEY)", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Take only clients with a certificate of these roots, a PEM file: mutual TLS. (KFMD_TLS_CLIENT_CA)",
            valueName: "file"))
    var tlsClientCa: String?

    @Option(
        help: ArgumentHelp(
            "The longest message taken, in MiB; answers are four times as long at most. (KFMD_MAX_MESSAGE_SIZE; 16)",
            valueName: "MiB"))
    var maxMessageSize: String?

    @Option(
        help: ArgumentHelp(
            "The other origins whose web pages may speak gRPC-Web, and write, with commas between: *, none, or such as https://pipelines.example.com. (KFMD_CORS_ORIGINS; none)",
            valueName: "origins"))
    var corsOrigins: String?

    @Option(
        help: ArgumentHelp(
            "The names under which browsers reach the HTTP port beside this machine's, with commas between; others are refused. (KFMD_ALLOWED_HOSTS; any, on loopback none)",
            valueName: "hosts"))
    var allowedHosts: String?

    @Option(
        help: ArgumentHelp(
            "Below which path a proxy shows the pages, such as /metadata; forwarded takes it from X-Forwarded-Prefix, for proxies that always set it. (KFMD_BASE_PATH)",
            valueName: "path"))
    var basePath: String?

    @Option(
        help: ArgumentHelp(
            "Which pages may show these within themselves, as a Content-Security-Policy says it. (KFMD_FRAME_ANCESTORS; 'self')",
            valueName: "sources"))
    var frameAncestors: String?

    @Option(
        help: ArgumentHelp(
            "The file of the pages' search index, or off. It can be removed at any time. (KFMD_SEARCH; beside the store)",
            valueName: "file"))
    var search: String?

    @Option(
        help: ArgumentHelp(
            "Where /metrics, /healthz and /readyz are without TLS; the metrics are nowhere else then. (KFMD_HEALTH_LISTEN; on the HTTP port)",
            valueName: "host:port"))
    var healthListen: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (KFMD_LOG_LEVEL)")
    var logLevel: String?

    func run() async throws {
        let logger = try Settings.logger("kfmd.serve", level: logLevel)
        guard let path = Settings.value(store, "KFMD_STORE") else {
            throw Failure.usage("give --store FILE, or the URL of a database")
        }
        let options = try serverOptions()
        let types = Settings.value(predefinedTypes, "KFMD_PREDEFINED_TYPES") ?? "kubeflow"
        guard types == "kubeflow" || types == "none" else {
            throw Failure.usage("--predefined-types \(types): should be kubeflow or none")
        }
        let store = try await Settings.openStore(
            try Settings.storeAddress(path), maximumAnswer: 4 * options.maximumMessageSize, retries: 15, logger)
        if let migration = store.migration {
            logger.notice(
                "the store had an older schema and was migrated",
                metadata: ["version": "\(migration.version)", "copy": "\(migration.copy)"])
        }
        if types == "kubeflow" { try await store.registerPredefinedTypes() }
        let index = try Settings.openSearch(Settings.value(search, "KFMD_SEARCH"), of: store, logger)
        let service = try MetadataServer(store, search: index, options: options, logger: logger).service(
            onGRPC: { logger.info("gRPC listens", metadata: ["address": "\($0)"]) },
            onHTTP: { logger.info("HTTP listens", metadata: ["address": "\($0)"]) },
            onHealth: { logger.info("probes and metrics listen", metadata: ["address": "\($0)"]) })
        do {
            let services: [any Service] = [service] + (index.map { [SearchService(index: $0, logger: logger)] } ?? [])
            try await ServiceGroup(configuration: Ending.configuration(services, logger)).run()
        } catch is CancellationError {
            logger.notice("connections were still open after \(Ending.graceful)")
        } catch {
            throw Failure.runtime("\(error)")
        }
        await index?.close()
        await store.close()
    }

    private func serverOptions() throws -> MetadataServer.Options {
        var options = MetadataServer.Options()
        if let text = Settings.value(grpcListen, "KFMD_GRPC_LISTEN") {
            options.grpc = try Settings.address(text, "--grpc-listen")
        }
        if let text = Settings.value(httpListen, "KFMD_HTTP_LISTEN") {
            options.http = try Settings.address(text, "--http-listen")
        }
        options.health = try Settings.value(healthListen, "KFMD_HEALTH_LISTEN").map {
            try Settings.address($0, "--health-listen")
        }
        if let text = Settings.value(maxMessageSize, "KFMD_MAX_MESSAGE_SIZE") {
            // SQLite holds texts of up to 1 GiB.
            guard let size = Int(text), (1...1024).contains(size) else {
                throw Failure.usage("--max-message-size \(text): should be a number of MiB from 1 to 1024")
            }
            options.maximumMessageSize = size << 20
        }
        switch Settings.value(corsOrigins, "KFMD_CORS_ORIGINS") {
        case "*": options.corsOrigins = .all
        case nil, "none": options.corsOrigins = .only([])
        case let text?:
            options.corsOrigins = .only(try text.split(separator: ",").map { try Self.origin(String($0)) })
        }
        options.allowedHosts = Settings.list(allowedHosts.map { [$0] } ?? [], "KFMD_ALLOWED_HOSTS")
            .flatMap { $0.split(separator: ",") }.map { $0.filter { $0 != " " } }
        if let text = Settings.value(basePath, "KFMD_BASE_PATH") {
            guard let path = BasePath(text) else {
                throw Failure.usage("--base-path \(text): should be a path such as /metadata, or forwarded")
            }
            options.basePath = path
        }
        if let text = Settings.value(frameAncestors, "KFMD_FRAME_ANCESTORS") {
            // It stands in a header, and must not end the directive.
            guard
                text.utf8.allSatisfy({
                    (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: ",")
                })
            else {
                throw Failure.usage(
                    "--frame-ancestors \(text): should be sources such as 'self' https://kubeflow.example.com")
            }
            options.frameAncestors = text
        }
        options.tls = try tls()
        do {
            // Before the store is opened, and perhaps migrated.
            try options.tls?.validate()
        } catch let error as ServerTLS.FileError {
            throw Failure.usage("\(error)")
        }
        return options
    }

    /// An origin as browsers send it: a scheme and a host, and no path.
    private static func origin(_ text: String) throws -> String {
        let origin = text.filter { $0 != " " }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].hasSuffix(":"), parts[1].isEmpty, !parts[2].isEmpty else {
            throw Failure.usage("--cors-origins \(text): should be *, none, or origins such as https://example.com")
        }
        return origin
    }

    private func tls() throws -> ServerTLS? {
        let clientRoots = Settings.value(tlsClientCa, "KFMD_TLS_CLIENT_CA")
        switch (Settings.value(tlsCert, "KFMD_TLS_CERT"), Settings.value(tlsKey, "KFMD_TLS_KEY")) {
        case (let chain?, let key?):
            return ServerTLS(certificateChain: chain, privateKey: key, clientRoots: clientRoots)
        case (nil, nil):
            guard clientRoots == nil else { throw Failure.usage("--tls-client-ca needs --tls-cert and --tls-key") }
            return nil
        case (_, nil): throw Failure.usage("--tls-cert needs --tls-key")
        case (nil, _): throw Failure.usage("--tls-key needs --tls-cert")
        }
    }
}
