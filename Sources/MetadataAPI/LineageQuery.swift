import SwiftProtobuf

/// A node whose lineage is asked for.
public enum LineageStart: Sendable {
    case artifact(Int64)
    case execution(Int64)
}

extension LineageStart {
    /// The walk from the node in one direction; of the nodes only, without their contexts.
    /// - Parameter hops: the farthest that the walk goes; a hop is from an artifact to an execution or back.
    public func request(
        _ direction: MlMetadata_LineageSubgraphQueryOptions.Direction, hops: Int64
    ) -> MlMetadata_GetLineageSubgraphRequest {
        var request = MlMetadata_GetLineageSubgraphRequest()
        switch self {
        case .artifact(let id):
            request.lineageSubgraphQueryOptions.startingArtifacts.filterQuery = "id = \(id)"
        case .execution(let id):
            request.lineageSubgraphQueryOptions.startingExecutions.filterQuery = "id = \(id)"
        }
        request.lineageSubgraphQueryOptions.direction = direction
        request.lineageSubgraphQueryOptions.maxNumHops = hops
        request.readMask.paths = ["artifacts", "executions"]
        return request
    }
}

extension MlMetadata_LineageGraph {
    /// The nodes of several walks from one node, each once, by id.
    public init(nodesOf walks: [MlMetadata_LineageGraph]) {
        self.init()
        var seen: (artifacts: Set<Int64>, executions: Set<Int64>) = ([], [])
        for walk in walks {
            artifacts += walk.artifacts.filter { seen.artifacts.insert($0.id).inserted }
            executions += walk.executions.filter { seen.executions.insert($0.id).inserted }
        }
        artifacts.sort { $0.id < $1.id }
        executions.sort { $0.id < $1.id }
    }

    /// Adds the events between its nodes; also those between what lies upstream and downstream.
    public mutating func addEvents(_ events: [MlMetadata_Event]) {
        let artifacts = Set(artifacts.map(\.id))
        self.events = events.filter { artifacts.contains($0.artifactID) }
    }
}

extension MetadataBackend {
    /// Where a node came from and what came of it: everything upstream and everything downstream,
    /// but not what else was made of the same sources.
    /// - Parameter hops: the farthest that the walk goes; a hop is from an artifact to an execution or back.
    /// - Throws: ``StatusError``, NOT_FOUND for an unknown node.
    public func lineage(of start: LineageStart, hops: Int64 = 20) async throws -> MlMetadata_LineageGraph {
        let up = try await getLineageSubgraph(start.request(.upstream, hops: hops)).lineageSubgraph
        let down = try await getLineageSubgraph(start.request(.downstream, hops: hops)).lineageSubgraph
        var graph = MlMetadata_LineageGraph(nodesOf: [up, down])
        try await fill(&graph)
        return graph
    }

    /// Reads the nodes of which a lineage has the ids, and the events between them, in pieces that every server answers.
    private func fill(_ graph: inout MlMetadata_LineageGraph) async throws {
        let (artifacts, executions) = (graph.artifacts.map(\.id), graph.executions.map(\.id))
        (graph.artifacts, graph.executions) = ([], [])
        for piece in Self.pieces(of: artifacts) {
            graph.artifacts += try await getArtifactsByID(.with { $0.artifactIds = piece }).artifacts
        }
        var events: [MlMetadata_Event] = []
        for piece in Self.pieces(of: executions) {
            graph.executions += try await getExecutionsByID(.with { $0.executionIds = piece }).executions
            events += try await getEventsByExecutionIDs(.with { $0.executionIds = piece }).events
        }
        graph.artifacts.sort { $0.id < $1.id }
        graph.executions.sort { $0.id < $1.id }
        graph.addEvents(events)
    }

    private static func pieces(of ids: [Int64]) -> [[Int64]] {
        stride(from: 0, to: ids.count, by: 500).map { Array(ids[$0..<min($0 + 500, ids.count)]) }
    }
}
