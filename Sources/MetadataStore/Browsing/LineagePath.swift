import MetadataAPI

/// All that lies on the ways by which data went from one node to another.
public struct LineagePath: Sendable {
    /// Both ends among them. Their depth is how much longer the shortest way through them is than the shortest of all;
    /// those of the shortest come first, of one depth by kind and id.
    public var entries: [LineageTable.Entry] = []
    /// Whether those are all ways.
    public var isComplete = true
}

extension Transaction {
    /// - Parameter limit: nodes of each walk after which it is cut.
    /// - Returns: no entries where no data went from one to the other, in either direction.
    /// - Throws: ``StatusError``.
    public func lineagePath(
        between first: LineageTable.Entry, and second: LineageTable.Entry, upTo limit: Int,
        seenBy visibility: Visibility
    ) throws -> LineagePath {
        let forward = try path(from: first, to: second, limit, visibility)
        guard forward.entries.isEmpty else { return forward }
        var backward = try path(from: second, to: first, limit, visibility)
        backward.isComplete = backward.isComplete && (!backward.entries.isEmpty || forward.isComplete)
        return backward
    }

    private func path(
        from start: LineageTable.Entry, to end: LineageTable.Entry, _ limit: Int, _ visibility: Visibility
    ) throws -> LineagePath {
        struct Key: Hashable {
            var kind: NodeKind
            var id: Int64
        }
        // What the end came of is little more than the ways to it; what came of the start may be most of the store.
        let upstream = try lineageTable(of: end.kind, end.id, .upstream, upTo: limit, seenBy: visibility)
        var above: [Key: Int] = [:]
        for entry in upstream.entries { above[Key(kind: entry.kind, id: entry.id)] = entry.depth }
        guard let shortest = above[Key(kind: start.kind, id: start.id)] else {
            return LineagePath(isComplete: upstream.isComplete)
        }
        var walk = LineageWalk(from: [start.id], start.kind, .downstream, endings: [:])
        walk.confine(
            artifacts: Set(upstream.entries.lazy.filter { $0.kind == .artifact }.map(\.id)),
            executions: Set(upstream.entries.lazy.filter { $0.kind == .execution }.map(\.id)))
        var entries = [LineageTable.Entry(kind: start.kind, id: start.id)]
        var depth = 0
        while !walk.isAtEnd {
            walk.step(try edges(of: walk))
            depth += 1
            for id in walk.frontier {
                let rest = above[Key(kind: walk.frontierKind, id: id)] ?? 0
                entries.append(.init(kind: walk.frontierKind, id: id, depth: depth + rest - shortest))
            }
        }
        entries.sort { ($0.depth, $0.kind.rawValue, $0.id) < ($1.depth, $1.kind.rawValue, $1.id) }
        return LineagePath(entries: entries, isComplete: upstream.isComplete)
    }
}
