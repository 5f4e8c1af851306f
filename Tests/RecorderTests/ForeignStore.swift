import MetadataAPI
import MetadataStore

/// A store of ML Metadata's protocol that has nothing else, as the original is.
struct ForeignStore: MetadataBackend {
    let store: MetadataStore

    func putTypes(_ request: MlMetadata_PutTypesRequest) async throws -> MlMetadata_PutTypesResponse {
        try await store.putTypes(request)
    }
    func putLineageSubgraph(
        _ request: MlMetadata_PutLineageSubgraphRequest
    ) async throws -> MlMetadata_PutLineageSubgraphResponse {
        try await store.putLineageSubgraph(request)
    }
    func putAttributionsAndAssociations(
        _ request: MlMetadata_PutAttributionsAndAssociationsRequest
    ) async throws -> MlMetadata_PutAttributionsAndAssociationsResponse {
        try await store.putAttributionsAndAssociations(request)
    }
    func putParentContexts(
        _ request: MlMetadata_PutParentContextsRequest
    ) async throws -> MlMetadata_PutParentContextsResponse {
        try await store.putParentContexts(request)
    }
    func getExecutionsByExternalIds(
        _ request: MlMetadata_GetExecutionsByExternalIdsRequest
    ) async throws -> MlMetadata_GetExecutionsByExternalIdsResponse {
        try await store.getExecutionsByExternalIds(request)
    }
    func getExecutionsByID(
        _ request: MlMetadata_GetExecutionsByIDRequest
    ) async throws -> MlMetadata_GetExecutionsByIDResponse {
        try await store.getExecutionsByID(request)
    }
    func getArtifactsByURI(
        _ request: MlMetadata_GetArtifactsByURIRequest
    ) async throws -> MlMetadata_GetArtifactsByURIResponse {
        try await store.getArtifactsByURI(request)
    }
    func getArtifactsByID(
        _ request: MlMetadata_GetArtifactsByIDRequest
    ) async throws -> MlMetadata_GetArtifactsByIDResponse {
        try await store.getArtifactsByID(request)
    }
    func getArtifactsByExternalIds(
        _ request: MlMetadata_GetArtifactsByExternalIdsRequest
    ) async throws -> MlMetadata_GetArtifactsByExternalIdsResponse {
        try await store.getArtifactsByExternalIds(request)
    }
    func getEventsByExecutionIDs(
        _ request: MlMetadata_GetEventsByExecutionIDsRequest
    ) async throws -> MlMetadata_GetEventsByExecutionIDsResponse {
        try await store.getEventsByExecutionIDs(request)
    }
    func getEventsByArtifactIDs(
        _ request: MlMetadata_GetEventsByArtifactIDsRequest
    ) async throws -> MlMetadata_GetEventsByArtifactIDsResponse {
        try await store.getEventsByArtifactIDs(request)
    }
    func getExecutionsByContext(
        _ request: MlMetadata_GetExecutionsByContextRequest
    ) async throws -> MlMetadata_GetExecutionsByContextResponse {
        try await store.getExecutionsByContext(request)
    }
    func getContextByTypeAndName(
        _ request: MlMetadata_GetContextByTypeAndNameRequest
    ) async throws -> MlMetadata_GetContextByTypeAndNameResponse {
        try await store.getContextByTypeAndName(request)
    }
    func getContextsByID(
        _ request: MlMetadata_GetContextsByIDRequest
    ) async throws -> MlMetadata_GetContextsByIDResponse {
        try await store.getContextsByID(request)
    }
    func putContexts(_ request: MlMetadata_PutContextsRequest) async throws -> MlMetadata_PutContextsResponse {
        try await store.putContexts(request)
    }
    func getLineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) async throws -> MlMetadata_GetLineageSubgraphResponse {
        try await store.getLineageSubgraph(request)
    }
}
