import MetadataAPI

/// A picture of nodes from left to right, and the same as text.
struct GraphModel {
    /// Which node it is; its text stands in addresses and in the page.
    enum Key: Hashable, CustomStringConvertible {
        case artifact(Int64)
        case execution(Int64)
        /// Several nodes that stand as one.
        case fan(String)

        var description: String {
            switch self {
            case .artifact(let id): "a\(id)"
            case .execution(let id): "e\(id)"
            case .fan(let name): "f\(name)"
            }
        }
    }

    /// A box of the picture.
    struct Node {
        var key: Key
        /// Its page, without the base.
        var href: String
        var title: String
        var subtitle: String
        /// Its classes.
        var style: String
        var isCurrent = false
        /// The address of the picture with the node unfolded, and what that shows.
        var more: (address: String, text: String)?

        static func step(_ execution: MlMetadata_Execution, detail: String = "") -> Node {
            let state = execution.stateName
            return Node(
                key: .execution(execution.id), href: execution.path, title: execution.title,
                subtitle: detail.isEmpty ? state : "\(state) · \(detail)", style: "execution \(state)")
        }

        static func artifact(_ artifact: MlMetadata_Artifact) -> Node {
            let type = artifact.type.split(separator: "/").last.map(String.init) ?? ""
            return Node(
                key: .artifact(artifact.id), href: artifact.path, title: artifact.title,
                subtitle: artifact.version.isEmpty ? type : "\(type) · \(artifact.version)", style: "artifact")
        }
    }

    /// An arrow.
    struct Edge {
        var from: Int
        var to: Int
        /// What is told of it: the name of the input or output.
        var title: String
        var isInferred = false
    }

    /// More than these nobody follows.
    private static let maximumEdges = 2_000

    private(set) var nodes: [Node] = []
    private(set) var edges: [Edge] = []
    private var indexes: [Key: Int] = [:]
    private var drawn: [Pair: Int] = [:]

    private struct Pair: Hashable {
        var from: Int
        var to: Int
    }

    /// Adds a node that is not there yet.
    mutating func add(_ node: Node) {
        guard indexes[node.key] == nil else { return }
        indexes[node.key] = nodes.count
        nodes.append(node)
    }

    mutating func setMore(_ key: Key, _ more: (address: String, text: String)) {
        if let index = indexes[key] { nodes[index].more = more }
    }

    mutating func setCurrent(_ key: Key) {
        if let index = indexes[key] { nodes[index].isCurrent = true }
    }

    /// Adds an arrow between nodes that are there; several between two are one.
    mutating func connect(_ from: Key, _ to: Key, title: String = "", isInferred: Bool = false) {
        guard let from = indexes[from], let to = indexes[to], from != to, edges.count < Self.maximumEdges else {
            return
        }
        let pair = Pair(from: from, to: to)
        if let index = drawn[pair] {
            if !title.isEmpty, !edges[index].title.contains(title), edges[index].title.utf8.count < 300 {
                edges[index].title += (edges[index].title.isEmpty ? "" : ", ") + title
            }
            edges[index].isInferred = edges[index].isInferred && isInferred
            return
        }
        drawn[pair] = edges.count
        edges.append(Edge(from: from, to: to, title: title, isInferred: isInferred))
    }

    /// - Parameter label: what the picture is, for who cannot see it.
    func write(label: String, to html: inout HTML) {
        html.raw("<div class=\"canvas\" tabindex=\"0\" role=\"group\" aria-label=\"")
        html.text(label)
        html.raw("\">")
        GraphSVG(self, label: label).write(to: &html)
        html.raw("</div>")
        text(&html)
    }

    /// The same as nested text.
    private func text(_ html: inout HTML) {
        html.raw("<details class=\"as-text\"><summary>The picture as text</summary><ul>")
        var next: [[Edge]] = Array(repeating: [], count: nodes.count)
        for edge in edges { next[edge.from].append(edge) }
        for (index, node) in nodes.enumerated() {
            html.raw("<li>")
            html.link(node.href, node.title, upTo: 200)
            html.text(" (\(node.subtitle))", upTo: 200)
            if node.isCurrent { html.raw(", this one") }
            if !next[index].isEmpty {
                html.raw("<ul>")
                for edge in next[index] {
                    html.raw("<li>→ ")
                    html.link(nodes[edge.to].href, nodes[edge.to].title, upTo: 200)
                    if !edge.title.isEmpty { html.text(" (\(edge.title))", upTo: 300) }
                    html.raw("</li>")
                }
                html.raw("</ul>")
            }
            html.raw("</li>")
        }
        html.raw("</ul></details>")
    }
}
