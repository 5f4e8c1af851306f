public import MetadataAPI
import SQLite
import SwiftProtobuf

/// GetLineageSubgraph.
extension Transaction {
    /// The farthest walk, in hops (MLMD 1.14 and later).
    static var maximumHops: Int64 { 100 }

    /// The nodes of a lineage, whole, as far as it has no more of them than this, and how far that is.
    /// - Returns: no nodes where even the starting nodes and the nearest are more; `hops` is the
    ///   number of those walked, and `isComplete` tells whether nothing lies beyond.
    /// - Throws: ``StatusError``.
    public func lineageNodes(
        _ request: MlMetadata_GetLineageSubgraphRequest, upTo maximumNodes: Int
    ) throws -> (graph: MlMetadata_LineageGraph, hops: Int64, isComplete: Bool) {
        var (walk, hops) = try start(request)
        var walked: Int64 = 0
        var isCut = false
        while walked < hops, !walk.isAtEnd {
            let before = walk
            // What is read of the edges is bounded by the request's budget.
            walk.step(try edges(of: walk))
            guard walk.count <= maximumNodes else {
                (walk, isCut) = (before, true)
                break
            }
            walked += 1
        }
        hops = walked
        var graph = MlMetadata_LineageGraph()
        if !isCut || walked > 0 {
            graph.artifacts = try nodes(ids: walk.artifacts.sorted())
            graph.executions = try nodes(ids: walk.executions.sorted())
        }
        return (graph, hops, !isCut && walk.isAtEnd)
    }

    /// The lineage as MLMD answers it: of nodes the ids alone, and all types.
    /// - Throws: ``StatusError``.
    func lineageSubgraph(_ request: MlMetadata_GetLineageSubgraphRequest) throws -> MlMetadata_LineageGraph {
        var (walk, hops) = try start(request)
        while hops > 0, !walk.isAtEnd {
            walk.step(try edges(of: walk))
            hops -= 1
        }
        return try graph(of: walk, mask: request.readMask.paths)
    }

    /// The walk before its first step, and how many it may take.
    private func start(_ request: MlMetadata_GetLineageSubgraphRequest) throws -> (LineageWalk, hops: Int64) {
        let options = request.lineageSubgraphQueryOptions
        guard options.maxNumHops >= 0 else {
            throw StatusError.invalidArgument(
                "max_num_hops cannot be negative: max_num_hops = \(options.maxNumHops)")
        }
        let hops = options.hasMaxNumHops ? min(options.maxNumHops, Self.maximumHops) : Self.maximumHops
        let (kind, query): (NodeKind, String) =
            switch options.startingNodes {
            case .startingArtifacts(let start): (.artifact, start.filterQuery)
            case .startingExecutions(let start): (.execution, start.filterQuery)
            case nil: throw StatusError.invalidArgument("Missing arguments for listing starting nodes.")
            }
        guard !query.isEmpty else {
            throw StatusError.invalidArgument("Cannot list starting nodes if `filter_query` is unspecified.")
        }
        let ids = try nodeIDs(kind, query)
        guard !ids.isEmpty else { throw StatusError.notFound("Cannot find qualified nodes to start the traversal.") }
        let endings: [NodeKind: LineageWalk.Boundary] = [
            .artifact: try boundary(.artifact, options.endingArtifacts),
            .execution: try boundary(.execution, options.endingExecutions),
        ]
        return (LineageWalk(from: ids, kind, options.direction, endings: endings), hops)
    }

    private func nodeIDs(_ kind: NodeKind, _ query: String) throws -> Set<Int64> {
        let query = NodeQuery(kind: kind, condition: try FilterSQL.condition(query, on: kind, connection.dialect))
        return Set(try query.rows("n.id", connection) { $0.integer(0) })
    }

    private func boundary(
        _ kind: NodeKind, _ nodes: MlMetadata_LineageSubgraphQueryOptions.EndingNodes
    ) throws -> LineageWalk.Boundary {
        guard !nodes.filterQuery.isEmpty else { return LineageWalk.Boundary() }
        return LineageWalk.Boundary(ids: try nodeIDs(kind, nodes.filterQuery), isIncluded: nodes.includeEndingNodes)
    }

    func edges(of walk: LineageWalk) throws -> [LineageWalk.Edge] {
        try connection.rows(
            """
            SELECT id, artifact_id, execution_id, type FROM Event WHERE \(walk.frontierKind.word)_id IN ({list})
            """, list: walk.frontier.sorted()
        ) { row in
            LineageWalk.Edge(
                event: row.integer(0), artifact: row.integer(1), execution: row.integer(2),
                type: MlMetadata_Event.TypeEnum(rawValue: Int(row.integer(3))) ?? .unknown)
        }
    }

    private func graph(of walk: LineageWalk, mask: [String]) throws -> MlMetadata_LineageGraph {
        func wants(_ field: String) -> Bool { mask.isEmpty || mask.contains(field) }
        var graph = MlMetadata_LineageGraph()
        let artifacts = walk.artifacts.sorted()
        let executions = walk.executions.sorted()
        if wants("artifacts") { graph.artifacts = artifacts.map { id in .with { $0.id = id } } }
        if wants("executions") { graph.executions = executions.map { id in .with { $0.id = id } } }
        if wants("events") { graph.events = try events(ids: walk.events.sorted()) }
        if ["attributions", "associations", "contexts"].contains(where: wants) {
            let attributions = try contextLinks(.artifact, artifacts)
            let associations = try contextLinks(.execution, executions)
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
            if wants("contexts") {
                let ids = Set(attributions.map(\.context) + associations.map(\.context)).sorted()
                graph.contexts = ids.map { id in .with { $0.id = id } }
            }
        }
        if wants("artifact_types") { graph.artifactTypes = try allTypes(withSystem: true) }
        if wants("execution_types") { graph.executionTypes = try allTypes(withSystem: true) }
        if wants("context_types") { graph.contextTypes = try allTypes(withSystem: true) }
        return graph
    }
}
