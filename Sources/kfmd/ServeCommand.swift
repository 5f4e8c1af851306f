import ArgumentParser
import FoundationEssentials
import Logging
import MetadataService
import MetadataStore
import ServiceLifecycle

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a store: MLMD's gRPC protocol, and the web pages.",
        discussion: """
            The store is one SQLite file in ML Metadata's own format; it is made when it does not exist.
              kfmd serve --store metadata.db
            Then http://localhost:8081 shows the artifacts, and clients such as ml-metadata use localhost:8080.
            """)

    @Option(help: ArgumentHelp("The store file. (KFMD_STORE)", valueName: "file"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "Where gRPC listens. (KFMD_GRPC_LISTEN; 0.0.0.0:8080)", valueName: "host:port"))
    var grpcListen: String?

    @Option(
        help: ArgumentHelp(
            "Where pages, /healthz and /readyz are. (KFMD_HTTP_LISTEN; 0.0.0.0:8081)", valueName: "host:port"))
    var httpListen: String?

    @Option(
        help: ArgumentHelp(
            "Register the types of Kubeflow Metadata at start: kubeflow or none. (KFMD_PREDEFINED_TYPES)",
            valueName: "set"))
    var predefinedTypes: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (KFMD_LOG_LEVEL)")
    var logLevel: String?

    func run() async throws {
        let logger = try Settings.logger("kfmd.serve", level: logLevel)
        guard let path = Settings.value(store, "KFMD_STORE") else {
            throw Failure.usage("give --store FILE")
        }
        var options = MetadataServer.Options()
        if let text = Settings.value(grpcListen, "KFMD_GRPC_LISTEN") {
            options.grpc = try Settings.address(text, "--grpc-listen")
        }
        if let text = Settings.value(httpListen, "KFMD_HTTP_LISTEN") {
            options.http = try Settings.address(text, "--http-listen")
        }
        let types = Settings.value(predefinedTypes, "KFMD_PREDEFINED_TYPES") ?? "kubeflow"
        guard types == "kubeflow" || types == "none" else {
            throw Failure.usage("--predefined-types \(types): should be kubeflow or none")
        }
        let store = try Settings.openStore(path)
        if let migration = store.migration {
            logger.notice(
                "the store had an older schema and was migrated",
                metadata: ["version": "\(migration.version)", "copy": "\(migration.copy)"])
        }
        if types == "kubeflow" { try await store.registerPredefinedTypes() }
        let server = MetadataServer(store, options: options, logger: logger)
        let services = server.services(
            onGRPC: { logger.info("gRPC listens", metadata: ["address": "\($0)"]) },
            onHTTP: { logger.info("HTTP listens", metadata: ["address": "\($0)"]) })
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        do {
            try await group.run()
        } catch {
            throw Failure.runtime("\(error)")
        }
        await store.close()
    }
}
