import Lineage
import MetadataAPI
import MetadataStore

/// The nodes of an explorer's view, found hop by hop: what has many neighbours of one name shows them as one, and what
/// has more than is shown tells how many.
struct LineageExploration: Sendable {
    /// More nodes than these nobody reads.
    private static let mostNodes = 300
    /// Neighbours that stand on their own; of more, those of one name stand as one.
    private static let mostAlone = 8
    /// Of one name on one side.
    private static let leastFan = 4
    private static let mostFans = 100
    /// Of a fan that is unfolded.
    private static let unfolded = 20
    /// Neighbours that are put together.
    private static let mostBriefs = 2_000
    private static let mostEvents = 5_000
    /// Of the walks that look for a path.
    private static let mostWalked = 200_000

    /// Several neighbours of one node that stand as one.
    struct Fan: Sendable {
        var key: String
        var of: LineageTable.Entry
        var side: EventSide
        var title: String
        var count: BoundedCount
        var failed: Int
        var running: Int
        /// The list of them all, without the base.
        var list: String
        var kind: NodeKind
        var isUnfolded: Bool
    }

    private struct Side: Hashable {
        var node: Node
        var side: EventSide
    }

    private struct Node: Hashable {
        var kind: NodeKind
        var id: Int64
        var key: String { kind == .artifact ? "a\(id)" : "e\(id)" }
    }

    let view: LineageView
    private(set) var artifacts: [Int64: MlMetadata_Artifact] = [:]
    private(set) var executions: [Int64: MlMetadata_Execution] = [:]
    private(set) var fans: [Fan] = []
    private(set) var events: [MlMetadata_Event] = []
    /// How many neighbours of a node are not shown, by its key.
    private(set) var hiddenCounts: [String: (inputs: Int, outputs: Int)] = [:]
    /// Whether more would have been shown than one reads.
    private(set) var isCut = false
    /// Whether there is a way to the view's end, where it has one.
    private(set) var isConnected = true
    private var shown: [Node] = []
    private var known: Set<Node> = []
    private var unfoldedSides: Set<Side> = []

    /// - Throws: ``StatusError``.
    init?(_ view: LineageView, _ transaction: Transaction, seenBy visibility: Visibility) throws {
        self.view = view
        let start = Node(kind: view.start.kind, id: view.start.id)
        let found = try transaction.nodes(of: [view.start], seenBy: visibility)
        guard !found.artifacts.isEmpty || !found.executions.isEmpty else { return nil }
        add(start)
        if let end = view.end {
            guard try addPath(to: end, transaction, visibility) else { return nil }
            try complete(transaction, visibility)
            return
        }
        for (direction, hops) in [(Direction.up, view.up), (.down, view.down)] {
            var frontier = [start]
            for _ in 0..<hops where !frontier.isEmpty {
                frontier = try frontier.flatMap { try expand($0, direction, transaction, visibility) }
            }
        }
        for key in view.open {
            guard let entry = LineageView.node(key) else { continue }
            let node = Node(kind: entry.kind, id: entry.id)
            guard known.contains(node) else { continue }
            for direction in [Direction.up, .down] { _ = try expand(node, direction, transaction, visibility) }
        }
        try complete(transaction, visibility)
    }

    /// Shows the ways to a node, the shortest first.
    /// - Returns: whether there is such a node.
    private mutating func addPath(
        to end: LineageTable.Entry, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> Bool {
        let found = try transaction.nodes(of: [end], seenBy: visibility)
        guard !found.artifacts.isEmpty || !found.executions.isEmpty else { return false }
        // Both ends first: they are shown in any case.
        add(Node(kind: end.kind, id: end.id))
        let path = try transaction.lineagePath(
            between: view.start, and: end, upTo: Self.mostWalked, seenBy: visibility)
        isConnected = !path.entries.isEmpty
        // One that is there already is no sign that there is no room.
        for entry in path.entries where shown.count < Self.mostNodes { add(Node(kind: entry.kind, id: entry.id)) }
        isCut = !path.isComplete || path.entries.count > shown.count
        return true
    }

    private enum Direction { case up, down }

    /// The side of a node's events that lies in a direction.
    private static func side(_ kind: NodeKind, _ direction: Direction) -> EventSide {
        // What an artifact came of wrote it; what an execution came of went into it.
        (kind == .artifact) == (direction == .up) ? .output : .input
    }

    @discardableResult
    private mutating func add(_ node: Node) -> Bool {
        guard !known.contains(node) else { return false }
        guard shown.count < Self.mostNodes else {
            isCut = true
            return false
        }
        known.insert(node)
        shown.append(node)
        return true
    }

    /// Shows the neighbours of a node in a direction.
    /// - Returns: those that were not shown before.
    private mutating func expand(
        _ node: Node, _ direction: Direction, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> [Node] {
        let side = Self.side(node.kind, direction)
        // Where it is full already nothing more is looked for: an address may name hundreds of nodes to unfold.
        guard !isCut, fans.count < Self.mostFans else {
            isCut = true
            return []
        }
        guard unfoldedSides.insert(Side(node: node, side: side)).inserted else { return [] }
        let other: NodeKind = node.kind == .artifact ? .execution : .artifact
        let briefs = try transaction.neighbourBriefs(
            of: node.kind, node.id, side, upTo: Self.mostBriefs, seenBy: visibility
        ).filter { !view.hidden.contains($0.type) }
        var alone: [NeighbourBrief] = []
        if briefs.count <= Self.mostAlone {
            alone = briefs
        } else {
            // In the order of their first, so that the picture does not depend on a dictionary.
            var order: [String] = []
            var groups: [String: [NeighbourBrief]] = [:]
            for brief in briefs {
                let name = other == .execution ? (brief.title.isEmpty ? brief.type : brief.title) : brief.type
                if groups[name] == nil { order.append(name) }
                groups[name, default: []].append(brief)
            }
            for name in order {
                let group = groups[name] ?? []
                alone += group.count < Self.leastFan ? group : fan(name, group, briefs.count, node, side, other)
            }
        }
        return alone.map { Node(kind: other, id: $0.id) }.filter { add($0) }
    }

    /// Puts a group together.
    /// - Returns: those of it that stand on their own, because it is unfolded.
    private mutating func fan(
        _ name: String, _ group: [NeighbourBrief], _ all: Int, _ node: Node, _ side: EventSide, _ other: NodeKind
    ) -> [NeighbourBrief] {
        let key = "\(node.key).\(side == .input ? "in" : "out").\(Fingerprint(name.utf8).text)"
        let isUnfolded = view.open.contains("f\(key)")
        let alone = isUnfolded ? Array(group.prefix(Self.unfolded)) : []
        let rest = group.dropFirst(alone.count)
        let types = side == .input ? PageFrame.reads : PageFrame.writes
        var filter = "events_e.\(node.kind.word)_id = \(node.id) AND events_e.type \(types)"
        if other == .artifact {
            filter += " AND type = \(NodeList.quoted(name))"
        } else if let first = group.first, let property = first.titleProperty {
            filter += " AND \(property).string_value = \(NodeList.quoted(first.title))"
        } else if let first = group.first {
            filter +=
                first.title.isEmpty
                ? " AND type = \(NodeList.quoted(first.type))" : " AND name = \(NodeList.quoted(first.title))"
        }
        fans.append(
            Fan(
                key: key, of: LineageTable.Entry(kind: node.kind, id: node.id, depth: 0), side: side, title: name,
                count: BoundedCount(rest.count, isExact: all < Self.mostBriefs),
                failed: rest.filter { $0.state == MlMetadata_Execution.State.failed.rawValue }.count,
                running: rest.filter { $0.state == MlMetadata_Execution.State.running.rawValue }.count,
                list: PageFrame.list(other == .execution ? "/executions" : "/", where: filter), kind: other,
                isUnfolded: isUnfolded))
        return alone
    }

    /// Reads the nodes themselves, the events between them, and how much of each is not shown.
    private mutating func complete(_ transaction: Transaction, _ visibility: Visibility) throws {
        let found = try transaction.nodes(
            of: shown.map { LineageTable.Entry(kind: $0.kind, id: $0.id, depth: 0) }, seenBy: visibility)
        (artifacts, executions) = found
        events = try transaction.wholeEvents(
            ofArtifacts: artifacts.keys.sorted(), executions: executions.keys.sorted(), upTo: Self.mostEvents)
        // On a path nothing is unfolded: what else there is belongs to another view.
        for node in shown where view.end == nil {
            var hidden = (inputs: 0, outputs: 0)
            for side in EventSide.allCases where !unfoldedSides.contains(Side(node: node, side: side)) {
                let other: NodeKind = node.kind == .artifact ? .execution : .artifact
                let briefs = try transaction.neighbourBriefs(
                    of: node.kind, node.id, side, upTo: 100, seenBy: visibility)
                let count = briefs.filter {
                    !known.contains(Node(kind: other, id: $0.id)) && !view.hidden.contains($0.type)
                }.count
                if side == .input { hidden.inputs = count } else { hidden.outputs = count }
            }
            if hidden.inputs + hidden.outputs > 0 { hiddenCounts[node.key] = hidden }
        }
    }

    // MARK: The picture

    var graph: GraphModel {
        var graph = GraphModel()
        let groups = view.isFolded ? self.groups : [:]
        /// What stands for a node in the picture.
        func key(_ kind: NodeKind, _ id: Int64) -> GraphModel.Key {
            groups[Node(kind: kind, id: id)]?.key ?? (kind == .artifact ? .artifact(id) : .execution(id))
        }
        for node in shown {
            if let group = groups[node] {
                graph.add(group.box)
            } else if let artifact = artifacts[node.id], node.kind == .artifact {
                graph.add(.artifact(artifact))
            } else if let execution = executions[node.id], node.kind == .execution {
                graph.add(.step(execution, detail: execution.runTitle))
            }
        }
        graph.setCurrent(key(view.start.kind, view.start.id))
        for fan in fans where fan.count.value > 0 {
            graph.add(box(of: fan))
            let node = key(fan.of.kind, fan.of.id)
            // What an artifact was read by, and what an execution wrote, comes after it.
            let isAfter = (fan.of.kind == .artifact) == (fan.side == .input)
            graph.connect(isAfter ? node : .fan(fan.key), isAfter ? .fan(fan.key) : node)
        }
        for event in events {
            let (artifact, execution) = (key(.artifact, event.artifactID), key(.execution, event.executionID))
            graph.connect(
                event.isInput ? artifact : execution, event.isInput ? execution : artifact, title: Self.told(event),
                isInferred: event.isInferred)
        }
        for node in shown where groups[node] == nil {
            if let hidden = hiddenCounts[node.key] {
                graph.setMore(key(node.kind, node.id), (view.unfolding(node.key), Self.told(hidden, node.kind)))
            }
        }
        return graph
    }

    private func box(of fan: Fan) -> GraphModel.Node {
        var notes: [String] = []
        if fan.failed > 0 { notes.append("\(fan.failed) failed") }
        if fan.running > 0 { notes.append("\(fan.running) running") }
        if notes.isEmpty { notes.append(fan.kind == .execution ? "executions" : "artifacts") }
        let count = PageFrame.number(fan.count.value) + (fan.count.isExact ? "" : "+")
        return GraphModel.Node(
            key: .fan(fan.key), href: fan.list, title: "\(fan.title) ×\(count)",
            subtitle: notes.joined(separator: ", "),
            style: "\(fan.kind.word) fan" + (fan.failed > 0 ? " failed" : ""),
            more: fan.isUnfolded ? nil : (view.unfolding("f\(fan.key)"), "Show \(fan.title) one by one"))
    }

    // MARK: Folding

    /// Nodes that are the same in several runs, and the box in their place.
    private struct Group {
        var key: GraphModel.Key
        var box: GraphModel.Node
    }

    /// What makes nodes of several runs the same: kind, type, name, pipeline and workspace; of an artifact also which step
    /// wrote it.
    private struct Likeness: Hashable {
        var kind: NodeKind
        var type: String
        var title: String
        var pipeline: String
        var workspace: String
    }

    private func likeness(_ node: Node, _ writers: [Int64: Int64]) -> (likeness: Likeness, run: String)? {
        if let artifact = artifacts[node.id], node.kind == .artifact {
            let writer = writers[node.id].flatMap { executions[$0] }
            let likeness = Likeness(
                kind: .artifact, type: artifact.type, title: artifact.title, pipeline: writer?.title ?? "",
                workspace: artifact.workspaceName)
            return (likeness, writer?.runName ?? artifact.runName)
        }
        guard node.kind == .execution, let execution = executions[node.id] else { return nil }
        let likeness = Likeness(
            kind: .execution, type: execution.type, title: execution.title,
            pipeline: execution.text(PropertyName.pipelineName),
            workspace: execution.text(PropertyName.workspace, PropertyName.namespace))
        return (likeness, execution.runName)
    }

    /// The groups of what is shown: no two of one run. The ends of the view stand on their own.
    private var groups: [Node: Group] {
        let writers = Dictionary(events.filter { !$0.isInput }.map { ($0.artifactID, $0.executionID) }) { min($0, $1) }
        var alike: [Likeness: [Node]] = [:]
        var runs: [Likeness: Set<String>] = [:]
        for node in shown where node.key != LineageView.key(view.start) && node.key != view.end.map(LineageView.key) {
            guard let (likeness, run) = likeness(node, writers), !run.isEmpty,
                runs[likeness, default: []].insert(run).inserted
            else { continue }
            alike[likeness, default: []].append(node)
        }
        var result: [Node: Group] = [:]
        for (likeness, nodes) in alike where nodes.count > 1 {
            let states = nodes.compactMap { $0.kind == .execution ? executions[$0.id]?.stateName : nil }
            // All but those that are well.
            let counts = Dictionary(grouping: states.filter { $0 != "complete" && $0 != "cached" }) { $0 }.mapValues(
                \.count)
            var notes = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            if notes.isEmpty {
                notes.append(
                    likeness.kind == .execution
                        ? likeness.pipeline : String(likeness.type.split(separator: "/").last ?? ""))
            }
            // The node that was found first names the group: the same in each process.
            let key = GraphModel.Key.fan("g\(nodes[0].key)")
            let ids = nodes.map { String($0.id) }.joined(separator: ", ")
            let box = GraphModel.Node(
                key: key,
                href: PageFrame.list(likeness.kind == .execution ? "/executions" : "/", where: "id IN (\(ids))"),
                title: "\(likeness.title) ×\(nodes.count)",
                subtitle: notes.filter { !$0.isEmpty }.joined(separator: ", "),
                style: "\(likeness.kind.word) fan" + (counts["failed"] != nil ? " failed" : ""),
                more: (view.folding(false).address(), "Show each run's own"))
            for node in nodes { result[node] = Group(key: key, box: box) }
        }
        return result
    }

    /// Whether anything of it can be folded.
    var canFold: Bool { view.isFolded || !groups.isEmpty }

    /// The nodes to which a path can be asked for: what is shown, but for the start, by title.
    var ends: [(key: String, title: String)] {
        shown.filter { $0.key != LineageView.key(view.start) }.compactMap { node in
            if node.kind == .artifact {
                return artifacts[node.id].map { (node.key, $0.titleAndVersion) }
            }
            return executions[node.id].map { execution in
                (node.key, execution.runTitle.isEmpty ? execution.title : "\(execution.title) · \(execution.runTitle)")
            }
        }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    }

    /// What an edge says of itself.
    private static func told(_ event: MlMetadata_Event) -> String {
        event.isInferred ? (event.key.isEmpty ? "inferred" : "\(event.key), inferred") : event.key
    }

    private static func told(_ hidden: (inputs: Int, outputs: Int), _ kind: NodeKind) -> String {
        func count(_ value: Int, _ word: String) -> String {
            value == 1 ? "1 \(word)" : "\(value >= 100 ? "100 or more" : String(value)) \(word)s"
        }
        var parts: [String] = []
        if hidden.inputs > 0 { parts.append(count(hidden.inputs, kind == .artifact ? "reader" : "input")) }
        if hidden.outputs > 0 { parts.append(count(hidden.outputs, kind == .artifact ? "writer" : "output")) }
        return "Show " + parts.joined(separator: " and ")
    }

    /// The types of what is shown, and of what is left out.
    var types: [String] {
        Array(Set(artifacts.values.map(\.type) + executions.values.map(\.type) + view.hidden)).sorted()
    }
}
