import GRPCCore
import GRPCNIOTransportHTTP2Posix

/// A client of any server of MLMD's gRPC protocol.
///
/// Connections are kept while ``run()`` runs.
public struct MetadataClient: Sendable {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let stub: MlMetadata_MetadataStoreService.Client<HTTP2ClientTransport.Posix>
    private let amending: Kfmd_V1_Amending.Client<HTTP2ClientTransport.Posix>
    private let options: CallOptions

    /// How the server is trusted, and the client is known to it. All are PEM files.
    public struct TLS: Sendable, Hashable {
        /// The roots of the server's certificate; `nil` for those of the system.
        public var roots: String?
        /// The client's certificate and key, for servers that ask for one.
        public var certificateChain: String?
        public var privateKey: String?

        public init(roots: String? = nil, certificateChain: String? = nil, privateKey: String? = nil) {
            self.roots = roots
            self.certificateChain = certificateChain
            self.privateKey = privateKey
        }

        fileprivate var transport: HTTP2ClientTransport.Posix.TransportSecurity {
            .tls { config in
                if let roots { config.trustRoots = .certificates([.file(path: roots, format: .pem)]) }
                guard let certificateChain, let privateKey else { return }
                config.certificateChain = [.file(path: certificateChain, format: .pem)]
                config.privateKey = .file(path: privateKey, format: .pem)
            }
        }
    }

    /// - Parameters:
    ///   - host: a DNS name or an address.
    ///   - tls: `nil` speaks in the clear.
    ///   - timeout: how long one call may take.
    ///   - maximumMessageSize: in bytes; answers with many nodes are larger than gRPC's 4 MiB.
    /// - Throws: `RuntimeError` of gRPC when the transport cannot be made.
    public init(
        host: String, port: Int, tls: TLS? = nil, timeout: Duration = .seconds(30),
        maximumMessageSize: Int = 256 << 20
    ) throws {
        let transport = try HTTP2ClientTransport.Posix(
            target: .dns(host: host, port: port), transportSecurity: tls?.transport ?? .plaintext,
            config: .defaults {
                // gRPC's own grows to two minutes: a server that is back would be noticed late.
                $0.backoff = .init(initial: .milliseconds(100), max: .milliseconds(800), multiplier: 1.6, jitter: 0.2)
            })
        client = GRPCClient(transport: transport)
        stub = MlMetadata_MetadataStoreService.Client(wrapping: client)
        amending = Kfmd_V1_Amending.Client(wrapping: client)
        var options = CallOptions.defaults
        options.timeout = timeout
        options.maxResponseMessageBytes = maximumMessageSize
        options.maxRequestMessageBytes = maximumMessageSize
        // A server that is not there yet is an error to the caller, who decides about trying again.
        options.waitForReady = false
        self.options = options
    }

    /// Keeps the connections until ``close()`` is called or the task is cancelled.
    public func run() async throws { try await client.runConnections() }

    /// Lets calls under way finish, then ends ``run()``.
    public func close() { client.beginGracefulShutdown() }

    private func call<Response>(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let error as RPCError {
            throw StatusError(error.code, error.message)
        }
    }
}

extension MetadataClient: MetadataBackend {
    public func putTypes(
        _ request: MlMetadata_PutTypesRequest
    ) async throws -> MlMetadata_PutTypesResponse {
        try await call { try await stub.putTypes(request, options: options) }
    }

    public func putLineageSubgraph(
        _ request: MlMetadata_PutLineageSubgraphRequest
    ) async throws -> MlMetadata_PutLineageSubgraphResponse {
        try await call { try await stub.putLineageSubgraph(request, options: options) }
    }

    public func putAttributionsAndAssociations(
        _ request: MlMetadata_PutAttributionsAndAssociationsRequest
    ) async throws -> MlMetadata_PutAttributionsAndAssociationsResponse {
        try await call { try await stub.putAttributionsAndAssociations(request, options: options) }
    }

    public func putParentContexts(
        _ request: MlMetadata_PutParentContextsRequest
    ) async throws -> MlMetadata_PutParentContextsResponse {
        try await call { try await stub.putParentContexts(request, options: options) }
    }

    public func getExecutionsByExternalIds(
        _ request: MlMetadata_GetExecutionsByExternalIdsRequest
    ) async throws -> MlMetadata_GetExecutionsByExternalIdsResponse {
        try await call { try await stub.getExecutionsByExternalIds(request, options: options) }
    }

    public func getExecutionsByID(
        _ request: MlMetadata_GetExecutionsByIDRequest
    ) async throws -> MlMetadata_GetExecutionsByIDResponse {
        try await call { try await stub.getExecutionsByID(request, options: options) }
    }

    public func getArtifactsByURI(
        _ request: MlMetadata_GetArtifactsByURIRequest
    ) async throws -> MlMetadata_GetArtifactsByURIResponse {
        try await call { try await stub.getArtifactsByURI(request, options: options) }
    }

    public func getArtifactsByID(
        _ request: MlMetadata_GetArtifactsByIDRequest
    ) async throws -> MlMetadata_GetArtifactsByIDResponse {
        try await call { try await stub.getArtifactsByID(request, options: options) }
    }

    public func getArtifactsByExternalIds(
        _ request: MlMetadata_GetArtifactsByExternalIdsRequest
    ) async throws -> MlMetadata_GetArtifactsByExternalIdsResponse {
        try await call { try await stub.getArtifactsByExternalIds(request, options: options) }
    }

    public func getEventsByExecutionIDs(
        _ request: MlMetadata_GetEventsByExecutionIDsRequest
    ) async throws -> MlMetadata_GetEventsByExecutionIDsResponse {
        try await call { try await stub.getEventsByExecutionIDs(request, options: options) }
    }

    public func getEventsByArtifactIDs(
        _ request: MlMetadata_GetEventsByArtifactIDsRequest
    ) async throws -> MlMetadata_GetEventsByArtifactIDsResponse {
        try await call { try await stub.getEventsByArtifactIDs(request, options: options) }
    }

    public func getExecutionsByContext(
        _ request: MlMetadata_GetExecutionsByContextRequest
    ) async throws -> MlMetadata_GetExecutionsByContextResponse {
        try await call { try await stub.getExecutionsByContext(request, options: options) }
    }

    public func amend(_ request: Kfmd_V1_AmendRequest) async throws -> Kfmd_V1_AmendResponse {
        try await call { try await amending.amend(request, options: options) }
    }

    public func findAt(_ request: Kfmd_V1_FindAtRequest) async throws -> Kfmd_V1_FindAtResponse {
        try await call { try await amending.findAt(request, options: options) }
    }

    public func findBelow(_ request: Kfmd_V1_FindBelowRequest) async throws -> Kfmd_V1_FindBelowResponse {
        try await call { try await amending.findBelow(request, options: options) }
    }

    public func lastReads(_ request: Kfmd_V1_LastReadsRequest) async throws -> Kfmd_V1_LastReadsResponse {
        try await call { try await amending.lastReads(request, options: options) }
    }

    public func getContextByTypeAndName(
        _ request: MlMetadata_GetContextByTypeAndNameRequest
    ) async throws -> MlMetadata_GetContextByTypeAndNameResponse {
        try await call { try await stub.getContextByTypeAndName(request, options: options) }
    }

    public func getContextsByID(
        _ request: MlMetadata_GetContextsByIDRequest
    ) async throws -> MlMetadata_GetContextsByIDResponse {
        try await call { try await stub.getContextsByID(request, options: options) }
    }

    public func putContexts(_ request: MlMetadata_PutContextsRequest) async throws -> MlMetadata_PutContextsResponse {
        try await call { try await stub.putContexts(request, options: options) }
    }

    public func getLineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) async throws -> MlMetadata_GetLineageSubgraphResponse {
        try await call { try await stub.getLineageSubgraph(request, options: options) }
    }
}
