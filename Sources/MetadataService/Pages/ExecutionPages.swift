import FoundationEssentials
import Hummingbird
import Lineage
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
        let found = await ListAnswer.read(list, in: store) { transaction, options in
            let response = try transaction.getExecutions(.with { $0.options = options })
            return (response.executions, response.nextPageToken)
        }
        let types = try await store.read { try $0.getExecutionTypes(.init()).executionTypes.map(\.name) }
        return PageFrame.page("Executions", .executions, status: found.status) { html in
            html.raw("<h1>Executions</h1>")
            list.bar(
                types: types.uniqueSorted, example: "custom_properties.exit_code.int_value = 137", &html)
            found.write(
                list, empty: "Nothing has run yet.", columns: Self.columns + ["Run"], &html
            ) { execution, html in Self.row(execution, withRun: true, &html) }
        }
    }

    static let columns: [StaticString] = ["Name", "State", "Type", "Started", "Took", "Message"]

    static func row(_ execution: MlMetadata_Execution, withRun: Bool, _ html: inout HTML) {
        html.raw("<tr>")
        PageFrame.cell("Name", "", &html) { PageFrame.link("/executions/", execution.id, execution.title, &$0) }
        PageFrame.cell("State", "nowrap", &html) { PageFrame.state(execution.stateName, &$0) }
        PageFrame.cell("Type", "", &html) { $0.text(execution.type, upTo: PageFrame.shownText) }
        PageFrame.cell("Started", "nowrap", &html) { $0.text(execution.start.map(PageFrame.time) ?? "") }
        PageFrame.cell("Took", "nowrap", &html) { $0.text(execution.took) }
        PageFrame.cell("Message", "uri", &html) { $0.text(execution.message, upTo: 200) }
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
            html.raw("<p class=\"facts\">")
            PageFrame.state(execution.stateName, &html)
            if let start = execution.start { html.text(", started \(PageFrame.time(start))") }
            if !execution.took.isEmpty { html.text(", took \(execution.took)") }
            for context in contexts.prefix(20) where RunPages.types.contains(context.type) {
                html.raw(", in run ")
                PageFrame.link("/runs/", context.id, context.title, &html)
            }
            html.raw("</p>")
            if !execution.message.isEmpty {
                html.raw("<p class=\"problem\">")
                html.text(execution.message, upTo: PageFrame.shownValue)
                html.raw("</p>")
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
    private func text(_ name: String) -> String { (customProperties[name] ?? properties[name])?.text ?? "" }

    /// What it said when it failed.
    var message: String { text(PropertyName.message) }
    var start: Date? { Timestamp.parse(text(PropertyName.startTime)) }
    /// How long it took; empty where its end is not known.
    var took: String { RunTimes(start: start, end: Timestamp.parse(text(PropertyName.endTime))).took }
}

/// When something ran.
struct RunTimes {
    var start: Date?
    var end: Date?

    var took: String {
        guard let start, let end else { return "" }
        return PageFrame.duration(end.timeIntervalSince(start))
    }
}
