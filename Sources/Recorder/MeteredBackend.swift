import MetadataAPI

/// Counts and times the calls to a store.
struct MeteredBackend: MetadataBackend {
    let backend: any MetadataBackend
    let metrics: RecorderMetrics

    private func meter<Response>(_ method: String, _ body: () async throws -> Response) async throws -> Response {
        let began = ContinuousClock.now
        do {
            let response = try await body()
            metrics.observeCall(method, code: "OK", ContinuousClock.now - began)
            return response
        } catch {
            let code = (error as? StatusError).map { "\($0.code)" } ?? "CANCELLED"
            metrics.observeCall(method, code: code, ContinuousClock.now - began)
            throw error
        }
    }

    func putTypes(_ request: MlMetadata_PutTypesRequest) async throws -> MlMetadata_PutTypesResponse {
        try await meter("PutTypes") { try await backend.putTypes(request) }
    }
    func putLineageSubgraph(
        _ request: MlMetadata_PutLineageSubgraphRequest
    ) async throws -> MlMetadata_PutLineageSubgraphResponse {
        try await meter("PutLineageSubgraph") { try await backend.putLineageSubgraph(request) }
    }
    func putAttributionsAndAssociations(
        _ request: MlMetadata_PutAttributionsAndAssociationsRequest
    ) async throws -> MlMetadata_PutAttributionsAndAssociationsResponse {
        try await meter("PutAttributionsAndAssociations") {
            try await backend.putAttributionsAndAssociations(request)
        }
    }
    func putParentContexts(
        _ request: MlMetadata_PutParentContextsRequest
    ) async throws -> MlMetadata_PutParentContextsResponse {
        try await meter("PutParentContexts") { try await backend.putParentContexts(request) }
    }
    func getExecutionsByExternalIds(
        _ request: MlMetadata_GetExecutionsByExternalIdsRequest
    ) async throws -> MlMetadata_GetExecutionsByExternalIdsResponse {
        try await meter("GetExecutionsByExternalIds") { try await backend.getExecutionsByExternalIds(request) }
    }
    func getExecutionsByID(
        _ request: MlMetadata_GetExecutionsByIDRequest
    ) async throws -> MlMetadata_GetExecutionsByIDResponse {
        try await meter("GetExecutionsByID") { try await backend.getExecutionsByID(request) }
    }
    func getArtifactsByURI(
        _ request: MlMetadata_GetArtifactsByURIRequest
    ) async throws -> MlMetadata_GetArtifactsByURIResponse {
        try await meter("GetArtifactsByURI") { try await backend.getArtifactsByURI(request) }
    }
    func getArtifactsByID(
        _ request: MlMetadata_GetArtifactsByIDRequest
    ) async throws -> MlMetadata_GetArtifactsByIDResponse {
        try await meter("GetArtifactsByID") { try await backend.getArtifactsByID(request) }
    }
    func getArtifactsByExternalIds(
        _ request: MlMetadata_GetArtifactsByExternalIdsRequest
    ) async throws -> MlMetadata_GetArtifactsByExternalIdsResponse {
        try await meter("GetArtifactsByExternalIds") { try await backend.getArtifactsByExternalIds(request) }
    }
    func getEventsByExecutionIDs(
        _ request: MlMetadata_GetEventsByExecutionIDsRequest
    ) async throws -> MlMetadata_GetEventsByExecutionIDsResponse {
        try await meter("GetEventsByExecutionIDs") { try await backend.getEventsByExecutionIDs(request) }
    }
    func getEventsByArtifactIDs(
        _ request: MlMetadata_GetEventsByArtifactIDsRequest
    ) async throws -> MlMetadata_GetEventsByArtifactIDsResponse {
        try await meter("GetEventsByArtifactIDs") { try await backend.getEventsByArtifactIDs(request) }
    }
    func getExecutionsByContext(
        _ request: MlMetadata_GetExecutionsByContextRequest
    ) async throws -> MlMetadata_GetExecutionsByContextResponse {
        try await meter("GetExecutionsByContext") { try await backend.getExecutionsByContext(request) }
    }
    func amend(_ request: Kfmd_V1_AmendRequest) async throws -> Kfmd_V1_AmendResponse {
        try await meter("Amend") { try await backend.amend(request) }
    }
    func findAt(_ request: Kfmd_V1_FindAtRequest) async throws -> Kfmd_V1_FindAtResponse {
        try await meter("FindAt") { try await backend.findAt(request) }
    }
    func findBelow(_ request: Kfmd_V1_FindBelowRequest) async throws -> Kfmd_V1_FindBelowResponse {
        try await meter("FindBelow") { try await backend.findBelow(request) }
    }
    func lastReads(_ request: Kfmd_V1_LastReadsRequest) async throws -> Kfmd_V1_LastReadsResponse {
        try await meter("LastReads") { try await backend.lastReads(request) }
    }
    func getContextByTypeAndName(
        _ request: MlMetadata_GetContextByTypeAndNameRequest
    ) async throws -> MlMetadata_GetContextByTypeAndNameResponse {
        try await meter("GetContextByTypeAndName") { try await backend.getContextByTypeAndName(request) }
    }
    func getContextsByID(
        _ request: MlMetadata_GetContextsByIDRequest
    ) async throws -> MlMetadata_GetContextsByIDResponse {
        try await meter("GetContextsByID") { try await backend.getContextsByID(request) }
    }
    func putContexts(_ request: MlMetadata_PutContextsRequest) async throws -> MlMetadata_PutContextsResponse {
        try await meter("PutContexts") { try await backend.putContexts(request) }
    }
    func getLineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) async throws -> MlMetadata_GetLineageSubgraphResponse {
        try await meter("GetLineageSubgraph") { try await backend.getLineageSubgraph(request) }
    }
}
