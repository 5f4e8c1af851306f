import Hummingbird
import MetadataAPI
import MetadataStore

/// The artifact store, and an artifact.
struct ArtifactPages: Sendable {
    let store: MetadataStore

    func add(to router: Router<BasicRequestContext>) {
        router.get("/") { request, _ in try await list(FormQuery(request.uri.query)) }
        router.get("/artifacts/{id}") { _, context in
            try await artifact(id: context.parameters.get("id").flatMap { Int64($0) })
        }
    }

    private static let states = [
        "LIVE", "PENDING", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE", "UNKNOWN",
    ]

    private func list(_ query: FormQuery) async throws -> Response {
        let list = NodeList(path: "/", query: query, states: Self.states, stateColumn: "state")
        let found = await ListAnswer.read(list, of: .artifact, in: store) { transaction, options in
            let response = try transaction.getArtifacts(.with { $0.options = options })
            return (response.artifacts, response.nextPageToken)
        }
        return PageFrame.page("Artifacts", .artifacts, status: found.status) { html in
            html.raw("<h1>Artifacts</h1>")
            list.bar(types: found.types, example: "uri LIKE '%iris%' AND contexts_r.name = 'train-7'", &html)
            found.write(
                list,
                empty:
                    "Nothing is recorded yet. As soon as a step of a pipeline has read or written something, it is here.",
                columns: ["Name", "Type", "URI", "Run", "Workspace", "Created"], &html, row: Self.row)
        }
    }

    static func row(_ artifact: MlMetadata_Artifact, _ html: inout HTML) {
        html.raw("<tr>")
        PageFrame.cell("Name", "", &html) { PageFrame.link("/artifacts/", artifact.id, artifact.title, &$0) }
        PageFrame.cell("Type", "", &html) { $0.text(artifact.type, upTo: PageFrame.shownText) }
        PageFrame.cell("URI", "uri", &html) { $0.text(artifact.uri, upTo: PageFrame.shownText) }
        PageFrame.cell("Run", "", &html) { $0.text(artifact.runName, upTo: PageFrame.shownText) }
        PageFrame.cell("Workspace", "", &html) { $0.text(artifact.workspaceName, upTo: PageFrame.shownText) }
        PageFrame.cell("Created", "nowrap", &html) { $0.text(PageFrame.time(artifact.createTimeSinceEpoch)) }
        html.raw("</tr>")
    }

    private func artifact(id: Int64?) async throws -> Response {
        guard let id else { return PageFrame.notFound("An artifact's number is missing.") }
        let found = try await store.read { transaction in
            try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts.first
        }
        guard let artifact = found else { return PageFrame.notFound("There is no artifact \(id).") }
        let lineage = try await Neighbourhood(of: .artifact(id), in: store)
        return PageFrame.page(artifact.title, .artifacts) { html in
            let line = artifact.uri.isEmpty ? artifact.type : "\(artifact.type) · \(artifact.uri)"
            PageFrame.heading(artifact.title, line, &html)
            var links: [(text: StaticString, path: String, filter: String)] = [
                (
                    "Steps that wrote it", "/executions",
                    "events_e.artifact_id = \(id) AND events_e.type \(PageFrame.writes)"
                ),
                (
                    "Steps that read it", "/executions",
                    "events_e.artifact_id = \(id) AND events_e.type \(PageFrame.reads)"
                ),
                ("Runs that it is of", "/runs", "artifacts_a.id = \(id)"),
            ]
            if !artifact.uri.isEmpty {
                links.append(("All at this location", "/", "uri = \(NodeList.quoted(artifact.uri))"))
            }
            PageFrame.links(links, &html)
            lineage.write(LineageSVG(lineage.graph, artifact: id), to: &html)
            PropertyTable(
                facts: [
                    ("id", String(id)), ("state", "\(artifact.state)"),
                    ("created", PageFrame.time(artifact.createTimeSinceEpoch)),
                    ("updated", PageFrame.time(artifact.lastUpdateTimeSinceEpoch)),
                    ("external id", artifact.externalID),
                ], properties: artifact.properties, custom: artifact.customProperties
            ).write(to: &html)
        }
    }
}
