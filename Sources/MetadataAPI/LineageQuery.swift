import SwiftProtobuf

/// A node whose lineage is asked for.
public enum LineageStart: Sendable {
    case artifact(Int64)
    case execution(Int64)
}

extension MetadataBackend {
    /// Where a node came from and what came of it: everything upstream and everything downstream,
    /// but not what else was made of the same sources.
    /// - Parameter hops: the farthest that the walk goes; a hop is from an artifact to an execution or back.
    /// - Throws: ``StatusError``, NOT_FOUND for an unknown node.
    public func lineage(of start: LineageStart, hops: Int64 = 20) async throws -> MlMetadata_LineageGraph {
        var graph = MlMetadata_LineageGraph()
        var artifacts: Set<Int64> = []
        var executions: Set<Int64> = []
        for direction in [
            MlMetadata_LineageSubgraphQueryOptions.Direction.upstream, .downstream,
        ] {
            var request = MlMetadata_GetLineageSubgraphRequest()
            switch start {
            case .artifact(let id):
                request.lineageSubgraphQueryOptions.startingArtifacts.filterQuery = "id = \(id)"
            case .execution(let id):
                request.lineageSubgraphQueryOptions.startingExecutions.filterQuery = "id = \(id)"
            }
            request.lineageSubgraphQueryOptions.direction = direction
            request.lineageSubgraphQueryOptions.maxNumHops = hops
            request.readMask.paths = ["artifacts", "executions"]
            let part = try await getLineageSubgraph(request).lineageSubgraph
            graph.artifacts += part.artifacts.filter { artifacts.insert($0.id).inserted }
            graph.executions += part.executions.filter { executions.insert($0.id).inserted }
        }
        graph.artifacts.sort { $0.id < $1.id }
        graph.executions.sort { $0.id < $1.id }
        // Also the edges between what lies upstream and what lies downstream.
        if !executions.isEmpty {
            let ids = executions.sorted()
            let events = try await getEventsByExecutionIDs(.with { $0.executionIds = ids })
            graph.events = events.events.filter { artifacts.contains($0.artifactID) }
        }
        return graph
    }
}
