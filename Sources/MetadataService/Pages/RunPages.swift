import Hummingbird
import Lineage
import MetadataAPI
import MetadataStore

/// The runs, and the steps of one.
struct RunPages: Sendable {
    let store: MetadataStore
    /// The types of contexts that are runs: ours, and those of Kubeflow Pipelines and TFX.
    static let types: Set<String> = [
        TypeName.run, TypeName.kfpRun, TypeName.kfpPipelineRun, "pipeline_run", "run",
    ]

    func add(to router: Router<BasicRequestContext>) {
        router.get("/runs") { request, _ in try await list(FormQuery(request.uri.query)) }
        router.get("/runs/{id}") { request, context in
            try await run(
                id: context.parameters.get("id").flatMap { Int64($0) }, FormQuery(request.uri.query))
        }
    }

    private func list(_ query: FormQuery) async throws -> Response {
        let list = NodeList(path: "/runs", query: query, states: [], stateColumn: "")
        let condition = "type IN (\(Self.types.sorted().map(NodeList.quoted).joined(separator: ", ")))"
        let found = await ListAnswer.read(list, of: .context, in: store, always: condition) { transaction, options in
            let response = try transaction.getContexts(.with { $0.options = options })
            return (response.contexts, response.nextPageToken)
        }
        return PageFrame.page("Runs", .runs, status: found.status) { html in
            html.raw("<h1>Runs</h1>")
            list.bar(
                types: found.types.filter(Self.types.contains),
                example: "executions_e.last_known_state = FAILED", &html)
            found.write(
                list, empty: "No run is recorded yet.",
                columns: ["Name", "State", "Pipeline", "Started", "Took", "Workspace"], &html, row: Self.row)
        }
    }

    private static func row(_ run: MlMetadata_Context, _ html: inout HTML) {
        let outcome = run.outcome
        html.raw("<tr>")
        PageFrame.cell("Name", "", &html) { PageFrame.link("/runs/", run.id, run.title, &$0) }
        PageFrame.cell("State", "nowrap", &html) { html in
            if !outcome.state.isEmpty { PageFrame.state(outcome.state, &html) }
        }
        PageFrame.cell("Pipeline", "", &html) { $0.text(run.pipeline, upTo: PageFrame.shownText) }
        PageFrame.cell("Started", "nowrap", &html) { $0.text(outcome.started) }
        PageFrame.cell("Took", "nowrap", &html) { $0.text(outcome.took) }
        PageFrame.cell("Workspace", "", &html) { $0.text(run.workspaceName, upTo: PageFrame.shownText) }
        html.raw("</tr>")
    }

    private func run(id: Int64?, _ query: FormQuery) async throws -> Response {
        guard let id else { return PageFrame.notFound("A run's number is missing.") }
        let found = try await store.read { transaction in
            try transaction.getContextsByID(.with { $0.contextIds = [id] }).contexts.first
        }
        guard let run = found, Self.types.contains(run.type) else {
            return PageFrame.notFound("There is no run \(id).")
        }
        let list = NodeList(
            path: "/runs/\(id)", query: query, states: ExecutionPages.states, stateColumn: "last_known_state")
        let steps = await ListAnswer.read(list, of: .execution, in: store) { transaction, options in
            let response = try transaction.getExecutionsByContext(
                .with { ($0.contextID, $0.options) = (id, options) })
            return (response.executions, response.nextPageToken)
        }
        return PageFrame.page(run.title, .runs, status: steps.status) { html in
            PageFrame.heading(run.title, run.pipeline.isEmpty ? run.type : "\(run.type) · \(run.pipeline)", &html)
            run.outcome.write(to: &html)
            PageFrame.links([("Artifacts of this run", "/", "contexts_r.id = \(id)")], &html)
            html.raw("<h2>Steps</h2>")
            list.bar(types: steps.types, example: "custom_properties.exit_code.int_value > 0", &html)
            steps.write(list, empty: "No step is recorded yet.", columns: ExecutionPages.columns, &html) {
                ExecutionPages.row($0, withRun: false, &$1)
            }
            PropertyTable(
                facts: [
                    ("id", String(id)), ("name", run.name), ("created", PageFrame.time(run.createTimeSinceEpoch)),
                    ("updated", PageFrame.time(run.lastUpdateTimeSinceEpoch)), ("external id", run.externalID),
                ], properties: run.properties, custom: run.customProperties
            ).write(to: &html)
        }
    }
}

extension MlMetadata_Context {
    private func text(_ names: String...) -> String {
        for name in names {
            if let value = customProperties[name] ?? properties[name], !value.text.isEmpty { return value.text }
        }
        return ""
    }

    /// The name that people gave it.
    var title: String {
        let shown = text(PropertyName.displayName, "run_name")
        return shown.isEmpty ? name : shown
    }

    var pipeline: String { text(PropertyName.pipelineName) }
    var workspaceName: String { text(PropertyName.workspace, PropertyName.namespace) }
    var outcome: Outcome { Outcome(state: text(PropertyName.state).lowercased()) { text($0) } }
}
