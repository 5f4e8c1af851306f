import FoundationEssentials
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// An execution: what it read and wrote, its parameters, how it went, and how it went before.
struct ExecutionPage: Page {
    let paths = ["/executions/{id}"]
    private static let neighbours = 50
    private static let before = 50

    /// What is read for the page, in one snapshot.
    struct Model: Sendable {
        var execution: MlMetadata_Execution
        var contexts: [MlMetadata_Context]
        var inputs: Neighbours<MlMetadata_Artifact>
        var outputs: Neighbours<MlMetadata_Artifact>
        /// Others of its name and type, the newest first.
        var others: [MlMetadata_Execution]
        /// What lies around it.
        var lineage: LineageExploration?
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let id = try request.node("execution")
        // The picture is for people.
        let (visibility, isShown) = (request.visibility, request.format == .html)
        let model = try await request.read { transaction -> Model? in
            guard let execution = try transaction.getExecutionsByID(.with { $0.executionIds = [id] }).executions.first
            else { return nil }
            return Model(
                execution: execution,
                contexts: try transaction.contexts(executions: [id], upTo: 100, seenBy: visibility).executions[id]
                    ?? [],
                inputs: try transaction.artifacts(of: id, .input, upTo: Self.neighbours, seenBy: visibility),
                outputs: try transaction.artifacts(of: id, .output, upTo: Self.neighbours, seenBy: visibility),
                others: try transaction.executions(named: execution.title, upTo: Self.before, seenBy: visibility)
                    .filter { $0.id != id && $0.typeID == execution.typeID },
                lineage: isShown
                    ? try LineageExploration(
                        LineageView(start: LineageTable.Entry(kind: .execution, id: id)), transaction,
                        seenBy: visibility) : nil)
        }
        guard let model else { throw PageProblem.notFound("There is no execution \(id).") }
        return Self.page(model)
    }

    static func page(_ model: Model) -> PageAnswer {
        let execution = model.execution
        let run = model.contexts.run
        let evidence = EvidenceLines(of: execution)
        return PageAnswer(
            title: execution.title, section: .executions,
            crumbs: run.map { [("Runs", "/runs"), ($0.title, $0.path)] } ?? [("Executions", "/executions")],
            live: execution.outcome.isOpen ? execution.path + "/live" : nil, json: json(model)
        ) { html in
            PageFrame.heading(execution.title, execution.type, &html)
            execution.outcome.write(to: &html) { html in
                if let run {
                    html.raw("<span>in run ")
                    html.link(run.path, run.title)
                    html.raw("</span>")
                }
                for (name, label) in [("exit_code", "exit code"), ("attempt", "attempt"), ("reason", "reason")] {
                    let value = execution.text(name)
                    if !value.isEmpty { html.element("span", "\(label) \(value)", upTo: 200) }
                }
            }
            if execution.outcome.isOpen { html.raw("<p id=\"live-note\" class=\"soft\" hidden></p>") }
            compared(model, &html)
            PageFrame.links(
                [
                    ("Lineage", "/lineage?execution=\(execution.id)"),
                    (
                        "What it read",
                        PageFrame.list(
                            "/", where: "events_e.execution_id = \(execution.id) AND events_e.type \(PageFrame.reads)")
                    ),
                    (
                        "What it wrote",
                        PageFrame.list(
                            "/", where: "events_e.execution_id = \(execution.id) AND events_e.type \(PageFrame.writes)")
                    ),
                    ("What came of it", "/impact?execution=\(execution.id)"),
                    ("What it came of", "/provenance?execution=\(execution.id)"),
                ], &html)
            artifacts("Inputs", "inputs", "Nothing was seen to go into it.", model.inputs, &html)
            artifacts("Outputs", "outputs", "Nothing was seen to come out of it.", model.outputs, &html)
            model.lineage?.writePart(of: execution.title, to: &html)
            FactsTable.write("Parameters", execution, below: PropertyName.parameterPrefix, &html)
            FactsTable.write("Results", execution, below: PropertyName.resultPrefix, &html)
            whereItRan(execution, &html)
            earlier(model, &html)
            evidence.write(to: &html)
            PropertyTable(
                facts: [
                    ("id", .text(String(execution.id))), ("recorded", .time(execution.createTimeSinceEpoch)),
                    ("changed", .time(execution.lastUpdateTimeSinceEpoch)),
                    ("external id", .text(execution.externalID)),
                ], of: execution, without: EvidenceLines.properties,
                below: [PropertyName.parameterPrefix, PropertyName.resultPrefix]
            ).write(to: &html)
            html.raw("<p class=\"forms\">")
            html.link(execution.path + ".json", "JSON")
            html.raw("</p>")
        }
    }

    // MARK: Parts

    /// How long the same step took before.
    private static func compared(_ model: Model, _ html: inout HTML) {
        guard let seconds = model.execution.outcome.seconds else { return }
        let before = model.others.filter { $0.lastKnownState == .complete }.compactMap(\.outcome.seconds).sorted()
        guard before.count >= 3 else { return }
        let median = before[before.count / 2]
        var text = "The same step took \(PageFrame.duration(median)) in the middle of \(before.count) earlier runs"
        if median >= 1, seconds >= 1.5 * median {
            text += ": this one was \(Plot.format((seconds / median * 10).rounded() / 10)) times as long"
        } else if median >= 1, seconds <= median / 1.5 {
            text += ": this one was shorter"
        }
        html.raw("<p class=\"soft\">")
        html.text(text + ".")
        html.raw("</p>")
    }

    private static func artifacts(
        _ title: String, _ anchor: String, _ none: String, _ artifacts: Neighbours<MlMetadata_Artifact>,
        _ html: inout HTML
    ) {
        html.raw("<h2 id=\"")
        html.text(anchor)
        html.raw("\">")
        html.text(title)
        html.raw("</h2>")
        guard !artifacts.all.isEmpty else { return PageFrame.note(none, &html) }
        PageFrame.columns(["Artifact", "As", "Type", "Version", "URI"], &html)
        for (event, artifact) in artifacts.all {
            html.raw("<tr>")
            PageFrame.cell("Artifact", "name", &html) { $0.link(artifact.path, artifact.title) }
            PageFrame.cell("As", "", &html) { html in
                html.text(event.key, upTo: 200)
                if event.isInferred { html.raw(" <span class=\"soft\">inferred</span>") }
            }
            PageFrame.cell("Type", "", &html) { $0.text(artifact.type, upTo: 200) }
            PageFrame.cell("Version", "nowrap", &html) { $0.text(artifact.version, upTo: 200) }
            PageFrame.cell("URI", "uri", &html) { PageFrame.uri(artifact.uri, &$0) }
            html.raw("</tr>")
        }
        PageFrame.endTable(&html)
        if artifacts.count.value > artifacts.all.count || !artifacts.count.isExact {
            PageFrame.note("The last of \(PageFrame.count(artifacts.count)).", &html)
        }
    }

    /// The pod, and how to look at it.
    private static func whereItRan(_ execution: MlMetadata_Execution, _ html: inout HTML) {
        let pod = execution.text(PropertyName.podName, PropertyName.kfpPodName)
        guard KubernetesName.isName(pod) else { return }
        let namespace = execution.text(PropertyName.namespace)
        let place = KubernetesName.isName(namespace) ? " -n \(namespace)" : ""
        html.raw("<h2>Where it ran</h2><p>Pod <b>")
        html.text(pod)
        html.raw("</b>")
        if execution.outcome.isOpen { html.raw(", which is there") }
        html.raw(":</p>")
        for command in ["kubectl logs \(pod)\(place) --all-containers", "kubectl describe pod \(pod)\(place)"] {
            html.raw("<p class=\"command\"><code>")
            html.text(command)
            html.raw("</code>")
            html.copyButton(command)
            html.raw("</p>")
        }
    }

    private static func earlier(_ model: Model, _ html: inout HTML) {
        guard !model.others.isEmpty else { return }
        html.raw("<h2 id=\"others\">The same step in other runs</h2>")
        let form = CompareForm(kind: "executions", with: model.execution.id)
        form.begin(&html)
        PageFrame.columns(["", "Run", "State", "Started", "Took"], &html)
        for other in model.others.prefix(10) {
            html.raw("<tr>")
            form.cell(other.id, other.runTitle, &html)
            PageFrame.cell("Run", "name", &html) {
                $0.link(other.path, other.runTitle.isEmpty ? "execution \(other.id)" : other.runTitle)
            }
            PageFrame.cell("State", "nowrap", &html) { PageFrame.state(other.stateName, &$0) }
            PageFrame.cell("Started", "nowrap", &html) { html in
                if let start = other.outcome.start { html.time(start) }
            }
            PageFrame.cell("Took", "nowrap", &html) { $0.text(other.outcome.took) }
            html.raw("</tr>")
        }
        PageFrame.endTable(&html)
        form.end(&html)
    }

    private static func json(_ model: Model) -> JSONValue {
        model.execution.json.adding([
            ("inputs", model.inputs.json), ("outputs", model.outputs.json), ("contexts", model.contexts.references),
        ])
    }
}

/// Names that are safe to stand in a command: RFC 1123's, as Kubernetes has them.
enum KubernetesName {
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
            }
            && text.utf8.first != 0x2D
    }
}
