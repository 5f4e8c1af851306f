import JSON
import MetadataStore

/// The types of artifacts, executions and contexts, and how many there are of each.
struct TypeList: Page {
    let paths = ["/types"]
    private static let most = 500

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let visibility = request.visibility
        let types = try await request.read { transaction in
            try [NodeKind.artifact, .execution, .context].map { kind in
                try transaction.typeSummaries(of: kind, upTo: Self.most, seenBy: visibility)
            }
        }
        let all = types.flatMap { $0 }
        let json = all.map { type in
            JSONValue.members([
                ("kind", .string(type.kind.word)), ("name", .string(type.name)), ("version", .string(type.version)),
                ("count", .integer(Int64(type.count.value))), ("count_is_exact", .bool(type.count.isExact)),
                ("properties", .array(type.properties.map { .string($0) })),
            ])
        }
        let csv = CSVTable(
            columns: ["kind", "name", "version", "count", "count_is_exact", "properties"],
            rows: all.map {
                [
                    $0.kind.word, $0.name, $0.version, String($0.count.value), String($0.count.isExact),
                    $0.properties.joined(separator: " "),
                ]
            })
        return PageAnswer(
            title: "Types", section: .types, json: .members([("items", .array(json))]), csv: csv
        ) { html in
            html.element("h1", "Types")
            for (title, path, part) in [
                ("Artifacts", "/", types[0]), ("Executions", "/executions", types[1]), ("Contexts", "/runs", types[2]),
            ] {
                html.element("h2", title)
                Self.table(part, path, &html)
            }
        }
    }

    private static func table(_ types: [TypeSummary], _ path: String, _ html: inout HTML) {
        // The base types of MLMD, which nothing has, would stand before all others.
        let shown = types.filter { $0.count.value > 0 || !$0.properties.isEmpty }
        guard !shown.isEmpty else { return PageFrame.note("None yet.", &html) }
        PageFrame.columns(["Name", "Of it", "Properties"], &html)
        for type in shown {
            html.raw("<tr>")
            PageFrame.cell("Name", "name", &html) { html in
                // Other contexts than runs have no list.
                guard type.kind != .context || RunList.types.contains(type.name) else {
                    return html.text(type.name, upTo: PageFrame.shownText)
                }
                html.link(
                    FormQuery(nil).address(path, changing: [("type", type.name)]),
                    type.version.isEmpty ? type.name : "\(type.name) \(type.version)")
            }
            PageFrame.cell("Of it", "number", &html) { $0.text(PageFrame.count(type.count)) }
            PageFrame.cell("Properties", "uri", &html) {
                $0.text(type.properties.joined(separator: ", "), upTo: PageFrame.shownText)
            }
            html.raw("</tr>")
        }
        PageFrame.endTable(&html)
    }
}
