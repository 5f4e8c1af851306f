public import MetadataAPI

extension MetadataStore: MetadataBackend {
    public func putTypes(
        _ request: MlMetadata_PutTypesRequest
    ) async throws -> MlMetadata_PutTypesResponse {
        try await write(for: request) { try $0.putTypes(request) }
    }

    public func putLineageSubgraph(
        _ request: MlMetadata_PutLineageSubgraphRequest
    ) async throws -> MlMetadata_PutLineageSubgraphResponse {
        try await write(for: request) { try $0.putLineageSubgraph(request) }
    }

    public func putAttributionsAndAssociations(
        _ request: MlMetadata_PutAttributionsAndAssociationsRequest
    ) async throws -> MlMetadata_PutAttributionsAndAssociationsResponse {
        try await write(for: request) { try $0.putAttributionsAndAssociations(request) }
    }

    public func putParentContexts(
        _ request: MlMetadata_PutParentContextsRequest
    ) async throws -> MlMetadata_PutParentContextsResponse {
        try await write(for: request) { try $0.putParentContexts(request) }
    }

    public func getExecutionsByExternalIds(
        _ request: MlMetadata_GetExecutionsByExternalIdsRequest
    ) async throws -> MlMetadata_GetExecutionsByExternalIdsResponse {
        try await read { try $0.getExecutionsByExternalIds(request) }
    }

    public func getExecutionsByID(
        _ request: MlMetadata_GetExecutionsByIDRequest
    ) async throws -> MlMetadata_GetExecutionsByIDResponse {
        try await read { try $0.getExecutionsByID(request) }
    }

    public func getArtifactsByURI(
        _ request: MlMetadata_GetArtifactsByURIRequest
    ) async throws -> MlMetadata_GetArtifactsByURIResponse {
        try await read { try $0.getArtifactsByURI(request) }
    }

    public func getArtifactsByID(
        _ request: MlMetadata_GetArtifactsByIDRequest
    ) async throws -> MlMetadata_GetArtifactsByIDResponse {
        try await read { try $0.getArtifactsByID(request) }
    }

    public func getArtifactsByExternalIds(
        _ request: MlMetadata_GetArtifactsByExternalIdsRequest
    ) async throws -> MlMetadata_GetArtifactsByExternalIdsResponse {
        try await read { try $0.getArtifactsByExternalIds(request) }
    }

    public func getEventsByExecutionIDs(
        _ request: MlMetadata_GetEventsByExecutionIDsRequest
    ) async throws -> MlMetadata_GetEventsByExecutionIDsResponse {
        try await read { try $0.getEventsByExecutionIDs(request) }
    }

    public func getEventsByArtifactIDs(
        _ request: MlMetadata_GetEventsByArtifactIDsRequest
    ) async throws -> MlMetadata_GetEventsByArtifactIDsResponse {
        try await read { try $0.getEventsByArtifactIDs(request) }
    }

    public func getExecutionsByContext(
        _ request: MlMetadata_GetExecutionsByContextRequest
    ) async throws -> MlMetadata_GetExecutionsByContextResponse {
        try await read { try $0.getExecutionsByContext(request) }
    }

    public func amend(_ request: Kfmd_V1_AmendRequest) async throws -> Kfmd_V1_AmendResponse {
        try await write(for: request) { try $0.amend(request) }
    }

    public func findAt(_ request: Kfmd_V1_FindAtRequest) async throws -> Kfmd_V1_FindAtResponse {
        try await read { try $0.findAt(request) }
    }

    public func findBelow(_ request: Kfmd_V1_FindBelowRequest) async throws -> Kfmd_V1_FindBelowResponse {
        try await read { try $0.findBelow(request) }
    }

    public func lastReads(_ request: Kfmd_V1_LastReadsRequest) async throws -> Kfmd_V1_LastReadsResponse {
        try await read { try $0.lastReads(request) }
    }

    public func getContextByTypeAndName(
        _ request: MlMetadata_GetContextByTypeAndNameRequest
    ) async throws -> MlMetadata_GetContextByTypeAndNameResponse {
        try await read { try $0.getContextByTypeAndName(request) }
    }

    public func getContextsByID(
        _ request: MlMetadata_GetContextsByIDRequest
    ) async throws -> MlMetadata_GetContextsByIDResponse {
        try await read { try $0.getContextsByID(request) }
    }

    public func putContexts(_ request: MlMetadata_PutContextsRequest) async throws -> MlMetadata_PutContextsResponse {
        try await write(for: request) { try $0.putContexts(request) }
    }

    public func getLineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) async throws -> MlMetadata_GetLineageSubgraphResponse {
        try await read { try $0.getLineageSubgraph(request) }
    }
}
