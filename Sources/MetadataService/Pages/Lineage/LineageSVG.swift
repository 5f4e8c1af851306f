import MetadataAPI

/// The picture of a lineage: artifacts and executions from left to right, each a link.
struct LineageSVG {
    private struct Node {
        var href: String
        var title: String
        var subtitle: String
        var style: StaticString
        var isCurrent: Bool
    }

    /// More lines than these nobody follows.
    private static let maximumEdges = 2000

    private var nodes: [Node] = []
    private var edges: [(from: Int, to: Int)] = []

    /// - Parameter artifact: the one whose page it is.
    init(_ graph: MlMetadata_LineageGraph, artifact: Int64?, execution: Int64? = nil) {
        var artifacts: [Int64: Int] = [:]
        var executions: [Int64: Int] = [:]
        for node in graph.artifacts {
            artifacts[node.id] = nodes.count
            let type = node.type.split(separator: "/").last.map(String.init) ?? ""
            nodes.append(
                Node(
                    href: "/artifacts/\(node.id)", title: node.title,
                    subtitle: node.version.isEmpty ? type : "\(type) · \(node.version)", style: "artifact",
                    isCurrent: node.id == artifact))
        }
        for node in graph.executions {
            executions[node.id] = nodes.count
            nodes.append(
                Node(
                    href: "/executions/\(node.id)", title: node.title, subtitle: node.stateName,
                    style: node.lastKnownState == .failed ? "execution failed" : "execution",
                    isCurrent: node.id == execution))
        }
        var drawn: Set<Int> = []
        for event in graph.events where edges.count < Self.maximumEdges {
            guard let artifact = artifacts[event.artifactID], let execution = executions[event.executionID]
            else { continue }
            let edge = event.isInput ? (from: artifact, to: execution) : (from: execution, to: artifact)
            // Events of several types between two are one line.
            if drawn.insert(edge.from * nodes.count + edge.to).inserted { edges.append(edge) }
        }
    }

    func write(to html: inout HTML) {
        let layout = Layout(count: nodes.count, edges: edges)
        html.raw("<svg class=\"lineage\" role=\"img\" aria-label=\"Lineage\" width=\"")
        html.number(Int(layout.width))
        html.raw("\" height=\"")
        html.number(Int(layout.height))
        html.raw("\" viewBox=\"0 0 ")
        html.number(Int(layout.width))
        html.raw(" ")
        html.number(Int(layout.height))
        html.raw(
            "\"><defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
        )
        for (index, edge) in edges.enumerated() { write(edge, layout.routes[index], layout, &html) }
        for (index, node) in nodes.enumerated() { write(node, layout.positions[index], &html) }
        html.raw("</svg>")
    }

    private func write(
        _ edge: (from: Int, to: Int), _ route: [Layout.Point], _ layout: Layout, _ html: inout HTML
    ) {
        let from = layout.positions[edge.from]
        let to = layout.positions[edge.to]
        var last = Layout.Point(x: from.x + Layout.nodeWidth, y: from.y + Layout.nodeHeight / 2)
        let end = Layout.Point(x: to.x - 2, y: to.y + Layout.nodeHeight / 2)
        html.raw("<path class=\"edge\" marker-end=\"url(#arrow)\" d=\"M")
        html.text("\(Int(last.x)) \(Int(last.y))")
        for point in route + [end] {
            let bend = max(18, (point.x - last.x) / 2)
            html.text(
                "C\(Int(last.x + bend)) \(Int(last.y)) \(Int(point.x - bend)) \(Int(point.y)) "
                    + "\(Int(point.x)) \(Int(point.y))")
            last = point
        }
        html.raw("\"/>")
    }

    private func write(_ node: Node, _ position: Layout.Point, _ html: inout HTML) {
        let (x, y) = (Int(position.x), Int(position.y))
        html.raw("<a href=\"")
        html.text(node.href)
        html.raw("\"><g class=\"")
        html.raw(node.style)
        if node.isCurrent { html.raw(" current") }
        html.raw("\"><title>")
        html.text("\(node.title) (\(node.subtitle))", upTo: 500)
        html.raw("</title><rect x=\"")
        html.number(x)
        html.raw("\" y=\"")
        html.number(y)
        html.raw("\" width=\"")
        html.number(Int(Layout.nodeWidth))
        html.raw("\" height=\"")
        html.number(Int(Layout.nodeHeight))
        html.raw("\" rx=\"6\"/>")
        label(node.title, "name", x + 12, y + 20, 22, &html)
        label(node.subtitle, "kind", x + 12, y + 36, 27, &html)
        html.raw("</g></a>")
    }

    private func label(
        _ text: String, _ style: StaticString, _ x: Int, _ y: Int, _ length: Int, _ html: inout HTML
    ) {
        html.raw("<text class=\"")
        html.raw(style)
        html.raw("\" x=\"")
        html.number(x)
        html.raw("\" y=\"")
        html.number(y)
        html.raw("\">")
        html.text(text.count > length ? text.prefix(length - 1) + "…" : text[...])
        html.raw("</text>")
    }
}
