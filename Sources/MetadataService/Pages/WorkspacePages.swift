import Hummingbird
import Lineage
import MetadataAPI
import MetadataStore

/// The workspaces: projects, teams, namespaces; each with the lists of what is in it.
struct WorkspacePages: Sendable {
    let store: MetadataStore

    func add(to router: Router<BasicRequestContext>) {
        router.get("/workspaces") { request, _ in try await list(FormQuery(request.uri.query)) }
    }

    private func list(_ query: FormQuery) async throws -> Response {
        let list = NodeList(path: "/workspaces", query: query, states: [], stateColumn: "")
        let condition = "type = \(NodeList.quoted(TypeName.workspace))"
        let found = await ListAnswer.read(list, of: .context, in: store, always: condition) { transaction, options in
            let response = try transaction.getContexts(.with { $0.options = options })
            return (response.contexts, response.nextPageToken)
        }
        return PageFrame.page("Workspaces", .workspaces, status: found.status) { html in
            html.raw("<h1>Workspaces</h1>")
            list.bar(types: [], example: "name LIKE 'team-%'", &html)
            found.write(
                list, empty: "No workspace is recorded yet: each run is in one.",
                columns: ["Name", "In it", "Created"], &html, row: Self.row)
        }
    }

    private static func row(_ workspace: MlMetadata_Context, _ html: inout HTML) {
        html.raw("<tr>")
        PageFrame.cell("Name", "", &html) { $0.text(workspace.name, upTo: PageFrame.shownText) }
        PageFrame.cell("In it", "", &html) { html in
            PageFrame.links(
                [
                    ("Runs", "/runs", "parent_contexts_w.id = \(workspace.id)"),
                    ("Executions", "/executions", "contexts_w.id = \(workspace.id)"),
                    ("Artifacts", "/", "contexts_w.id = \(workspace.id)"),
                ], &html)
        }
        PageFrame.cell("Created", "nowrap", &html) { $0.text(PageFrame.time(workspace.createTimeSinceEpoch)) }
        html.raw("</tr>")
    }
}
