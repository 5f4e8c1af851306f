public import MetadataAPI
import SQLite
import SwiftProtobuf

/// The walk of GetLineageSubgraph.
extension Transaction {
    /// The farthest walk, in hops (MLMD 1.14 and later); a hop goes from an artifact to an
    /// execution or back.
    static var maximumHops: Int64 { 100 }

    private static let inputTypes: Set<MlMetadata_Event.TypeEnum> = [
        .declaredInput, .input, .internalInput,
    ]

    /// The lineage as far as it has no more nodes than this, and how far that is.
    /// - Returns: no graph where even the starting nodes and the nearest are more; `hops` is the
    ///   number of those walked, and `isComplete` tells whether nothing lies beyond.
    /// - Throws: ``StatusError``.
    public func lineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest, upTo maximumNodes: Int
    ) throws -> (graph: MlMetadata_LineageGraph, hops: Int64, isComplete: Bool) {
        var (walk, hops) = try start(request)
        var walked: Int64 = 0
        while walked < hops, !walk.isAtEnd {
            let before = walk
            // What is read of the edges is bounded by the request's budget.
            try walk.step(self)
            guard walk.count <= maximumNodes else {
                return (walked == 0 ? .init() : try graph(of: before, mask: request.readMask.paths), walked, false)
            }
            walked += 1
        }
        hops = walked
        return (try graph(of: walk, mask: request.readMask.paths), hops, walk.isAtEnd)
    }

    /// - Throws: ``StatusError``.
    func lineageSubgraph(
        _ request: MlMetadata_GetLineageSubgraphRequest
    ) throws -> MlMetadata_LineageGraph {
        var (walk, hops) = try start(request)
        while hops > 0, !walk.isAtEnd {
            try walk.step(self)
            hops -= 1
        }
        return try graph(of: walk, mask: request.readMask.paths)
    }

    /// The walk before its first step, and how many it may take.
    private func start(_ request: MlMetadata_GetLineageSubgraphRequest) throws -> (Walk, hops: Int64) {
        let options = request.lineageSubgraphQueryOptions
        guard options.maxNumHops >= 0 else {
            throw StatusError.invalidArgument(
                "max_num_hops cannot be negative: max_num_hops = \(options.maxNumHops)")
        }
        let hops = options.hasMaxNumHops ? min(options.maxNumHops, Self.maximumHops) : Self.maximumHops
        var walk = Walk(direction: options.direction)
        switch options.startingNodes {
        case .startingArtifacts(let start):
            walk.artifacts = try startingNodes(.artifact, start.filterQuery)
            walk.artifactFrontier = walk.artifacts
        case .startingExecutions(let start):
            walk.executions = try startingNodes(.execution, start.filterQuery)
            walk.executionFrontier = walk.executions
        case nil:
            throw StatusError.invalidArgument("Missing arguments for listing starting nodes.")
        }
        walk.endingArtifacts = try endingNodes(.artifact, options.hasEndingArtifacts, options.endingArtifacts)
        walk.endingExecutions = try endingNodes(
            .execution, options.hasEndingExecutions, options.endingExecutions)
        return (walk, hops)
    }

    private func startingNodes(_ kind: NodeKind, _ query: String) throws -> Set<Int64> {
        guard !query.isEmpty else {
            throw StatusError.invalidArgument(
                "Cannot list starting nodes if `filter_query` is unspecified.")
        }
        let ids = try nodeIDs(kind, query)
        guard !ids.isEmpty else {
            throw StatusError.notFound("Cannot find qualified nodes to start the traversal.")
        }
        return ids
    }

    private func nodeIDs(_ kind: NodeKind, _ query: String) throws -> Set<Int64> {
        let query = NodeQuery(kind: kind, condition: try FilterQuery.condition(query, on: kind))
        return Set(try query.rows("n.id", connection) { $0.integer(0) })
    }

    private func endingNodes(
        _ kind: NodeKind, _ isSet: Bool, _ nodes: MlMetadata_LineageSubgraphQueryOptions.EndingNodes
    ) throws -> Walk.Boundary {
        guard isSet, !nodes.filterQuery.isEmpty else { return Walk.Boundary() }
        return Walk.Boundary(
            ids: try nodeIDs(kind, nodes.filterQuery), isIncluded: nodes.includeEndingNodes)
    }

    /// A breadth-first walk along events.
    private struct Walk {
        /// Nodes at which the walk stops.
        struct Boundary {
            var ids: Set<Int64> = []
            var isIncluded = false
        }

        var direction: MlMetadata_LineageSubgraphQueryOptions.Direction
        var artifacts: Set<Int64> = []
        var executions: Set<Int64> = []
        var artifactFrontier: Set<Int64> = []
        var executionFrontier: Set<Int64> = []
        var endingArtifacts = Boundary()
        var endingExecutions = Boundary()

        init(direction: MlMetadata_LineageSubgraphQueryOptions.Direction) { self.direction = direction }

        var isAtEnd: Bool { artifactFrontier.isEmpty && executionFrontier.isEmpty }
        var count: Int { artifacts.count + executions.count }

        mutating func step(_ transaction: Transaction) throws {
            let fromArtifacts = try transaction.edges(from: .artifact, artifactFrontier)
            let fromExecutions = try transaction.edges(from: .execution, executionFrontier)
            // Data goes into an execution by an input, out of it by an output.
            let nextExecutions = fromArtifacts.filter { follows($0, upstreamIsInput: false) }
                .map(\.execution)
            let nextArtifacts = fromExecutions.filter { follows($0, upstreamIsInput: true) }
                .map(\.artifact)
            executionFrontier = Self.enter(nextExecutions, &executions, endingExecutions)
            artifactFrontier = Self.enter(nextArtifacts, &artifacts, endingArtifacts)
        }

        private func follows(_ edge: Edge, upstreamIsInput: Bool) -> Bool {
            switch direction {
            case .upstream: edge.isInput == upstreamIsInput
            case .downstream: edge.isInput != upstreamIsInput
            case .bidirectional, .unspecified: true
            }
        }

        /// The new nodes from which the walk goes on.
        private static func enter(
            _ found: [Int64], _ seen: inout Set<Int64>, _ boundary: Boundary
        ) -> Set<Int64> {
            var frontier: Set<Int64> = []
            for id in found where !seen.contains(id) {
                if boundary.ids.contains(id) {
                    if boundary.isIncluded { seen.insert(id) }
                } else {
                    seen.insert(id)
                    frontier.insert(id)
                }
            }
            return frontier
        }
    }

    fileprivate struct Edge {
        var artifact: Int64
        var execution: Int64
        var isInput: Bool
    }

    fileprivate func edges(from kind: NodeKind, _ ids: Set<Int64>) throws -> [Edge] {
        try connection.rows(
            "SELECT artifact_id, execution_id, type FROM Event WHERE \(kind.word)_id IN ({list})",
            list: ids.sorted()
        ) { row in
            let type = MlMetadata_Event.TypeEnum(rawValue: Int(row.integer(2))) ?? .unknown
            return Edge(
                artifact: row.integer(0), execution: row.integer(1),
                isInput: Self.inputTypes.contains(type))
        }
    }

    private func graph(of walk: Walk, mask: [String]) throws -> MlMetadata_LineageGraph {
        func wants(_ field: String) -> Bool { mask.isEmpty || mask.contains(field) }
        var graph = MlMetadata_LineageGraph()
        let artifacts = walk.artifacts.sorted()
        let executions = walk.executions.sorted()
        let needsNodes = ["artifacts", "executions", "artifact_types", "execution_types"].contains(where: wants)
        let nodes: [MlMetadata_Artifact] = needsNodes ? try self.nodes(ids: artifacts) : []
        let runs: [MlMetadata_Execution] = needsNodes ? try self.nodes(ids: executions) : []
        if wants("artifacts") { graph.artifacts = nodes }
        if wants("executions") { graph.executions = runs }
        if wants("events") {
            graph.events = try events(of: .execution, ids: executions)
                .filter { walk.artifacts.contains($0.artifactID) }
        }
        guard ["attributions", "associations", "contexts", "context_types"].contains(where: wants) else {
            if wants("artifact_types") { graph.artifactTypes = try types(ids: nodes.map(\.typeID)) }
            if wants("execution_types") { graph.executionTypes = try types(ids: runs.map(\.typeID)) }
            return graph
        }
        let attributions = try contextLinks(.artifact, artifacts)
        let associations = try contextLinks(.execution, executions)
        let contextIDs = Set(attributions.map(\.context) + associations.map(\.context))
        let contexts: [MlMetadata_Context] = try self.nodes(ids: contextIDs.sorted())
        if wants("attributions") {
            graph.attributions = attributions.map { link in
                .with { ($0.contextID, $0.artifactID) = (link.context, link.node) }
            }
        }
        if wants("associations") {
            graph.associations = associations.map { link in
                .with { ($0.contextID, $0.executionID) = (link.context, link.node) }
            }
        }
        if wants("contexts") { graph.contexts = contexts }
        if wants("artifact_types") { graph.artifactTypes = try types(ids: nodes.map(\.typeID)) }
        if wants("execution_types") { graph.executionTypes = try types(ids: runs.map(\.typeID)) }
        if wants("context_types") { graph.contextTypes = try types(ids: contexts.map(\.typeID)) }
        return graph
    }
}
