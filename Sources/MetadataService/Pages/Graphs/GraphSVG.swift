/// The drawing of a graph: boxes that are links, arrows between them.
struct GraphSVG {
    private let graph: GraphModel
    private let layout: Layout
    private let label: String

    init(_ graph: GraphModel, label: String) {
        self.graph = graph
        self.label = label
        layout = Layout(count: graph.nodes.count, edges: graph.edges.map { ($0.from, $0.to) })
    }

    func write(to html: inout HTML) {
        html.raw("<svg class=\"lineage\" role=\"group\" aria-label=\"")
        html.text(label)
        html.raw("\" width=\"")
        html.number(Pixel.of(layout.width))
        html.raw("\" height=\"")
        html.number(Pixel.of(layout.height))
        html.raw("\" viewBox=\"0 0 ")
        html.number(Pixel.of(layout.width))
        html.raw(" ")
        html.number(Pixel.of(layout.height))
        html.raw(
            "\"><defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
        )
        for (index, edge) in graph.edges.enumerated() { write(edge, layout.routes[index], &html) }
        var next: [[Int]] = Array(repeating: [], count: graph.nodes.count)
        var previous = next
        for edge in graph.edges {
            next[edge.from].append(edge.to)
            previous[edge.to].append(edge.from)
        }
        // In the order in which they are read: column by column, from the top.
        let order = graph.nodes.indices.sorted {
            let (a, b) = (layout.positions[$0], layout.positions[$1])
            return (a.x, a.y) < (b.x, b.y)
        }
        for index in order {
            write(graph.nodes[index], layout.positions[index], next[index], previous[index], &html)
        }
        html.raw("</svg>")
    }

    private func write(_ edge: GraphModel.Edge, _ route: [Layout.Point], _ html: inout HTML) {
        let from = layout.positions[edge.from]
        let to = layout.positions[edge.to]
        let isBack = to.x <= from.x
        var last = Layout.Point(x: from.x + Layout.nodeWidth, y: from.y + Layout.nodeHeight / 2)
        let end = Layout.Point(x: to.x - 2, y: to.y + Layout.nodeHeight / 2)
        html.raw(
            edge.isInferred
                ? "<path class=\"edge inferred\" marker-end=\"url(#arrow)\" d=\"M"
                : "<path class=\"edge\" marker-end=\"url(#arrow)\" d=\"M")
        html.text("\(Pixel.of(last.x)) \(Pixel.of(last.y))")
        for point in route + [end] {
            let bend = isBack ? 40 : max(18, (point.x - last.x) / 2)
            html.text(
                "C\(Pixel.of(last.x + bend)) \(Pixel.of(last.y)) \(Pixel.of(point.x - bend)) \(Pixel.of(point.y)) \(Pixel.of(point.x)) \(Pixel.of(point.y))"
            )
            last = point
        }
        html.raw("\">")
        html.raw("<title>")
        let names = "\(graph.nodes[edge.from].title) → \(graph.nodes[edge.to].title)"
        html.text(edge.title.isEmpty ? names : "\(names): \(edge.title)", upTo: 500)
        html.raw("</title></path>")
    }

    private func keys(_ indexes: [Int]) -> String {
        indexes.map { graph.nodes[$0].key.description }.joined(separator: " ")
    }

    private func write(
        _ node: GraphModel.Node, _ position: Layout.Point, _ next: [Int], _ previous: [Int], _ html: inout HTML
    ) {
        let (x, y) = (Pixel.of(position.x), Pixel.of(position.y))
        html.raw("<g class=\"node ")
        html.text(node.style)
        if node.isCurrent { html.raw(" current") }
        html.raw("\" data-node=\"")
        html.text(node.key.description)
        html.raw("\" data-next=\"")
        html.text(keys(next))
        html.raw("\" data-prev=\"")
        html.text(keys(previous))
        html.raw("\"><a href=\"")
        html.address(node.href)
        html.raw(node.isCurrent ? "\" aria-current=\"true\"><title>" : "\"><title>")
        html.text("\(node.title) (\(node.subtitle))", upTo: 500)
        html.raw("</title><rect x=\"")
        html.number(x)
        html.raw("\" y=\"")
        html.number(y)
        html.raw("\" width=\"")
        html.number(Pixel.of(Layout.nodeWidth))
        html.raw("\" height=\"")
        html.number(Pixel.of(Layout.nodeHeight))
        html.raw(node.style.hasPrefix("artifact") ? "\" rx=\"20\"/>" : "\" rx=\"4\"/>")
        mark(node, x + 14, y + Pixel.of(Layout.nodeHeight / 2), &html)
        label(node.title, "name", x + 28, y + 20, 13, &html)
        label(node.subtitle, "kind", x + 28, y + 36, 11, &html)
        html.raw("</a>")
        if let more = node.more { plus(more, x + Pixel.of(Layout.nodeWidth), y, node.key, &html) }
        html.raw("</g>")
    }

    /// The state as a shape: a check, a cross, a dot, a ring.
    private func mark(_ node: GraphModel.Node, _ x: Int, _ y: Int, _ html: inout HTML) {
        let words = node.style.split(separator: " ")
        if words.contains("failed") {
            path("M\(x - 4) \(y - 4)L\(x + 4) \(y + 4)M\(x + 4) \(y - 4)L\(x - 4) \(y + 4)", &html)
        } else if words.contains("complete") || words.contains("cached") {
            path("M\(x - 5) \(y)L\(x - 1) \(y + 4)L\(x + 5) \(y - 4)", &html)
        } else if words.contains("running") {
            path("M\(x - 3) \(y - 5)L\(x + 5) \(y)L\(x - 3) \(y + 5)z", &html)
        } else if words.contains("artifact") {
            path("M\(x - 5) \(y - 4)h10M\(x - 5) \(y)h10M\(x - 5) \(y + 4)h10", &html)
        } else {
            path("M\(x - 4) \(y)h8", &html)
        }
    }

    private func path(_ text: String, _ html: inout HTML) {
        html.raw("<path class=\"mark\" d=\"")
        html.text(text)
        html.raw("\"/>")
    }

    /// The button that unfolds a node.
    private func plus(
        _ more: (address: String, text: String), _ x: Int, _ y: Int, _ key: GraphModel.Key, _ html: inout HTML
    ) {
        html.raw("<a class=\"plus\" data-swap id=\"plus-")
        html.text(key.description)
        html.raw("\" href=\"")
        html.address(more.address)
        html.raw("\" aria-label=\"Unfold: ")
        html.text(more.text, upTo: 200)
        html.raw("\"><title>")
        html.text(more.text, upTo: 200)
        html.raw("</title><rect class=\"hit\" x=\"")
        html.number(x - 26)
        html.raw("\" y=\"")
        html.number(y + 2)
        html.raw("\" width=\"24\" height=\"24\"/><circle cx=\"")
        html.number(x - 14)
        html.raw("\" cy=\"")
        html.number(y + 14)
        html.raw("\" r=\"8\"/>")
        path("M\(x - 18) \(y + 14)h8M\(x - 14) \(y + 10)v8", &html)
        html.raw("</a>")
    }

    private func label(_ text: String, _ style: StaticString, _ x: Int, _ y: Int, _ size: Double, _ html: inout HTML) {
        html.raw("<text class=\"")
        html.raw(style)
        html.raw("\" x=\"")
        html.number(x)
        html.raw("\" y=\"")
        html.number(y)
        html.raw("\">")
        // Room for the button at the upper right.
        html.text(TextFit.fit(text, Layout.nodeWidth - 28 - (size > 12 ? 30 : 10), size: size))
        html.raw("</text>")
    }
}
