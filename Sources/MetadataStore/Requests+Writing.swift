public import MetadataAPI

/// The writing RPCs, each a function from request to response.
extension Transaction {
    public func putArtifactType(
        _ request: MlMetadata_PutArtifactTypeRequest
    ) throws -> MlMetadata_PutArtifactTypeResponse {
        let rules = TypeRules(
            canAddFields: request.canAddFields, canOmitFields: request.canOmitFields,
            allFieldsMatch: request.allFieldsMatch)
        let id = try putType(request.artifactType, rules)
        return .with { $0.typeID = id }
    }

    public func putExecutionType(
        _ request: MlMetadata_PutExecutionTypeRequest
    ) throws -> MlMetadata_PutExecutionTypeResponse {
        let rules = TypeRules(
            canAddFields: request.canAddFields, canOmitFields: request.canOmitFields,
            allFieldsMatch: request.allFieldsMatch)
        let id = try putType(request.executionType, rules)
        return .with { $0.typeID = id }
    }

    public func putContextType(
        _ request: MlMetadata_PutContextTypeRequest
    ) throws -> MlMetadata_PutContextTypeResponse {
        let rules = TypeRules(
            canAddFields: request.canAddFields, canOmitFields: request.canOmitFields,
            allFieldsMatch: request.allFieldsMatch)
        let id = try putType(request.contextType, rules)
        return .with { $0.typeID = id }
    }

    public func putTypes(_ request: MlMetadata_PutTypesRequest) throws -> MlMetadata_PutTypesResponse {
        let rules = TypeRules(
            canAddFields: request.canAddFields, canOmitFields: request.canOmitFields,
            allFieldsMatch: request.allFieldsMatch)
        var response = MlMetadata_PutTypesResponse()
        response.artifactTypeIds = try request.artifactTypes.map { try putType($0, rules) }
        response.executionTypeIds = try request.executionTypes.map { try putType($0, rules) }
        response.contextTypeIds = try request.contextTypes.map { try putType($0, rules) }
        return response
    }

    public func putArtifacts(
        _ request: MlMetadata_PutArtifactsRequest
    ) throws -> MlMetadata_PutArtifactsResponse {
        let rules = UpdateRules(
            mask: request.updateMask.paths,
            abortIfUpdateTimeChanged: request.options.abortIfLatestUpdatedTimeChanged)
        try StoreLimits.check(elements: request.artifacts.reduce(0) { $0 + $1.elements })
        try prepare(for: request)
        let ids = try request.artifacts.map { try put($0, rules) }
        return .with { $0.artifactIds = ids }
    }

    public func putExecutions(
        _ request: MlMetadata_PutExecutionsRequest
    ) throws -> MlMetadata_PutExecutionsResponse {
        let rules = UpdateRules(mask: request.updateMask.paths)
        try StoreLimits.check(elements: request.executions.reduce(0) { $0 + $1.elements })
        try prepare(for: request)
        let ids = try request.executions.map { try put($0, rules) }
        return .with { $0.executionIds = ids }
    }

    public func putContexts(
        _ request: MlMetadata_PutContextsRequest
    ) throws -> MlMetadata_PutContextsResponse {
        let rules = UpdateRules(mask: request.updateMask.paths)
        try StoreLimits.check(elements: request.contexts.reduce(0) { $0 + $1.elements })
        try prepare(for: request)
        let ids = try request.contexts.map { try put($0, rules) }
        return .with { $0.contextIds = ids }
    }

    public func putEvents(
        _ request: MlMetadata_PutEventsRequest
    ) throws -> MlMetadata_PutEventsResponse {
        try StoreLimits.check(elements: request.events.reduce(0) { $0 + $1.elements })
        try prepare(for: request)
        for event in request.events { try putEvent(event) }
        return MlMetadata_PutEventsResponse()
    }

    public func putAttributionsAndAssociations(
        _ request: MlMetadata_PutAttributionsAndAssociationsRequest
    ) throws -> MlMetadata_PutAttributionsAndAssociationsResponse {
        try StoreLimits.check(elements: request.attributions.count + request.associations.count)
        try prepare(for: request)
        for link in request.attributions {
            try checkedLink(
                .artifact, link.hasArtifactID ? link.artifactID : nil,
                toContext: link.hasContextID ? link.contextID : nil)
        }
        for link in request.associations {
            try checkedLink(
                .execution, link.hasExecutionID ? link.executionID : nil,
                toContext: link.hasContextID ? link.contextID : nil)
        }
        return MlMetadata_PutAttributionsAndAssociationsResponse()
    }

    public func putParentContexts(
        _ request: MlMetadata_PutParentContextsRequest
    ) throws -> MlMetadata_PutParentContextsResponse {
        guard request.parentContexts.count <= StoreLimits.parents else {
            throw StatusError(
                .resourceExhausted,
                "The request has \(request.parentContexts.count) parent contexts; this store takes up to "
                    + "\(StoreLimits.parents) at once. Split it.")
        }
        // Two that look for circles at the same time would not see each other's links.
        try connection.lockTypes()
        for parent in request.parentContexts { try putParentContext(parent) }
        return MlMetadata_PutParentContextsResponse()
    }
}
