import ArgumentParser
import FoundationEssentials
import MetadataAPI
import MetadataService
import MetadataStore

/// Which metadata service, or which store.
struct BackendOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The gRPC address of a metadata service: kfmd serve, or any server of MLMD's protocol. (KFMD_METADATA, METADATA_GRPC_SERVICE_HOST and _PORT)",
            valueName: "host:port"))
    var metadata: String?

    @Flag(help: "Speak TLS with the metadata service. (KFMD_METADATA_TLS=true)")
    var metadataTls = false

    @Option(
        help: ArgumentHelp(
            "The roots of its certificate, a PEM file, instead of the system's; means TLS. (KFMD_METADATA_CA)",
            valueName: "file"))
    var metadataCa: String?

    @Option(
        help: ArgumentHelp(
            "The certificate to show it, a PEM file; means TLS. (KFMD_METADATA_CERT)", valueName: "file"))
    var metadataCert: String?

    @Option(help: ArgumentHelp("The key of that certificate, a PEM file. (KFMD_METADATA_KEY)", valueName: "file"))
    var metadataKey: String?

    @Option(
        help: ArgumentHelp(
            "A store instead of a service: a file, or a database as kfmd serve takes it. (KFMD_STORE)",
            valueName: "file"))
    var store: String?

    /// Runs `body` with the store or service.
    /// - Parameter writes: whether a store file is made when it does not exist.
    /// - Throws: ``Failure``, or what `body` throws.
    func withBackend<Result: Sendable>(
        writes: Bool = true, _ body: @Sendable (any MetadataBackend) async throws -> Result
    ) async throws -> Result {
        if let metadata, store != nil {
            throw Failure.usage("--metadata \(metadata) and --store exclude each other")
        }
        if let path = store ?? (metadata == nil ? Settings.value(nil, "KFMD_STORE") : nil) {
            let address = try Settings.storeAddress(path)
            if case .file(let path) = address, !writes, !FileManager.default.fileExists(atPath: path) {
                throw Failure.usage("store file \(path): does not exist")
            }
            let store = try Settings.openStore(address, migrates: writes)
            do {
                if writes { try await store.registerPredefinedTypes() }
                let result = try await body(store)
                await store.close()
                return result
            } catch {
                await store.close()
                throw error
            }
        }
        guard let text = Settings.value(metadata, "KFMD_METADATA") ?? Self.serviceAddress else {
            throw Failure.usage("give --metadata HOST:PORT or --store FILE")
        }
        let address = try Settings.address(text, "--metadata")
        let client = try MetadataClient(host: address.host, port: address.port, tls: try tls())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            do {
                let result = try await body(client)
                // No call is under way; a graceful end would wait for a name or a server that does not answer.
                group.cancelAll()
                return result
            } catch let error as StatusError where error.code == .unavailable {
                group.cancelAll()
                throw Failure.runtime("metadata service \(text): cannot be reached (\(error.message))")
            } catch {
                group.cancelAll()
                throw error
            }
        }
    }

    private func tls() throws -> MetadataClient.TLS? {
        let tls = MetadataClient.TLS(
            roots: Settings.value(metadataCa, "KFMD_METADATA_CA"),
            certificateChain: Settings.value(metadataCert, "KFMD_METADATA_CERT"),
            privateKey: Settings.value(metadataKey, "KFMD_METADATA_KEY"))
        for path in [tls.roots, tls.certificateChain, tls.privateKey].compactMap({ $0 }) {
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw Failure.usage("TLS file \(path): cannot be read")
            }
        }
        guard (tls.certificateChain == nil) == (tls.privateKey == nil) else {
            throw Failure.usage("--metadata-cert and --metadata-key go together")
        }
        let isAsked = try metadataTls || Settings.flag("KFMD_METADATA_TLS")
        return isAsked || tls.roots != nil || tls.certificateChain != nil ? tls : nil
    }

    /// What Kubernetes sets in pods, and what deployments of Kubeflow give.
    private static var serviceAddress: String? {
        guard let host = Settings.value(nil, "METADATA_GRPC_SERVICE_HOST") else { return nil }
        var port = Settings.value(nil, "METADATA_GRPC_SERVICE_PORT") ?? "8080"
        // A service's own variable is a URL where a port of that name exists: tcp://10.0.0.1:8080.
        if let colon = port.lastIndex(of: ":") { port = String(port[port.index(after: colon)...]) }
        return "\(host):\(port)"
    }
}
