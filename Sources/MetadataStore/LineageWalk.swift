import MetadataAPI

/// A breadth-first walk along events, from nodes of one kind: a hop goes from an artifact to an execution or back.
///
/// Its rules are those of MLMD 1.14 and later (rdbms_metadata_access_object.cc, ExpandLineageSubgraphImpl).
struct LineageWalk {
    /// Nodes at which the walk stops, and whether it shows them.
    struct Boundary {
        var ids: Set<Int64> = []
        var isIncluded = false
    }

    struct Edge {
        var event: Int64
        var artifact: Int64
        var execution: Int64
        var type: MlMetadata_Event.TypeEnum
    }

    private static let inputs: Set<MlMetadata_Event.TypeEnum> = [.declaredInput, .input, .internalInput]
    private static let outputs: Set<MlMetadata_Event.TypeEnum> = [
        .declaredOutput, .output, .internalOutput, .pendingOutput,
    ]

    let direction: MlMetadata_LineageSubgraphQueryOptions.Direction
    private(set) var artifacts: Set<Int64> = []
    private(set) var executions: Set<Int64> = []
    /// The ids of the events that were walked.
    private(set) var events: Set<Int64> = []
    /// The nodes from which the next hop goes; all of one kind.
    private(set) var frontier: Set<Int64>
    private(set) var frontierKind: NodeKind
    private let endings: [NodeKind: Boundary]
    /// The nodes beyond which it does not go; `nil` where it goes everywhere.
    private var confines: [NodeKind: Set<Int64>]?

    init(
        from start: Set<Int64>, _ kind: NodeKind, _ direction: MlMetadata_LineageSubgraphQueryOptions.Direction,
        endings: [NodeKind: Boundary]
    ) {
        (self.direction, self.endings, frontierKind, frontier) = (direction, endings, kind, [])
        // Where it ends already it does not begin.
        var next: Set<Int64> = []
        for id in start { _ = enter(id, kind, &next) }
        frontier = next
    }

    /// Has the rest of the walk visit these nodes only.
    mutating func confine(artifacts: Set<Int64>, executions: Set<Int64>) {
        confines = [.artifact: artifacts, .execution: executions]
    }

    var isAtEnd: Bool { frontier.isEmpty }
    var count: Int { artifacts.count + executions.count }

    private func visited(_ kind: NodeKind) -> Set<Int64> { kind == .artifact ? artifacts : executions }

    /// Visits a node. One that ends the walk is not gone on from.
    /// - Returns: whether it is shown.
    private mutating func enter(_ id: Int64, _ kind: NodeKind, _ next: inout Set<Int64>) -> Bool {
        if let confines, confines[kind]?.contains(id) != true { return false }
        let isEnd = endings[kind]?.ids.contains(id) ?? false
        guard !isEnd || endings[kind]?.isIncluded == true else { return false }
        if kind == .artifact { artifacts.insert(id) } else { executions.insert(id) }
        if !isEnd { next.insert(id) }
        return true
    }

    /// One hop.
    /// - Parameter edges: all events of the frontier.
    mutating func step(_ edges: [Edge]) {
        let nextKind: NodeKind = frontierKind == .artifact ? .execution : .artifact
        let before = visited(nextKind)
        var next: Set<Int64> = []
        for edge in edges where follows(edge) {
            let id = nextKind == .artifact ? edge.artifact : edge.execution
            if before.contains(id) {
                // In both directions it was walked from there.
                if endings[nextKind]?.ids.contains(id) == true || isDirected { events.insert(edge.event) }
            } else if enter(id, nextKind, &next) {
                events.insert(edge.event)
            }
        }
        (frontier, frontierKind) = (next, nextKind)
    }

    private var isDirected: Bool { direction == .upstream || direction == .downstream }

    private func follows(_ edge: Edge) -> Bool {
        // Data goes into an execution by an input, out of it by an output.
        let goesUpByInput = frontierKind == .execution
        return switch direction {
        case .upstream: (goesUpByInput ? Self.inputs : Self.outputs).contains(edge.type)
        case .downstream: (goesUpByInput ? Self.outputs : Self.inputs).contains(edge.type)
        case .bidirectional, .unspecified: true
        }
    }
}
