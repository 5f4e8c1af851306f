import Hummingbird
import MetadataAPI
import MetadataStore

/// The executions, and one of them.
struct ExecutionPages: Sendable {
    let store: MetadataStore
    static let states = ["NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED", "UNKNOWN"]

    func add(to router: Router<BasicRequestContext>) {
        router.get("/executions") { request, _ in try await list(FormQuery(request.uri.query)) }
        router.get("/executions/{id}") { _, context in
            try await execution(id: context.parameters.get("id").flatMap { Int64($0) })
        }
    }

    private func list(_ query: FormQuery) async throws -> Response {
        let list = NodeList(path: "/executions", query: query, states: Self.states, stateColumn: "last_known_state")
        let found = await ListAnswer.read(list, of: .execution, in: store) { transaction, options in
            let response = try transaction.getExecutions(.with { $0.options = options })
            return (response.executions, response.nextPageToken)
        }
        return PageFrame.page("Executions", .executions, status: found.status) { html in
            html.raw("<h1>Executions</h1>")
            list.bar(types: found.types, example: "custom_properties.exit_code.int_value = 137", &html)
            found.write(
                list, empty: "Nothing has run yet.", columns: Self.columns + ["Run"], &html
            ) { execution, html in Self.row(execution, withRun: true, &html) }
        }
    }

    static let columns: [StaticString] = ["Name", "State", "Type", "Started", "Took", "Message"]

    static func row(_ execution: MlMetadata_Execution, withRun: Bool, _ html: inout HTML) {
        let outcome = execution.outcome
        html.raw("<tr>")
        PageFrame.cell("Name", "", &html) { PageFrame.link("/executions/", execution.id, execution.title, &$0) }
        PageFrame.cell("State", "nowrap", &html) { PageFrame.state(outcome.state, &$0) }
        PageFrame.cell("Type", "", &html) { $0.text(execution.type, upTo: PageFrame.shownText) }
        PageFrame.cell("Started", "nowrap", &html) { $0.text(outcome.started) }
        PageFrame.cell("Took", "nowrap", &html) { $0.text(outcome.took) }
        PageFrame.cell("Message", "uri", &html) { $0.text(outcome.message, upTo: 200) }
        if withRun { PageFrame.cell("Run", "", &html) { $0.text(execution.runTitle, upTo: PageFrame.shownText) } }
        html.raw("</tr>")
    }

    private func execution(id: Int64?) async throws -> Response {
        guard let id else { return PageFrame.notFound("An execution's number is missing.") }
        let found = try await store.read { transaction -> (MlMetadata_Execution, [MlMetadata_Context])? in
            guard let execution = try transaction.getExecutionsByID(.with { $0.executionIds = [id] }).executions.first
            else { return nil }
            do {
                return (execution, try transaction.getContextsByExecution(.with { $0.executionID = id }).contexts)
            } catch let error as StatusError where error.code == .notFound {
                return (execution, [])
            }
        }
        guard let (execution, contexts) = found else { return PageFrame.notFound("There is no execution \(id).") }
        let lineage = try await Neighbourhood(of: .execution(id), in: store)
        return PageFrame.page(execution.title, .executions) { html in
            PageFrame.heading(execution.title, execution.type, &html)
            execution.outcome.write(to: &html) { html in
                for context in contexts.prefix(20) where RunPages.types.contains(context.type) {
                    html.raw(", in run ")
                    PageFrame.link("/runs/", context.id, context.title, &html)
                }
            }
            PageFrame.links(
                [
                    ("What it read", "/", "events_e.execution_id = \(id) AND events_e.type \(PageFrame.reads)"),
                    ("What it wrote", "/", "events_e.execution_id = \(id) AND events_e.type \(PageFrame.writes)"),
                ], &html)
            lineage.write(LineageSVG(lineage.graph, artifact: nil, execution: id), to: &html)
            PropertyTable(
                facts: [
                    ("id", String(id)), ("created", PageFrame.time(execution.createTimeSinceEpoch)),
                    ("updated", PageFrame.time(execution.lastUpdateTimeSinceEpoch)),
                    ("external id", execution.externalID),
                ], properties: execution.properties, custom: execution.customProperties
            ).write(to: &html)
        }
    }
}

extension MlMetadata_Execution {
    var outcome: Outcome {
        Outcome(state: stateName) { (customProperties[$0] ?? properties[$0])?.text ?? "" }
    }
}
