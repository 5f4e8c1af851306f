import ArgumentParser
import FoundationEssentials
import Logging
import MetadataService
import MetadataStore
import ServiceLifecycle

/// ML Metadata's own server, by its own arguments: an installation changes the image, and nothing else.
struct MetadataStoreServerCommand: AsyncParsableCommand {
    /// The original's program.
    static let name = "metadata_store_server"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Take the place of ML Metadata's server: its flags and config file, gRPC alone.",
        discussion: """
            The flags are those of gflags, such as --mysql_config_host=mysql; --help lists them. A program of
            this name does the same.

            What that server does not have comes from the environment: KFMD_HTTP_LISTEN serves the pages too,
            KFMD_HEALTH_LISTEN probes and metrics, and KFMD_LOG_LEVEL says how much is logged.
            """)

    @Argument(parsing: .captureForPassthrough, help: "The flags of ML Metadata's server.")
    var flags: [String] = []

    func run() async throws {
        let environment: @Sendable (String) -> String? = { ProcessInfo.processInfo.environment[$0] }
        let given = try ServerFlags(flags, environment: environment, readFile: Settings.readFile)
        switch given.request {
        case .help: return StandardOutput.write("USAGE: kfmd \(Self.name) [--NAME=VALUE ...]\n\n" + ServerFlags.help)
        case .version: return StandardOutput.write(Version.text + "\n")
        case nil: break
        }
        let logger = try Settings.logger("kfmd.metadata_store_server", level: nil)
        let arguments = try ServerArguments(given, environment: environment, readFile: Settings.readFile)
        for notice in arguments.notices { logger.notice("\(notice)") }
        let folder = TemporaryFolder()
        defer { folder.remove() }
        let options = try options(arguments, folder)
        let store = try await open(arguments, folder, options, logger)
        let service = try MetadataServer(store, options: options, logger: logger).service(
            onGRPC: { logger.info("gRPC listens", metadata: ["address": "\($0)"]) },
            onHTTP: { logger.info("HTTP listens", metadata: ["address": "\($0)"]) },
            onHealth: { logger.info("probes and metrics listen", metadata: ["address": "\($0)"]) })
        do {
            try await ServiceGroup(configuration: Ending.configuration([service], logger)).run()
        } catch is CancellationError {
            logger.notice("connections were still open after \(Ending.graceful)")
        } catch {
            throw Failure.runtime("\(error)")
        }
        await store.close()
    }

    private func options(_ arguments: ServerArguments, _ folder: TemporaryFolder) throws -> MetadataServer.Options {
        var options = MetadataServer.Options()
        // As the original: on all addresses of the machine.
        options.grpc = try Settings.address(":\(arguments.grpcPort)", "--grpc_port")
        options.http = try Settings.value(nil, "KFMD_HTTP_LISTEN").map { try Settings.address($0, "KFMD_HTTP_LISTEN") }
        options.health = try Settings.value(nil, "KFMD_HEALTH_LISTEN").map {
            try Settings.address($0, "KFMD_HEALTH_LISTEN")
        }
        if let received = arguments.limits.received { options.maximumMessageSize = received }
        if let tls = arguments.tls {
            options.tls = ServerTLS(
                certificateChain: try folder.write("server.crt", tls.certificateChain),
                privateKey: try folder.write("server.key", tls.privateKey),
                clientRoots: try tls.clientRoots.map { try folder.write("clients.crt", $0) })
            do {
                try options.tls?.validate()
            } catch let error as ServerTLS.FileError {
                throw Failure.usage("ssl_config: \(error.reason)")
            }
        }
        return options
    }

    private func open(
        _ arguments: ServerArguments, _ folder: TemporaryFolder, _ options: MetadataServer.Options, _ logger: Logger
    ) async throws -> MetadataStore {
        let address: StoreAddress =
            switch arguments.place {
            case .temporary: .file(try folder.path("store.db"))
            case .store(let address): address
            }
        if case .file(let path) = address, arguments.mustExist, !FileManager.default.fileExists(atPath: path) {
            throw Failure.usage("store file \(path): does not exist, and its connection_mode makes none")
        }
        let isOwn = arguments.place == .temporary
        return try await Settings.openStore(
            address, maximumAnswer: 4 * min(options.maximumMessageSize, 256 << 20),
            migrates: arguments.upgrades || isOwn, retries: arguments.connectionRetries, logger)
    }
}
