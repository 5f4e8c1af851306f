import JSON
import MetadataAPI
import MetadataStore

/// The lineage explorer: where a node came from and what came of it, unfolded as far as one asks.
struct LineagePage: Page {
    let paths = ["/lineage"]

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let view = try LineageView(request.query)
        let visibility = request.visibility
        let found = try await request.read { try LineageExploration(view, $0, seenBy: visibility) }
        guard let found else {
            let end = view.end.map { ", or no \($0.kind.word) \($0.id)" } ?? ""
            throw PageProblem.notFound("There is no \(view.start.kind.word) \(view.start.id)\(end).")
        }
        return Self.page(found)
    }

    static func page(_ found: LineageExploration) -> PageAnswer {
        let view = found.view
        let isArtifact = view.start.kind == .artifact
        let node: any ShownNode =
            isArtifact
            ? found.artifacts[view.start.id] ?? MlMetadata_Artifact()
            : found.executions[view.start.id] ?? MlMetadata_Execution()
        let graph = found.graph
        return PageAnswer(
            title: "Lineage of \(node.title)", section: isArtifact ? .artifacts : .executions,
            crumbs: [
                (isArtifact ? "Artifacts" : "Executions", isArtifact ? "/" : "/executions"), (node.title, node.path),
            ],
            json: json(graph)
        ) { html in
            html.raw("<section id=\"explorer\" data-explorer tabindex=\"-1\"><h1>Lineage of ")
            html.link(node.path, node.title)
            html.raw("</h1>")
            toolbar(found, &html)
            if !found.isConnected {
                PageFrame.note(
                    found.isCut
                        ? "No data is seen to go from one to the other; there is too much to look at all of it."
                        : "No data went from one to the other, in either direction.", &html)
            } else if found.isCut {
                PageFrame.note("There is more than one picture can show: unfold less, or see the tables.", &html)
            }
            graph.write(label: "Lineage of \(node.title)", to: &html)
            html.raw("</section>")
        }
    }

    private static func toolbar(_ found: LineageExploration, _ html: inout HTML) {
        let view = found.view
        html.raw("<div class=\"toolbar\">")
        if view.end == nil {
            swap("more-up", "← More upstream", view.canGoUp ? view.address(up: view.up + 2) : nil, &html)
            swap("less-up", "Less upstream", view.up > 0 ? view.address(up: max(0, view.up - 2)) : nil, &html)
            swap("less-down", "Less downstream", view.down > 0 ? view.address(down: max(0, view.down - 2)) : nil, &html)
            swap("more-down", "More downstream →", view.canGoDown ? view.address(down: view.down + 2) : nil, &html)
            if !view.open.isEmpty { swap("fold-all", "Fold all", view.address(open: []), &html) }
        } else {
            swap("whole", "Leave the path", view.ending(at: nil).address(), &html)
        }
        if found.canFold {
            swap(
                "fold-runs", view.isFolded ? "Each run on its own" : "Runs as one",
                view.folding(!view.isFolded).address(), &html)
        }
        for (name, label) in [("in", "Zoom in"), ("out", "Zoom out"), ("fit", "Fit")] {
            html.raw("<button type=\"button\" hidden data-zoom=\"")
            html.text(name)
            html.raw("\">")
            html.text(label)
            html.raw("</button>")
        }
        html.raw("<button type=\"button\" hidden data-download=\"svg\">SVG</button>")
        html.link(view.address(path: "/lineage.json"), "JSON")
        let start = "\(view.start.kind.word)=\(view.start.id)"
        html.link("/provenance?\(start)", "All it came of")
        html.link("/impact?\(start)", "All that came of it")
        if view.end == nil { path(found, &html) }
        if found.types.count > 1 {
            html.raw("<details class=\"menu\"><summary>Types</summary><ul>")
            for (index, type) in found.types.enumerated() {
                let isHidden = view.hidden.contains(type)
                html.raw("<li>")
                swap(
                    "type-\(index)", (isHidden ? "Show " : "Hide ") + type,
                    view.address(hidden: isHidden ? view.hidden.filter { $0 != type } : view.hidden + [type]), &html)
                html.raw("</li>")
            }
            html.raw("</ul></details>")
        }
        html.raw("</div>")
    }

    /// A form that asks for the ways to one of the nodes that are shown.
    private static func path(_ found: LineageExploration, _ html: inout HTML) {
        let ends = found.ends
        guard ends.count > 1 else { return }
        html.raw("<form class=\"path\" method=\"get\" action=\"")
        html.address("/lineage")
        html.raw("\"><input type=\"hidden\" name=\"")
        html.text(found.view.start.kind.word)
        html.raw("\" value=\"")
        html.number(Int(found.view.start.id))
        html.raw("\"><label>Path to <select name=\"to\">")
        for end in ends {
            html.raw("<option value=\"")
            html.text(end.key)
            html.raw("\">")
            html.text(end.title, upTo: 80)
            html.raw("</option>")
        }
        html.raw("</select></label><button>Show</button></form>")
    }

    private static func swap(_ id: String, _ text: String, _ address: String?, _ html: inout HTML) {
        guard let address else { return }
        html.raw("<a data-swap id=\"")
        html.text(id)
        html.raw("\" href=\"")
        html.address(address)
        html.raw("\">")
        html.text(text, upTo: 200)
        html.raw("</a>")
    }

    private static func json(_ graph: GraphModel) -> JSONValue {
        .members([
            (
                "nodes",
                .array(
                    graph.nodes.map {
                        .members([
                            ("key", .string($0.key.description)), ("title", .string($0.title)),
                            ("detail", .string($0.subtitle)), ("href", .string($0.href)),
                            ("more", $0.more.map { .string($0.text) } ?? .null),
                        ])
                    })
            ),
            (
                "edges",
                .array(
                    graph.edges.map {
                        .members([
                            ("from", .string(graph.nodes[$0.from].key.description)),
                            ("to", .string(graph.nodes[$0.to].key.description)), ("title", .string($0.title)),
                            ("inferred", .bool($0.isInferred)),
                        ])
                    })
            ),
        ])
    }
}

extension LineageExploration {
    /// The picture as a part of a node's own page; what is unfolded there opens the explorer.
    func writePart(of title: String, to html: inout HTML) {
        let graph = graph
        guard graph.nodes.count > 1 else { return }
        html.raw("<h2 id=\"lineage\">Lineage</h2>")
        graph.write(label: "Lineage of \(title)", to: &html)
        html.raw("<p class=\"below\">")
        html.link(view.address(), "Explore the lineage")
        html.raw("</p>")
    }
}
