public import MetadataAPI

/// All that a node comes of, or all that came of it, by how far away it is: what no picture holds.
public struct LineageTable: Sendable {
    /// A node, by its number alone.
    public struct Entry: Sendable, Hashable {
        public var kind: NodeKind
        public var id: Int64
        /// How many events lie between; 0 is the node itself.
        public var depth: Int

        public init(kind: NodeKind, id: Int64, depth: Int = 0) {
            (self.kind, self.id, self.depth) = (kind, id, depth)
        }
    }

    /// The nearest first; of one distance, by id.
    public var entries: [Entry] = []
    /// Whether that is all.
    public var isComplete = true
}

extension Transaction {
    /// - Parameters:
    ///   - kind: artifact or execution.
    ///   - limit: nodes after which it is cut, between two distances.
    /// - Throws: ``StatusError``.
    public func lineageTable(
        of kind: NodeKind, _ id: Int64, _ direction: MlMetadata_LineageSubgraphQueryOptions.Direction,
        upTo limit: Int, seenBy visibility: Visibility
    ) throws -> LineageTable {
        var walk = LineageWalk(from: [id], kind, direction, endings: [:])
        var result = LineageTable(entries: [.init(kind: kind, id: id, depth: 0)])
        var depth = 0
        while !walk.isAtEnd {
            walk.step(try edges(of: walk))
            depth += 1
            result.entries += walk.frontier.sorted().map { .init(kind: walk.frontierKind, id: $0, depth: depth) }
            if walk.count > limit, !walk.isAtEnd {
                result.isComplete = false
                break
            }
        }
        return result
    }

    /// Nodes of a lineage, whole.
    /// - Throws: ``StatusError``.
    public func nodes(
        of entries: some Sequence<LineageTable.Entry>, seenBy visibility: Visibility
    ) throws -> (artifacts: [Int64: MlMetadata_Artifact], executions: [Int64: MlMetadata_Execution]) {
        let artifacts: [MlMetadata_Artifact] = try nodes(ids: entries.filter { $0.kind == .artifact }.map(\.id))
        let executions: [MlMetadata_Execution] = try nodes(ids: entries.filter { $0.kind == .execution }.map(\.id))
        return (
            Dictionary(artifacts.map { ($0.id, $0) }) { first, _ in first },
            Dictionary(executions.map { ($0.id, $0) }) { first, _ in first }
        )
    }
}
