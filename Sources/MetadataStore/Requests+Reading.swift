public import MetadataAPI

/// The reading RPCs, each a function from request to response.
extension Transaction {
    public func getArtifactType(
        _ request: MlMetadata_GetArtifactTypeRequest
    ) throws -> MlMetadata_GetArtifactTypeResponse {
        let type: MlMetadata_ArtifactType = try type(
            named: request.typeName, version: request.hasTypeVersion ? request.typeVersion : nil)
        return .with { $0.artifactType = type }
    }

    public func getArtifactTypesByID(
        _ request: MlMetadata_GetArtifactTypesByIDRequest
    ) throws -> MlMetadata_GetArtifactTypesByIDResponse {
        let types: [MlMetadata_ArtifactType] = try types(named: request.typeIds)
        return .with { $0.artifactTypes = types }
    }

    public func getArtifactTypes(
        _ request: MlMetadata_GetArtifactTypesRequest
    ) throws -> MlMetadata_GetArtifactTypesResponse {
        let types: [MlMetadata_ArtifactType] = try allTypes()
        return .with { $0.artifactTypes = types }
    }

    public func getArtifactTypesByExternalIds(
        _ request: MlMetadata_GetArtifactTypesByExternalIdsRequest
    ) throws -> MlMetadata_GetArtifactTypesByExternalIdsResponse {
        let types: [MlMetadata_ArtifactType] = try types(externalIDs: request.externalIds)
        return .with { $0.artifactTypes = types }
    }

    public func getArtifactsByID(
        _ request: MlMetadata_GetArtifactsByIDRequest
    ) throws -> MlMetadata_GetArtifactsByIDResponse {
        let nodes: [MlMetadata_Artifact] = try nodes(ids: request.artifactIds)
        let types: [MlMetadata_ArtifactType] =
            request.populateArtifactTypes ? try self.types(ids: nodes.map(\.typeID)) : []
        return .with { ($0.artifacts, $0.artifactTypes) = (nodes, types) }
    }

    public func getArtifactsByExternalIds(
        _ request: MlMetadata_GetArtifactsByExternalIdsRequest
    ) throws -> MlMetadata_GetArtifactsByExternalIdsResponse {
        let nodes: [MlMetadata_Artifact] = try nodes(externalIDs: request.externalIds)
        return .with { $0.artifacts = nodes }
    }

    public func getArtifactByTypeAndName(
        _ request: MlMetadata_GetArtifactByTypeAndNameRequest
    ) throws -> MlMetadata_GetArtifactByTypeAndNameResponse {
        let node = try node(
            MlMetadata_Artifact.self, type: request.typeName,
            version: request.hasTypeVersion ? request.typeVersion : nil, name: request.artifactName)
        return .with { if let node { $0.artifact = node } }
    }

    public func getArtifacts(
        _ request: MlMetadata_GetArtifactsRequest
    ) throws -> MlMetadata_GetArtifactsResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let (nodes, token): ([MlMetadata_Artifact], String?) = try page.fetch(self)
        return .with {
            $0.artifacts = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getArtifactsByType(
        _ request: MlMetadata_GetArtifactsByTypeRequest
    ) throws -> MlMetadata_GetArtifactsByTypeResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let version = request.hasTypeVersion ? request.typeVersion : nil
        guard let type = try typeID(of: request.typeName, version: version, kind: .artifact) else { return .init() }
        let (nodes, token): ([MlMetadata_Artifact], String?) = try page.fetch(self, where: .type(type, of: .artifact))
        return .with {
            $0.artifacts = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getArtifactsByContext(
        _ request: MlMetadata_GetArtifactsByContextRequest
    ) throws -> MlMetadata_GetArtifactsByContextResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let (nodes, token): ([MlMetadata_Artifact], String?) = try page.fetch(self, inContext: request.contextID)
        return .with {
            $0.artifacts = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getContextsByArtifact(
        _ request: MlMetadata_GetContextsByArtifactRequest
    ) throws -> MlMetadata_GetContextsByArtifactResponse {
        let nodes = try contexts(of: .artifact, request.artifactID)
        return .with { $0.contexts = nodes }
    }

    public func getEventsByArtifactIDs(
        _ request: MlMetadata_GetEventsByArtifactIDsRequest
    ) throws -> MlMetadata_GetEventsByArtifactIDsResponse {
        let events = try events(of: .artifact, ids: request.artifactIds)
        return .with { $0.events = events }
    }

    public func getExecutionType(
        _ request: MlMetadata_GetExecutionTypeRequest
    ) throws -> MlMetadata_GetExecutionTypeResponse {
        let type: MlMetadata_ExecutionType = try type(
            named: request.typeName, version: request.hasTypeVersion ? request.typeVersion : nil)
        return .with { $0.executionType = type }
    }

    public func getExecutionTypesByID(
        _ request: MlMetadata_GetExecutionTypesByIDRequest
    ) throws -> MlMetadata_GetExecutionTypesByIDResponse {
        let types: [MlMetadata_ExecutionType] = try types(named: request.typeIds)
        return .with { $0.executionTypes = types }
    }

    public func getExecutionTypes(
        _ request: MlMetadata_GetExecutionTypesRequest
    ) throws -> MlMetadata_GetExecutionTypesResponse {
        let types: [MlMetadata_ExecutionType] = try allTypes()
        return .with { $0.executionTypes = types }
    }

    public func getExecutionTypesByExternalIds(
        _ request: MlMetadata_GetExecutionTypesByExternalIdsRequest
    ) throws -> MlMetadata_GetExecutionTypesByExternalIdsResponse {
        let types: [MlMetadata_ExecutionType] = try types(externalIDs: request.externalIds)
        return .with { $0.executionTypes = types }
    }

    public func getExecutionsByID(
        _ request: MlMetadata_GetExecutionsByIDRequest
    ) throws -> MlMetadata_GetExecutionsByIDResponse {
        let nodes: [MlMetadata_Execution] = try nodes(ids: request.executionIds)
        return .with { $0.executions = nodes }
    }

    public func getExecutionsByExternalIds(
        _ request: MlMetadata_GetExecutionsByExternalIdsRequest
    ) throws -> MlMetadata_GetExecutionsByExternalIdsResponse {
        let nodes: [MlMetadata_Execution] = try nodes(externalIDs: request.externalIds)
        return .with { $0.executions = nodes }
    }

    public func getExecutionByTypeAndName(
        _ request: MlMetadata_GetExecutionByTypeAndNameRequest
    ) throws -> MlMetadata_GetExecutionByTypeAndNameResponse {
        let node = try node(
            MlMetadata_Execution.self, type: request.typeName,
            version: request.hasTypeVersion ? request.typeVersion : nil, name: request.executionName)
        return .with { if let node { $0.execution = node } }
    }

    public func getExecutions(
        _ request: MlMetadata_GetExecutionsRequest
    ) throws -> MlMetadata_GetExecutionsResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let (nodes, token): ([MlMetadata_Execution], String?) = try page.fetch(self)
        return .with {
            $0.executions = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getExecutionsByType(
        _ request: MlMetadata_GetExecutionsByTypeRequest
    ) throws -> MlMetadata_GetExecutionsByTypeResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let version = request.hasTypeVersion ? request.typeVersion : nil
        guard let type = try typeID(of: request.typeName, version: version, kind: .execution) else { return .init() }
        let (nodes, token): ([MlMetadata_Execution], String?) = try page.fetch(self, where: .type(type, of: .execution))
        return .with {
            $0.executions = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getExecutionsByContext(
        _ request: MlMetadata_GetExecutionsByContextRequest
    ) throws -> MlMetadata_GetExecutionsByContextResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let (nodes, token): ([MlMetadata_Execution], String?) = try page.fetch(self, inContext: request.contextID)
        return .with {
            $0.executions = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getContextsByExecution(
        _ request: MlMetadata_GetContextsByExecutionRequest
    ) throws -> MlMetadata_GetContextsByExecutionResponse {
        let nodes = try contexts(of: .execution, request.executionID)
        return .with { $0.contexts = nodes }
    }

    public func getEventsByExecutionIDs(
        _ request: MlMetadata_GetEventsByExecutionIDsRequest
    ) throws -> MlMetadata_GetEventsByExecutionIDsResponse {
        let events = try events(of: .execution, ids: request.executionIds)
        return .with { $0.events = events }
    }

    public func getContextType(
        _ request: MlMetadata_GetContextTypeRequest
    ) throws -> MlMetadata_GetContextTypeResponse {
        let type: MlMetadata_ContextType = try type(
            named: request.typeName, version: request.hasTypeVersion ? request.typeVersion : nil)
        return .with { $0.contextType = type }
    }

    public func getContextTypesByID(
        _ request: MlMetadata_GetContextTypesByIDRequest
    ) throws -> MlMetadata_GetContextTypesByIDResponse {
        let types: [MlMetadata_ContextType] = try types(named: request.typeIds)
        return .with { $0.contextTypes = types }
    }

    public func getContextTypes(
        _ request: MlMetadata_GetContextTypesRequest
    ) throws -> MlMetadata_GetContextTypesResponse {
        let types: [MlMetadata_ContextType] = try allTypes()
        return .with { $0.contextTypes = types }
    }

    public func getContextTypesByExternalIds(
        _ request: MlMetadata_GetContextTypesByExternalIdsRequest
    ) throws -> MlMetadata_GetContextTypesByExternalIdsResponse {
        let types: [MlMetadata_ContextType] = try types(externalIDs: request.externalIds)
        return .with { $0.contextTypes = types }
    }

    public func getContextsByID(
        _ request: MlMetadata_GetContextsByIDRequest
    ) throws -> MlMetadata_GetContextsByIDResponse {
        let nodes: [MlMetadata_Context] = try nodes(ids: request.contextIds)
        return .with { $0.contexts = nodes }
    }

    public func getContextsByExternalIds(
        _ request: MlMetadata_GetContextsByExternalIdsRequest
    ) throws -> MlMetadata_GetContextsByExternalIdsResponse {
        let nodes: [MlMetadata_Context] = try nodes(externalIDs: request.externalIds)
        return .with { $0.contexts = nodes }
    }

    public func getContextByTypeAndName(
        _ request: MlMetadata_GetContextByTypeAndNameRequest
    ) throws -> MlMetadata_GetContextByTypeAndNameResponse {
        let node = try node(
            MlMetadata_Context.self, type: request.typeName,
            version: request.hasTypeVersion ? request.typeVersion : nil, name: request.contextName)
        return .with { if let node { $0.context = node } }
    }

    public func getContexts(
        _ request: MlMetadata_GetContextsRequest
    ) throws -> MlMetadata_GetContextsResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let (nodes, token): ([MlMetadata_Context], String?) = try page.fetch(self)
        return .with {
            $0.contexts = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getContextsByType(
        _ request: MlMetadata_GetContextsByTypeRequest
    ) throws -> MlMetadata_GetContextsByTypeResponse {
        let page = try ListPage(request.hasOptions ? request.options : nil)
        let version = request.hasTypeVersion ? request.typeVersion : nil
        guard let type = try typeID(of: request.typeName, version: version, kind: .context) else { return .init() }
        let (nodes, token): ([MlMetadata_Context], String?) = try page.fetch(self, where: .type(type, of: .context))
        return .with {
            $0.contexts = nodes
            if let token { $0.nextPageToken = token }
        }
    }

    public func getArtifactsByURI(
        _ request: MlMetadata_GetArtifactsByURIRequest
    ) throws -> MlMetadata_GetArtifactsByURIResponse {
        let nodes: [MlMetadata_Artifact] = try nodes(
            where: connection.dialect.textIsAmong("n.uri"), list: request.uris.uniqued())
        return .with { $0.artifacts = nodes }
    }

    public func getParentContextsByContext(
        _ request: MlMetadata_GetParentContextsByContextRequest
    ) throws -> MlMetadata_GetParentContextsByContextResponse {
        let ids = try parents(ofContexts: [request.contextID])[request.contextID] ?? []
        let nodes: [MlMetadata_Context] = try nodes(ids: ids)
        return .with { $0.contexts = nodes }
    }

    public func getParentContextsByContexts(
        _ request: MlMetadata_GetParentContextsByContextsRequest
    ) throws -> MlMetadata_GetParentContextsByContextsResponse {
        let relatives = try parents(ofContexts: request.contextIds)
        let nodes: [MlMetadata_Context] = try nodes(ids: relatives.values.flatMap { $0 })
        let byID = Dictionary(nodes.map { ($0.id, $0) }) { first, _ in first }
        return .with {
            $0.contexts = relatives.mapValues { ids in
                .with { $0.parentContexts = ids.compactMap { byID[$0] } }
            }
        }
    }

    public func getChildrenContextsByContext(
        _ request: MlMetadata_GetChildrenContextsByContextRequest
    ) throws -> MlMetadata_GetChildrenContextsByContextResponse {
        let ids = try children(ofContexts: [request.contextID])[request.contextID] ?? []
        let nodes: [MlMetadata_Context] = try nodes(ids: ids)
        return .with { $0.contexts = nodes }
    }

    public func getChildrenContextsByContexts(
        _ request: MlMetadata_GetChildrenContextsByContextsRequest
    ) throws -> MlMetadata_GetChildrenContextsByContextsResponse {
        let relatives = try children(ofContexts: request.contextIds)
        let nodes: [MlMetadata_Context] = try nodes(ids: relatives.values.flatMap { $0 })
        let byID = Dictionary(nodes.map { ($0.id, $0) }) { first, _ in first }
        return .with {
            $0.contexts = relatives.mapValues { ids in
                .with { $0.childrenContexts = ids.compactMap { byID[$0] } }
            }
        }
    }

    public func getLineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) throws -> MlMetadata_GetLineageSubgraphResponse {
        let graph = try lineageSubgraph(request)
        return .with { $0.lineageSubgraph = graph }
    }
}
