import FoundationEssentials
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// An artifact: where it came from, who read it, what serves it, its versions, and what was measured of it.
struct ArtifactPage: Page {
    let paths = ["/artifacts/{id}"]
    private static let neighbours = 30
    private static let versions = 50

    /// What is read for the page, in one snapshot.
    struct Model: Sendable {
        var artifact: MlMetadata_Artifact
        var contexts: [MlMetadata_Context] = []
        var writers: Neighbours<MlMetadata_Execution>
        var readers: Neighbours<MlMetadata_Execution>
        /// What the newest writer read.
        var sources: [MlMetadata_Artifact] = []
        /// The runs of writers and readers.
        var runs: [Int64: [MlMetadata_Context]] = [:]
        /// All of the same name, the newest first.
        var versions: [MlMetadata_Artifact] = []
        /// What readers wrote that has numbers on it.
        var metrics: [MlMetadata_Artifact] = []
        /// What lies around it.
        var lineage: LineageExploration?
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let id = try request.node("artifact")
        // The picture is for people.
        let (visibility, isShown) = (request.visibility, request.format == .html)
        let model = try await request.read { transaction -> Model? in
            guard let artifact = try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts.first
            else { return nil }
            var model = Model(
                artifact: artifact,
                writers: try transaction.executions(of: id, .output, upTo: Self.neighbours, seenBy: visibility),
                readers: try transaction.executions(of: id, .input, upTo: Self.neighbours, seenBy: visibility))
            if let writer = model.writers.all.first?.node {
                model.sources = try transaction.artifacts(
                    of: writer.id, .input, upTo: Self.neighbours, seenBy: visibility
                )
                .all.map(\.node)
            }
            let executions = (model.writers.all + model.readers.all).map(\.node.id)
            let contexts = try transaction.contexts(
                ofArtifacts: [id], executions: executions, upTo: 500, seenBy: visibility)
            model.contexts = contexts.artifacts[id] ?? []
            model.runs = contexts.executions
            model.versions = try transaction.artifacts(named: artifact.title, upTo: Self.versions, seenBy: visibility)
            for reader in model.readers.all.prefix(10) {
                let outputs = try transaction.artifacts(of: reader.node.id, .output, upTo: 10, seenBy: visibility)
                model.metrics += outputs.all.map(\.node).filter { $0.id != id && !$0.numbers.isEmpty }
            }
            if isShown {
                let view = LineageView(start: LineageTable.Entry(kind: .artifact, id: id))
                model.lineage = try LineageExploration(view, transaction, seenBy: visibility)
            }
            return model
        }
        guard let model else { throw PageProblem.notFound("There is no artifact \(id).") }
        return Self.page(model)
    }

    static func page(_ model: Model) -> PageAnswer {
        let artifact = model.artifact
        var crumbs = [("Artifacts", "/")]
        if let run = model.contexts.run { crumbs.append((run.title, run.path)) }
        return PageAnswer(title: artifact.title, section: .artifacts, crumbs: crumbs, json: json(model)) { html in
            PageFrame.heading(
                artifact.title, [artifact.type, artifact.version].filter { !$0.isEmpty }.joined(separator: " · "), &html
            )
            if !artifact.uri.isEmpty {
                html.raw("<p class=\"location\">")
                PageFrame.uri(artifact.uri, &html)
                html.copyButton(artifact.uri)
                html.raw("</p>")
            }
            origin(model, &html)
            PageFrame.links(links(model), &html)
            model.lineage?.writePart(of: artifact.title, to: &html)
            serving(model, &html)
            readers(model, &html)
            measured(model, &html)
            versions(model, &html)
            PropertyTable(
                facts: [
                    ("id", .text(String(artifact.id))), ("state", .text(artifact.stateName)),
                    ("digest", .text(artifact.text(PropertyName.digest))),
                    ("recorded", .time(artifact.createTimeSinceEpoch)),
                    ("changed", .time(artifact.lastUpdateTimeSinceEpoch)), ("external id", .text(artifact.externalID)),
                ], of: artifact, without: [PropertyName.digest]
            ).write(to: &html)
            html.raw("<p class=\"forms\">")
            html.link(artifact.path + ".json", "JSON")
            html.raw("</p>")
        }
    }

    private static func links(_ model: Model) -> [(text: String, address: String)] {
        let artifact = model.artifact
        let id = artifact.id
        var links = [
            ("Lineage", "/lineage?artifact=\(id)"), ("What it came of", "/provenance?artifact=\(id)"),
            ("What came of it", "/impact?artifact=\(id)"),
            (
                "Steps that read it",
                PageFrame.list(
                    "/executions", where: "events_e.artifact_id = \(id) AND events_e.type \(PageFrame.reads)")
            ),
            (
                "Steps that wrote it",
                PageFrame.list(
                    "/executions", where: "events_e.artifact_id = \(id) AND events_e.type \(PageFrame.writes)")
            ),
            ("Runs that it is of", PageFrame.list("/runs", where: "artifacts_a.id = \(id)")),
        ]
        if !artifact.uri.isEmpty {
            links.append(("All at this location", PageFrame.list("/", where: "uri = \(NodeList.quoted(artifact.uri))")))
        }
        if !artifact.numbers.isEmpty {
            links.append(
                ("Its numbers over time", FormQuery(nil).address("/numbers", changing: [("name", artifact.title)])))
        }
        return links
    }

    // MARK: Parts

    /// Where it came from, in one sentence.
    private static func origin(_ model: Model, _ html: inout HTML) {
        html.raw("<p class=\"origin\">")
        guard let writer = model.writers.all.first else {
            html.text("Nobody was seen to write it.")
            // Of more readers only the newest are known here.
            if let read = model.readers.all.last, model.readers.all.count == model.readers.count.value {
                html.text(" Read first by ")
                html.link(read.node.path, read.node.title)
                html.text(".")
            }
            html.raw("</p>")
            return
        }
        html.raw("Written by ")
        html.link(writer.node.path, writer.node.title)
        if let run = run(of: writer.node, model) {
            html.raw(" in run ")
            html.link(run.path, run.title)
        }
        if let time = model.artifact.written ?? writer.node.outcome.end ?? writer.node.outcome.start {
            html.raw(", ")
            html.time(time, isRelative: true)
        } else if writer.event.millisecondsSinceEpoch != 0 {
            html.raw(", ")
            html.time(writer.event.millisecondsSinceEpoch, isRelative: true)
        }
        if !model.sources.isEmpty {
            html.raw(", from ")
            for (index, source) in model.sources.prefix(5).enumerated() {
                if index > 0 { html.raw(", ") }
                html.link(source.path, source.title)
                if !source.version.isEmpty { html.text(" " + source.version, upTo: 80) }
            }
            if model.sources.count > 5 { html.text(" and \(model.sources.count - 5) more") }
        }
        html.raw(".")
        if writer.event.isInferred { html.raw(" That is inferred: it contains what the step wrote.") }
        if model.writers.count.value > 1 {
            html.text(" \(PageFrame.count(model.writers.count)) steps wrote it in all.")
        }
        html.raw("</p>")
    }

    private static func run(of execution: MlMetadata_Execution, _ model: Model) -> MlMetadata_Context? {
        model.runs[execution.id]?.run
    }

    private static func serving(_ model: Model, _ html: inout HTML) {
        let services = model.readers.all.map(\.node).filter(\.isServing)
            .sorted { ($0.lastKnownState == .running ? 0 : 1, $1.id) < ($1.lastKnownState == .running ? 0 : 1, $0.id) }
        guard !services.isEmpty else { return }
        html.raw("<h2 id=\"served\">Served by</h2>")
        rows(services.map { ($0, nil) }, model, &html)
    }

    private static func readers(_ model: Model, _ html: inout HTML) {
        let readers = model.readers.all.filter { !$0.node.isServing }
        html.raw("<h2 id=\"readers\">Read by</h2>")
        guard !readers.isEmpty else { return PageFrame.note("Nobody was seen to read it.", &html) }
        rows(readers.map { ($0.node, $0.event) }, model, &html)
        if model.readers.count.value > model.readers.all.count || !model.readers.count.isExact {
            PageFrame.note("The newest of \(PageFrame.count(model.readers.count)).", &html)
        }
    }

    private static func rows(
        _ executions: [(MlMetadata_Execution, MlMetadata_Event?)], _ model: Model, _ html: inout HTML
    ) {
        PageFrame.columns(["Step", "State", "Started", "As", "Run"], &html)
        for (execution, event) in executions {
            html.raw("<tr>")
            PageFrame.cell("Step", "name", &html) { $0.link(execution.path, execution.title) }
            PageFrame.cell("State", "nowrap", &html) { PageFrame.state(execution.stateName, &$0) }
            PageFrame.cell("Started", "nowrap", &html) { html in
                if let start = execution.outcome.start { html.time(start) }
            }
            PageFrame.cell("As", "", &html) { $0.text(event?.key ?? "", upTo: 200) }
            PageFrame.cell("Run", "", &html) { html in
                if let run = run(of: execution, model) { html.link(run.path, run.title) }
            }
            html.raw("</tr>")
        }
        PageFrame.endTable(&html)
    }

    private static func measured(_ model: Model, _ html: inout HTML) {
        let own = model.artifact.numbers
        guard !own.isEmpty || !model.metrics.isEmpty else { return }
        html.raw("<h2 id=\"metrics\">Measured</h2>")
        PageFrame.columns(["Metric", "Value", "By"], &html)
        for (artifact, numbers) in [(model.artifact, own)] + model.metrics.map({ ($0, $0.numbers) }) {
            for number in numbers.prefix(50) {
                html.raw("<tr>")
                PageFrame.cell("Metric", "", &html) { $0.text(number.name, upTo: 200) }
                PageFrame.cell("Value", "number", &html) { $0.text(Plot.format(number.value)) }
                PageFrame.cell("By", "", &html) { $0.link(artifact.path, artifact.title) }
                html.raw("</tr>")
            }
        }
        PageFrame.endTable(&html)
    }

    private static func versions(_ model: Model, _ html: inout HTML) {
        guard model.versions.count > 1 else { return }
        html.raw("<h2 id=\"versions\">All of this name</h2>")
        let form = CompareForm(kind: "artifacts")
        form.begin(&html)
        PageFrame.columns(["", "Version", "Recorded", "Run", "Numbers"], &html)
        for version in model.versions {
            html.raw(version.id == model.artifact.id ? "<tr class=\"current\">" : "<tr>")
            form.cell(version.id, String(version.id), &html)
            PageFrame.cell("Version", "name", &html) { html in
                html.link(version.path, version.version.isEmpty ? "number \(version.id)" : version.version)
                if version.id == model.artifact.id { html.raw(" <span class=\"soft\">this one</span>") }
            }
            PageFrame.cell("Recorded", "nowrap", &html) { $0.time(version.createTimeSinceEpoch) }
            PageFrame.cell("Run", "", &html) { $0.text(RunName.short(version.runName), upTo: 200) }
            PageFrame.cell("Numbers", "", &html) { html in
                html.text(
                    version.numbers.prefix(3).map { "\($0.name) \(Plot.format($0.value))" }.joined(separator: ", "),
                    upTo: 200)
            }
            html.raw("</tr>")
        }
        PageFrame.endTable(&html)
        form.end(&html)
    }

    private static func json(_ model: Model) -> JSONValue {
        model.artifact.json.adding([
            ("written_by", model.writers.json), ("read_by", model.readers.json),
            ("readers", .integer(Int64(model.readers.count.value))), ("contexts", model.contexts.references),
            ("same_name", .array(model.versions.map { .integer($0.id) })),
        ])
    }
}

extension MlMetadata_Event {
    /// The name of the input or output; of a path of several steps, all of them.
    var key: String { path.steps.map { $0.key.isEmpty ? String($0.index) : $0.key }.joined(separator: ".") }
}

extension MlMetadata_Execution {
    /// Whether it is a model server, which ends only when it is stopped.
    var isServing: Bool { text(PropertyName.serving) == "1" || Serving.types.contains { type.hasPrefix($0) } }
}
