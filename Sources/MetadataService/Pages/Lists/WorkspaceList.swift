import Lineage
import MetadataAPI
import MetadataStore

/// The workspaces: projects, teams, namespaces; each with the lists of what is in it.
struct WorkspaceList: Page {
    let paths = ["/workspaces"]

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        await Self.view.answer(request, title: "Workspaces", section: .workspaces)
    }

    private static let view = ListView<MlMetadata_Context>(
        path: "/workspaces", kind: .context, columns: [name, contents, .created, .updated, .number],
        usual: ["name", "contents", "created"], always: "type = \(NodeList.quoted(TypeName.workspace))",
        types: [TypeName.workspace], example: "name LIKE 'team-%'",
        empty: "No workspace is recorded yet: each run is in one."
    ) { try $0.contextSlice($1.options, isBackward: $1.isBackward, isCounted: true, seenBy: $1.visibility) }

    private static let name = Column<MlMetadata_Context>(key: "name", title: "Name", style: "name") { $0.name }

    private static let contents = Column<MlMetadata_Context>(key: "contents", title: "In it") { _ in
        ""
    } html: { workspace, html in
        PageFrame.links(
            [("Runs", "/runs"), ("Executions", "/executions"), ("Artifacts", "/")].map {
                ($0.0, FormQuery(nil).address($0.1, changing: [("workspace", workspace.name)]))
            }, &html)
    }
}
