/// What requests will ask of the store before they write: read for all of them together, in one round trip.
///
/// What is missing here is read when it is asked for: slower, and the same.
struct WriteNeeds: Sendable {
    /// The names of nodes of one type.
    struct Owner: Sendable, Hashable {
        var kind: NodeKind
        var type: Int64
    }

    /// Nodes that will be changed.
    var stored: [NodeKind: Set<Int64>] = [:]
    /// Nodes that are to be there.
    var present: [NodeKind: Set<Int64>] = [:]
    /// External ids under which nodes may be there.
    var externalIDs: [NodeKind: Set<ExactText>] = [:]
    /// Names under which nodes may be there.
    var names: [Owner: Set<ExactText>] = [:]
    /// Types whose properties are to be known.
    var types: Set<Int64> = []
    /// New rows of which the number is needed.
    var newNodes: [NodeKind: Int] = [:]
    var newEvents = 0

    /// How many nodes, texts and rows there are.
    var count: Int {
        let read = [stored, present].flatMap(\.values).reduce(0) { $0 + $1.count }
        let texts = externalIDs.values.reduce(0) { $0 + $1.count } + names.values.reduce(0) { $0 + $1.count }
        return read + texts + newNodes.values.reduce(newEvents, +)
    }

    /// Adds those of another request.
    mutating func add(_ other: WriteNeeds) {
        stored.merge(other.stored) { $0.union($1) }
        present.merge(other.present) { $0.union($1) }
        externalIDs.merge(other.externalIDs) { $0.union($1) }
        names.merge(other.names) { $0.union($1) }
        types.formUnion(other.types)
        newNodes.merge(other.newNodes, uniquingKeysWith: +)
        newEvents += other.newEvents
    }

    /// Adds those of a node that is to be put.
    mutating func add<N: Node>(_ node: N) {
        if node.hasTypeID { types.insert(node.typeID) }
        if node.hasExternalID, !node.externalID.isEmpty {
            externalIDs[N.kind, default: []].insert(ExactText(node.externalID))
        }
        guard !node.hasID else {
            stored[N.kind, default: []].insert(node.id)
            return
        }
        newNodes[N.kind, default: 0] += 1
        if node.hasTypeID, node.hasName {
            names[Owner(kind: N.kind, type: node.typeID), default: []].insert(ExactText(node.name))
        }
    }
}
