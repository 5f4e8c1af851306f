import MetadataAPI

/// A request that tells from its message alone what it will read before it writes.
protocol WriteRequest: Sendable {
    var needs: WriteNeeds { get }
}

extension MlMetadata_PutArtifactsRequest: WriteRequest {
    var needs: WriteNeeds { artifacts.reduce(into: WriteNeeds()) { $0.add($1) } }
}

extension MlMetadata_PutExecutionsRequest: WriteRequest {
    var needs: WriteNeeds { executions.reduce(into: WriteNeeds()) { $0.add($1) } }
}

extension MlMetadata_PutContextsRequest: WriteRequest {
    var needs: WriteNeeds { contexts.reduce(into: WriteNeeds()) { $0.add($1) } }
}

extension MlMetadata_PutEventsRequest: WriteRequest {
    var needs: WriteNeeds {
        var needs = WriteNeeds()
        needs.newEvents = events.count
        needs.present[.artifact] = Set(events.map(\.artifactID))
        needs.present[.execution] = Set(events.map(\.executionID))
        return needs
    }
}

extension MlMetadata_PutAttributionsAndAssociationsRequest: WriteRequest {
    var needs: WriteNeeds {
        var needs = WriteNeeds()
        needs.present[.artifact] = Set(attributions.map(\.artifactID))
        needs.present[.execution] = Set(associations.map(\.executionID))
        needs.present[.context] = Set(attributions.map(\.contextID) + associations.map(\.contextID))
        return needs
    }
}

extension MlMetadata_PutExecutionRequest: WriteRequest {
    var needs: WriteNeeds {
        var needs = WriteNeeds()
        needs.add(execution)
        for pair in artifactEventPairs {
            if pair.hasArtifact {
                needs.add(pair.artifact)
            } else {
                needs.present[.artifact, default: []].insert(pair.event.artifactID)
            }
            if pair.hasEvent { needs.newEvents += 1 }
        }
        for context in contexts {
            // One that is reused is left as it is; where it is not there after all, it is put.
            if options.forceReuseContext, context.hasID {
                needs.present[.context, default: []].insert(context.id)
            } else {
                needs.add(context)
            }
        }
        return needs
    }
}

extension MlMetadata_PutLineageSubgraphRequest: WriteRequest {
    var needs: WriteNeeds {
        var needs = WriteNeeds()
        for context in contexts { needs.add(context) }
        for artifact in artifacts { needs.add(artifact) }
        for execution in executions { needs.add(execution) }
        for edge in eventEdges {
            needs.newEvents += 1
            if !edge.hasArtifactIndex { needs.present[.artifact, default: []].insert(edge.event.artifactID) }
            if !edge.hasExecutionIndex { needs.present[.execution, default: []].insert(edge.event.executionID) }
        }
        return needs
    }
}

extension Kfmd_V1_AmendRequest: WriteRequest {
    var needs: WriteNeeds {
        var needs = graph.needs
        for placing in executionsPlaced + artifactsPlaced {
            needs.present[.context, default: []].insert(placing.contextID)
        }
        return needs
    }
}
