import Lineage
import MetadataAPI
import MetadataStore

/// What an explorer shows: from which node, how far, and what is unfolded. Its address says all of it.
struct LineageView: Sendable {
    /// Hops that are walked at first: to the step, and to what that read or wrote.
    private static let usualHops = 2
    private static let mostHops = 20
    private static let mostOpen = 200

    var start: LineageTable.Entry
    var up: Int
    var down: Int
    /// The keys of nodes and fans that were unfolded, in that order.
    var open: [String]
    /// Types that are left out.
    var hidden: [String]
    /// Where only what lies between is shown: the other end.
    var end: LineageTable.Entry?
    /// Whether nodes that are the same in several runs stand as one.
    var isFolded = false

    /// The view that an explorer opens with.
    init(start: LineageTable.Entry) {
        (self.start, up, down, open, hidden) = (start, Self.usualHops, Self.usualHops, [], [])
    }

    /// - Throws: ``PageProblem`` where the address names no node.
    init(_ query: FormQuery) throws {
        start = try Self.start(query)
        up = Self.hops(query["up"])
        down = Self.hops(query["down"])
        open = Array(query.all("open").prefix(Self.mostOpen))
        hidden = Array(query.all("hide").prefix(50))
        isFolded = query["fold"] == "1"
        if let text = query["to"] {
            guard let end = Self.node(text) else {
                throw PageProblem.misread("to \(text): should be a or e and a number, as in a12 for artifact 12.")
            }
            self.end = end == start ? nil : end
        }
    }

    /// The node that a key of the picture names.
    static func node(_ key: String) -> LineageTable.Entry? {
        guard let id = Int64(key.dropFirst()) else { return nil }
        return switch key.first {
        case "a": LineageTable.Entry(kind: .artifact, id: id)
        case "e": LineageTable.Entry(kind: .execution, id: id)
        default: nil
        }
    }

    static func key(_ entry: LineageTable.Entry) -> String { (entry.kind == .artifact ? "a" : "e") + String(entry.id) }

    /// The node that an address names.
    /// - Throws: ``PageProblem``.
    static func start(_ query: FormQuery) throws -> LineageTable.Entry {
        for (name, kind) in [("artifact", NodeKind.artifact), ("execution", .execution)] {
            guard let text = query[name] else { continue }
            guard let id = Int64(text) else { throw PageProblem.misread("\(name) \(text): should be a number.") }
            return LineageTable.Entry(kind: kind, id: id, depth: 0)
        }
        throw PageProblem.misread("Which node? The address should end in ?artifact=NUMBER or ?execution=NUMBER.")
    }

    private static func hops(_ text: String?) -> Int { max(0, min(mostHops, text.flatMap { Int($0) } ?? usualHops)) }

    /// The address of the view, or of one that differs.
    func address(
        path: String = "/lineage", up: Int? = nil, down: Int? = nil, open: [String]? = nil, hidden: [String]? = nil
    ) -> String {
        let (up, down) = (up ?? self.up, down ?? self.down)
        let (open, hidden) = (open ?? self.open, hidden ?? self.hidden)
        return FormQuery(nil).address(
            path,
            changing: [
                (start.kind.word, String(start.id)), ("up", up == Self.usualHops ? nil : String(up)),
                ("down", down == Self.usualHops ? nil : String(down)),
                ("open", open.isEmpty ? nil : open.joined(separator: ",")),
                ("hide", hidden.isEmpty ? nil : hidden.joined(separator: ",")),
                ("to", end.map(Self.key)), ("fold", isFolded ? "1" : nil),
            ])
    }

    /// The view with nodes folded or not.
    func folding(_ isFolded: Bool) -> LineageView {
        var view = self
        view.isFolded = isFolded
        return view
    }

    /// The view of the ways to a node, or of all.
    func ending(at end: LineageTable.Entry?) -> LineageView {
        var view = self
        view.end = end
        return view
    }

    func unfolding(_ key: String) -> String { address(open: open + [key]) }
    var canGoUp: Bool { up < Self.mostHops }
    var canGoDown: Bool { down < Self.mostHops }
}
