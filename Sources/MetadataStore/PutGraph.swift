public import MetadataAPI

/// PutExecution and PutLineageSubgraph: nodes and their edges in one request.
extension Transaction {
    /// - Throws: ``StatusError``.
    public func putExecution(
        _ request: MlMetadata_PutExecutionRequest
    ) throws -> MlMetadata_PutExecutionResponse {
        guard request.hasExecution else {
            throw StatusError.invalidArgument("No execution is found: the request has none.")
        }
        try StoreLimits.check(elements: request.elements)
        try prepare(for: request)
        let options = request.options
        let rules = UpdateRules(forceUpdateTime: options.forceUpdateTime)
        var response = MlMetadata_PutExecutionResponse()
        response.executionID = try put(request.execution, rules)
        for pair in request.artifactEventPairs {
            response.artifactIds.append(
                try putPair(pair, execution: response.executionID, rules, options))
        }
        for context in request.contexts {
            let id = try putContext(
                context, reuse: options.reuseContextIfAlreadyExist, force: options.forceReuseContext)
            response.contextIds.append(id)
            try link(.execution, response.executionID, toContext: id)
            for artifact in response.artifactIds { try link(.artifact, artifact, toContext: id) }
        }
        return response
    }

    private func putPair(
        _ pair: MlMetadata_PutExecutionRequest.ArtifactAndEvent, execution: Int64,
        _ rules: UpdateRules, _ options: MlMetadata_PutExecutionRequest.Options
    ) throws -> Int64 {
        let event = pair.event
        if pair.hasArtifact, pair.artifact.hasID, event.hasArtifactID, event.artifactID != pair.artifact.id {
            throw StatusError.invalidArgument(
                "Given event.artifact_id is not aligned with the artifact: event.artifact_id "
                    + "\(event.artifactID), artifact.id \(pair.artifact.id)")
        }
        if event.hasExecutionID, event.executionID != execution {
            throw StatusError.invalidArgument(
                "Given event.execution_id is not aligned with the execution: event.execution_id "
                    + "\(event.executionID), execution.id \(execution)")
        }
        guard pair.hasArtifact || event.hasArtifactID else {
            throw StatusError.invalidArgument("Given event has no artifact.")
        }
        let artifact =
            pair.hasArtifact
            ? try putArtifact(
                pair.artifact, reuse: options.reuseArtifactIfAlreadyExistByExternalID, rules)
            : event.artifactID
        if pair.hasEvent {
            var event = event
            event.artifactID = artifact
            event.executionID = execution
            try putEvent(event, known: KnownEnds(artifact: pair.hasArtifact, execution: true))
        }
        return artifact
    }

    /// - Throws: ``StatusError``.
    public func putLineageSubgraph(
        _ request: MlMetadata_PutLineageSubgraphRequest
    ) throws -> MlMetadata_PutLineageSubgraphResponse {
        try StoreLimits.check(elements: request.elements)
        let options = request.options
        try checkIndexes(request)
        try prepare(for: request)
        var response = MlMetadata_PutLineageSubgraphResponse()
        response.contextIds = try request.contexts.map {
            try putContext($0, reuse: options.reuseContextIfAlreadyExist, force: false)
        }
        response.artifactIds = try request.artifacts.map {
            try putArtifact($0, reuse: options.reuseArtifactIfAlreadyExistByExternalID, UpdateRules())
        }
        response.executionIds = try request.executions.map { try put($0) }
        for edge in request.eventEdges {
            var event = edge.event
            let known = KnownEnds(artifact: edge.hasArtifactIndex, execution: edge.hasExecutionIndex)
            if edge.hasArtifactIndex {
                event.artifactID = response.artifactIds[Int(edge.artifactIndex)]
            }
            if edge.hasExecutionIndex {
                event.executionID = response.executionIds[Int(edge.executionIndex)]
            }
            try putEvent(event, known: known)
        }
        for context in response.contextIds {
            for id in response.executionIds { try link(.execution, id, toContext: context) }
            for id in response.artifactIds { try link(.artifact, id, toContext: context) }
        }
        return response
    }

    private func checkIndexes(_ request: MlMetadata_PutLineageSubgraphRequest) throws {
        func check(_ name: String, _ index: Int32, _ count: Int, _ number: Int) throws {
            guard index >= 0, Int(index) < count else {
                throw StatusError(
                    .outOfRange,
                    "The event_edge has an \(name)_index \(index) that is outside the bounds of the "
                        + "request's \(name)s list, [0, \(count)). Event_edge: \(number)")
            }
        }
        for (number, edge) in request.eventEdges.enumerated() {
            guard edge.hasExecutionIndex || edge.event.hasExecutionID else {
                throw StatusError.invalidArgument("The event_edge \(number) has no execution.")
            }
            guard edge.hasArtifactIndex || edge.event.hasArtifactID else {
                throw StatusError.invalidArgument("The event_edge \(number) has no artifact.")
            }
            if edge.hasExecutionIndex {
                try check("execution", edge.executionIndex, request.executions.count, number)
            }
            if edge.hasArtifactIndex {
                try check("artifact", edge.artifactIndex, request.artifacts.count, number)
            }
        }
    }

    private func putContext(_ context: MlMetadata_Context, reuse: Bool, force: Bool) throws -> Int64 {
        if force, context.hasID, try exists(.context, context.id) { return context.id }
        if reuse, !context.hasID, context.hasTypeID,
            let stored = try id(of: .context, type: context.typeID, name: context.name)
        {
            return stored
        }
        return try put(context)
    }

    private func putArtifact(
        _ artifact: MlMetadata_Artifact, reuse: Bool, _ rules: UpdateRules
    ) throws -> Int64 {
        var artifact = artifact
        if reuse, !artifact.hasID, artifact.hasExternalID, !artifact.externalID.isEmpty,
            let id = try id(of: .artifact, externalID: artifact.externalID)
        {
            artifact.id = id
        }
        return try put(artifact, rules)
    }
}
