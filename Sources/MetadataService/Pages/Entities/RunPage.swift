import FoundationEssentials
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// A run: its steps as a graph, when each of them ran, what it read and wrote, its parameters.
struct RunPage: Page {
    let paths = ["/runs/{id}"]
    /// Of steps in the pictures; the list below has them all.
    static let drawn = 200
    private static let events = 5_000

    /// What is read for the page, in one snapshot.
    struct Model: Sendable {
        var run: MlMetadata_Context
        /// The first steps, in the order of their ids.
        var steps: [MlMetadata_Execution] = []
        var hasMoreSteps = false
        var events: [MlMetadata_Event] = []
        var artifacts: [Int64: MlMetadata_Artifact] = [:]
        /// The contexts that it is within: its workspace, its pipeline.
        var parents: [MlMetadata_Context] = []
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let id = try request.node("run")
        let model = try await Self.read(id, request)
        let view = ExecutionList.view(of: id, path: "/runs/\(id)")
        let found = await view.find(request)
        var answer = Self.page(
            model, isListed: found.list.isFiltered || found.list.token != nil, steps: view.json(found)
        ) { html in
            html.raw("<h2 id=\"steps\">Steps</h2>")
            view.write(found, isPart: true, &html)
        }
        answer.status = found.status
        answer.next = found.next
        return answer
    }

    static func read(_ id: Int64, _ request: PageRequest) async throws -> Model {
        let visibility = request.visibility
        let model = try await request.read { transaction -> Model? in
            guard let run = try transaction.getContextsByID(.with { $0.contextIds = [id] }).contexts.first,
                RunList.types.contains(run.type)
            else { return nil }
            var model = Model(run: run)
            let slice = try transaction.executionSlice(
                .with {
                    $0.maxResultSize = Int32(drawn)
                    $0.orderByField.field = .id
                    $0.orderByField.isAsc = true
                }, inContext: id, seenBy: visibility)
            (model.steps, model.hasMoreSteps) = (slice.nodes, slice.next != nil)
            model.events = try transaction.events(ofExecutions: model.steps.map(\.id), upTo: events)
            // The lowest numbers: a set has another order in each process.
            let ids = Set(model.events.map(\.artifactID)).sorted().prefix(1_000)
            model.artifacts = try transaction.nodes(
                of: ids.map { LineageTable.Entry(kind: .artifact, id: $0, depth: 0) }, seenBy: visibility
            ).artifacts
            model.parents = try transaction.parents(of: id, seenBy: visibility)
            return model
        }
        guard let model else { throw PageProblem.notFound("There is no run \(id).") }
        return model
    }

    /// - Parameters:
    ///   - isListed: whether the reader is within the list of steps, which comes first then.
    ///   - steps: the list as JSON.
    static func page(
        _ model: Model, isListed: Bool, steps: @autoclosure @escaping () -> JSONValue,
        list: @escaping (inout HTML) -> Void
    ) -> PageAnswer {
        let run = model.run
        let isOpen =
            run.outcome.isOpen
            || (run.outcome.state.isEmpty && model.steps.contains { $0.outcome.isOpen && !$0.isServing })
        return PageAnswer(
            title: run.title, section: .runs, crumbs: [("Runs", "/runs")] + workspace(model),
            live: isOpen ? run.path + "/live" : nil,
            json: run.json.adding([
                ("state", .string(run.outcome.state)), ("parents", model.parents.references), ("steps", steps()),
            ])
        ) { html in
            PageFrame.heading(run.title, run.pipeline.isEmpty ? run.type : "\(run.type) · \(run.pipeline)", &html)
            run.outcome.write(to: &html)
            failures(model, &html)
            if isOpen { html.raw("<p id=\"live-note\" class=\"soft\" hidden></p>") }
            PageFrame.links(
                [
                    ("Artifacts of this run", FormQuery(nil).address("/", changing: [("run", String(run.id))])),
                    ("Compare with another run", "/runs"),
                ] + (run.pipelineMetrics.map { [("Numbers of its pipeline over time", $0)] } ?? []), &html)
            if isListed { list(&html) }
            if !model.steps.isEmpty {
                html.raw("<h2 id=\"graph\">How the steps hang together</h2>")
                picture(model, &html)
                html.raw("<h2 id=\"times\">When they ran</h2>")
                Gantt(model.steps).write(to: &html)
                if model.hasMoreSteps { PageFrame.note("The first \(drawn) steps; the list has all.", &html) }
            }
            if !isListed { list(&html) }
            boundary(model, &html)
            FactsTable.write("Parameters", run, below: PropertyName.parameterPrefix, &html)
            FactsTable.write("Results", run, below: PropertyName.resultPrefix, &html)
            let evidence = EvidenceLines(of: run)
            evidence.write(to: &html)
            PropertyTable(
                facts: [
                    ("id", .text(String(run.id))), ("name", .text(run.name)),
                    ("recorded", .time(run.createTimeSinceEpoch)),
                    ("changed", .time(run.lastUpdateTimeSinceEpoch)), ("external id", .text(run.externalID)),
                ], of: run, without: EvidenceLines.properties,
                below: [PropertyName.parameterPrefix, PropertyName.resultPrefix]
            ).write(to: &html)
            html.raw("<p class=\"forms\">")
            html.link(run.path + ".json", "JSON")
            html.raw("</p>")
        }
    }

    private static func workspace(_ model: Model) -> [(title: String, path: String)] {
        model.parents.filter { $0.type == TypeName.workspace }.prefix(1).map {
            ($0.name, FormQuery(nil).address("/runs", changing: [("workspace", $0.name)]))
        }
    }

    /// Which steps failed, and what they said: where the run itself says nothing of it.
    private static func failures(_ model: Model, _ html: inout HTML) {
        let failed = model.steps.filter { $0.lastKnownState == .failed }
        guard !failed.isEmpty else { return }
        html.raw("<div class=\"problem\"><p>")
        html.text(failed.count == 1 ? "One step failed:" : "\(failed.count) steps failed:")
        html.raw("</p><ul>")
        for step in failed.prefix(10) {
            html.raw("<li>")
            html.link(step.path, step.title)
            if !step.outcome.message.isEmpty { html.text(": " + step.outcome.message, upTo: 500) }
            html.raw("</li>")
        }
        html.raw("</ul></div>")
    }

    /// The steps, with an arrow where one read what another wrote.
    private static func picture(_ model: Model, _ html: inout HTML) {
        var graph = GraphModel()
        for step in model.steps { graph.add(.step(step, detail: step.outcome.took)) }
        let writers = Dictionary(
            grouping: model.events.filter { !$0.isInput && !$0.isInferred }, by: \.artifactID
        ).mapValues { $0.map(\.executionID) }
        for event in model.events where event.isInput {
            for writer in writers[event.artifactID] ?? [] where writer != event.executionID {
                graph.connect(
                    .execution(writer), .execution(event.executionID),
                    title: model.artifacts[event.artifactID]?.title ?? "")
            }
        }
        graph.write(label: "Steps of the run, and what they passed on", to: &html)
        if graph.edges.isEmpty {
            PageFrame.note("No step was seen to read what another wrote.", &html)
        }
    }

    /// What came into the run from outside, and what came of it.
    private static func boundary(_ model: Model, _ html: inout HTML) {
        let written = Set(model.events.filter { !$0.isInput }.map(\.artifactID))
        let read = Set(model.events.filter(\.isInput).map(\.artifactID))
        for (title, anchor, ids) in [
            ("Read from outside", "inputs", read.subtracting(written)), ("Written", "outputs", written),
        ] where !ids.isEmpty {
            html.raw("<h2 id=\"")
            html.text(anchor)
            html.raw("\">")
            html.text(title)
            html.raw("</h2>")
            PageFrame.columns(["Artifact", "Type", "Version", "Numbers", "URI"], &html)
            let artifacts = ids.compactMap { model.artifacts[$0] }.sorted { $0.id < $1.id }
            for artifact in artifacts.prefix(100) {
                html.raw("<tr>")
                PageFrame.cell("Artifact", "name", &html) { $0.link(artifact.path, artifact.title) }
                PageFrame.cell("Type", "", &html) { $0.text(artifact.type, upTo: 200) }
                PageFrame.cell("Version", "nowrap", &html) { $0.text(artifact.version, upTo: 200) }
                PageFrame.cell("Numbers", "", &html) { html in
                    html.text(
                        artifact.numbers.prefix(3).map { "\($0.name) \(Plot.format($0.value))" }.joined(
                            separator: ", "), upTo: 200)
                }
                PageFrame.cell("URI", "uri", &html) { PageFrame.uri(artifact.uri, &$0) }
                html.raw("</tr>")
            }
            PageFrame.endTable(&html)
            if artifacts.count > 100 { PageFrame.note("The first 100 of \(artifacts.count).", &html) }
        }
    }
}
