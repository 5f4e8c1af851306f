/// A metadata store as the recorder and the readers see it: a server of MLMD's protocol
/// (``MetadataClient``), or a store in the same process.
///
/// The methods are RPCs of `ml_metadata.MetadataStoreService`; they throw ``StatusError``.
public protocol MetadataBackend: Sendable {
    func putTypes(_ request: MlMetadata_PutTypesRequest) async throws -> MlMetadata_PutTypesResponse
    func putLineageSubgraph(
        _ request: MlMetadata_PutLineageSubgraphRequest
    ) async throws -> MlMetadata_PutLineageSubgraphResponse
    func putAttributionsAndAssociations(
        _ request: MlMetadata_PutAttributionsAndAssociationsRequest
    ) async throws -> MlMetadata_PutAttributionsAndAssociationsResponse
    func putParentContexts(
        _ request: MlMetadata_PutParentContextsRequest
    ) async throws -> MlMetadata_PutParentContextsResponse
    func getExecutionsByExternalIds(
        _ request: MlMetadata_GetExecutionsByExternalIdsRequest
    ) async throws -> MlMetadata_GetExecutionsByExternalIdsResponse
    func getExecutionsByID(
        _ request: MlMetadata_GetExecutionsByIDRequest
    ) async throws -> MlMetadata_GetExecutionsByIDResponse
    func getArtifactsByURI(
        _ request: MlMetadata_GetArtifactsByURIRequest
    ) async throws -> MlMetadata_GetArtifactsByURIResponse
    func getArtifactsByID(
        _ request: MlMetadata_GetArtifactsByIDRequest
    ) async throws -> MlMetadata_GetArtifactsByIDResponse
    func getArtifactsByExternalIds(
        _ request: MlMetadata_GetArtifactsByExternalIdsRequest
    ) async throws -> MlMetadata_GetArtifactsByExternalIdsResponse
    func getEventsByExecutionIDs(
        _ request: MlMetadata_GetEventsByExecutionIDsRequest
    ) async throws -> MlMetadata_GetEventsByExecutionIDsResponse
    func getEventsByArtifactIDs(
        _ request: MlMetadata_GetEventsByArtifactIDsRequest
    ) async throws -> MlMetadata_GetEventsByArtifactIDsResponse
    func getExecutionsByContext(
        _ request: MlMetadata_GetExecutionsByContextRequest
    ) async throws -> MlMetadata_GetExecutionsByContextResponse
    func getContextByTypeAndName(
        _ request: MlMetadata_GetContextByTypeAndNameRequest
    ) async throws -> MlMetadata_GetContextByTypeAndNameResponse
    func getContextsByID(
        _ request: MlMetadata_GetContextsByIDRequest
    ) async throws -> MlMetadata_GetContextsByIDResponse
    func putContexts(_ request: MlMetadata_PutContextsRequest) async throws -> MlMetadata_PutContextsResponse
    func getLineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) async throws -> MlMetadata_GetLineageSubgraphResponse

    /// `kfmd.v1.Amending`, which only our own store has.
    /// - Throws: ``StatusError`` with the code `unimplemented` from any other.
    func amend(_ request: Kfmd_V1_AmendRequest) async throws -> Kfmd_V1_AmendResponse
    func findAt(_ request: Kfmd_V1_FindAtRequest) async throws -> Kfmd_V1_FindAtResponse
    func findBelow(_ request: Kfmd_V1_FindBelowRequest) async throws -> Kfmd_V1_FindBelowResponse
    func lastReads(_ request: Kfmd_V1_LastReadsRequest) async throws -> Kfmd_V1_LastReadsResponse
}

/// Servers of ML Metadata's protocol have nothing else.
extension MetadataBackend {
    private var unimplemented: StatusError { StatusError(.unimplemented, "unknown service kfmd.v1.Amending") }

    public func amend(_ request: Kfmd_V1_AmendRequest) async throws -> Kfmd_V1_AmendResponse { throw unimplemented }
    public func findAt(_ request: Kfmd_V1_FindAtRequest) async throws -> Kfmd_V1_FindAtResponse { throw unimplemented }
    public func findBelow(_ request: Kfmd_V1_FindBelowRequest) async throws -> Kfmd_V1_FindBelowResponse {
        throw unimplemented
    }
    public func lastReads(_ request: Kfmd_V1_LastReadsRequest) async throws -> Kfmd_V1_LastReadsResponse {
        throw unimplemented
    }
}
