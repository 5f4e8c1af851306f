import FoundationEssentials
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// What serves now: which model, since when, from which run and data, what it replaced, and whether there is newer.
struct ServingPage: Page {
    let paths = ["/serving"]
    private static let most: Int32 = 50
    private static let models = 5

    /// A service that runs.
    struct Service: Sendable {
        var execution: MlMetadata_Execution
        var models: [Model] = []
        /// The same service before.
        var replaced: MlMetadata_Execution?
    }

    /// A model that is served.
    struct Model: Sendable {
        var artifact: MlMetadata_Artifact
        var writer: MlMetadata_Execution?
        var run: MlMetadata_Context?
        var sources: [MlMetadata_Artifact] = []
        /// The newest of the same name, where that is another.
        var newer: MlMetadata_Artifact?
        /// Of its sources, those of which there is a newer version.
        var changed: [(source: MlMetadata_Artifact, newer: MlMetadata_Artifact)] = []
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let visibility = request.visibility
        let (services, hasMore) = try await request.read { transaction in
            let (running, hasMore) = try Serving.running(transaction, upTo: Self.most, seenBy: visibility)
            let services = try running.map { try Self.service($0, transaction, visibility) }
            return (services, hasMore)
        }
        return Self.page(services, hasMore: hasMore)
    }

    private static func service(
        _ execution: MlMetadata_Execution, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> Service {
        var service = Service(execution: execution)
        let inputs = try transaction.artifacts(of: execution.id, .input, upTo: models, seenBy: visibility)
        service.models = try inputs.all.map { try model($0.node, transaction, visibility) }
        service.replaced = try transaction.executions(named: execution.title, upTo: 20, seenBy: visibility).first {
            $0.id < execution.id && $0.typeID == execution.typeID && !$0.outcome.isOpen
                && $0.text(PropertyName.namespace) == execution.text(PropertyName.namespace)
        }
        return service
    }

    private static func model(
        _ artifact: MlMetadata_Artifact, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> Model {
        var model = Model(artifact: artifact)
        model.newer = try newer(than: artifact, transaction, visibility)
        guard
            let writer = try transaction.executions(of: artifact.id, .output, upTo: 1, seenBy: visibility).all.first?
                .node
        else { return model }
        model.writer = writer
        model.run = try transaction.contexts(executions: [writer.id], upTo: 20, seenBy: visibility).executions[
            writer.id]?.run
        model.sources = try transaction.artifacts(of: writer.id, .input, upTo: models, seenBy: visibility).all.map(
            \.node)
        for source in model.sources {
            if let newer = try newer(than: source, transaction, visibility) { model.changed.append((source, newer)) }
        }
        return model
    }

    /// The newest artifact of the same name and type, where it was written later.
    private static func newer(
        than artifact: MlMetadata_Artifact, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> MlMetadata_Artifact? {
        // By when they were written, where both say so; else by which came later.
        func isOlder(_ a: MlMetadata_Artifact, _ b: MlMetadata_Artifact) -> Bool {
            if let first = a.written, let second = b.written, first != second { return first < second }
            return a.id < b.id
        }
        let same = try transaction.artifacts(named: artifact.title, upTo: 30, seenBy: visibility).filter {
            $0.typeID == artifact.typeID && $0.id != artifact.id && $0.workspaceName == artifact.workspaceName
        }
        return same.max(by: isOlder).flatMap { isOlder(artifact, $0) ? $0 : nil }
    }

    static func page(_ services: [Service], hasMore: Bool) -> PageAnswer {
        let table = CSVTable(
            columns: ["service", "namespace", "since", "model", "model_version", "model_id", "run", "newer_model_id"],
            rows: services.flatMap(rows))
        return PageAnswer(
            title: "Serving", section: .serving, json: .members([("items", .array(services.map(json)))]),
            csv: table
        ) { html in
            html.element("h1", "What serves now")
            if services.isEmpty {
                html.raw(
                    "<p class=\"empty\">Nothing serves. InferenceServices of KServe, Seldon's deployments, and Deployments whose pods name a model are here as soon as they run.</p>"
                )
            }
            for service in services { write(service, &html) }
            if hasMore { PageFrame.note("The newest \(most); the list of executions has all.", &html) }
        }
    }

    private static func rows(_ service: Service) -> [[String]] {
        let execution = service.execution
        let own = [execution.title, execution.text(PropertyName.namespace), execution.text(PropertyName.startTime)]
        if service.models.isEmpty { return [own + ["", "", "", "", ""]] }
        return service.models.map { model in
            let artifact = model.artifact
            let more: [String] = [
                artifact.title, artifact.version, String(artifact.id), model.run?.title ?? "",
                model.newer.map { String($0.id) } ?? "",
            ]
            return own + more
        }
    }

    private static func write(_ service: Service, _ html: inout HTML) {
        let execution = service.execution
        html.raw("<article class=\"card\"><h2>")
        html.link(execution.path, execution.title)
        html.raw("</h2><p class=\"facts\">")
        PageFrame.state(execution.stateName, &html)
        html.element("span", execution.text(PropertyName.namespace, PropertyName.workspace))
        html.element("span", execution.type)
        if let start = execution.outcome.start {
            html.raw("<span>since ")
            html.time(start, isRelative: true)
            html.raw("</span>")
        }
        html.raw("</p>")
        if service.models.isEmpty { PageFrame.note("Which model it serves was not seen.", &html) }
        for model in service.models { write(model, &html) }
        if let replaced = service.replaced {
            html.raw("<p class=\"soft\">It took the place of ")
            html.link(replaced.path, "an earlier revision")
            if let end = replaced.outcome.end {
                html.raw(", which ended ")
                html.time(end)
            }
            html.raw(".</p>")
        }
        html.raw("</article>")
    }

    private static func write(_ model: Model, _ html: inout HTML) {
        html.raw("<p>Serves ")
        html.link(model.artifact.path, model.artifact.title)
        if !model.artifact.version.isEmpty { html.text(" " + model.artifact.version, upTo: 200) }
        if let writer = model.writer {
            html.raw(", written by ")
            html.link(writer.path, writer.title)
        }
        if let run = model.run {
            html.raw(" in run ")
            html.link(run.path, run.title)
        }
        if !model.sources.isEmpty {
            html.raw(", from ")
            for (index, source) in model.sources.enumerated() {
                if index > 0 { html.raw(", ") }
                html.link(source.path, source.title)
                if !source.version.isEmpty { html.text(" " + source.version, upTo: 80) }
            }
        }
        html.raw(".</p>")
        if let newer = model.newer {
            html.raw("<p class=\"warning\">There is a newer ")
            html.link(newer.path, newer.titleAndVersion)
            html.raw(".</p>")
        }
        for (source, newer) in model.changed {
            html.raw("<p class=\"warning\">Its ")
            html.link(source.path, source.title)
            html.raw(" has changed since: ")
            html.link(newer.path, newer.version.isEmpty ? "a newer one" : newer.version)
            html.raw(".</p>")
        }
    }

    private static func json(_ service: Service) -> JSONValue {
        let models = service.models.map { model in
            JSONValue.members([
                ("id", .integer(model.artifact.id)), ("title", .string(model.artifact.title)),
                ("version", .string(model.artifact.version)),
                ("run", model.run.map { .integer($0.id) } ?? .null),
                ("newer", model.newer.map { .integer($0.id) } ?? .null),
                ("changed_sources", .array(model.changed.map { .integer($0.newer.id) })),
            ])
        }
        return .members([
            ("id", .integer(service.execution.id)), ("service", .string(service.execution.title)),
            ("namespace", .string(service.execution.text(PropertyName.namespace))),
            ("since", .string(service.execution.text(PropertyName.startTime))),
            ("replaced", service.replaced.map { .integer($0.id) } ?? .null), ("models", .array(models)),
        ])
    }
}
