import FoundationEssentials
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// The numbers of all artifacts of one name, or of all runs of one pipeline, over time: as plots, and as a table that
/// also has the parameters of the runs.
struct MetricsPage: Page {
    let paths = ["/numbers"]
    private static let most = 200
    private static let mostMetrics = 12
    private static let mostParameters = 12
    /// Of a pipeline's run.
    private static let mostInRun = 100
    private static let mostOfPipeline = 2_000
    /// How long a run took, among the numbers of a pipeline.
    private static let seconds = "seconds"

    /// Of what the numbers are.
    enum Subject: Sendable, Equatable {
        case artifacts(named: String)
        case pipeline(String)

        var name: String {
            switch self {
            case .artifacts(let name), .pipeline(let name): name
            }
        }

        /// What is compared: as whom, and the head of its column.
        var compared: (kind: String, title: String) {
            switch self {
            case .artifacts: ("artifacts", "Artifact")
            case .pipeline: ("runs", "Run")
            }
        }
    }

    /// What was measured once.
    struct Measurement: Sendable {
        /// The node that has the numbers: an artifact or a run.
        var id: Int64
        var path: String
        /// What is told apart by: the version of an artifact, the name of a run.
        var label: String
        var title: String
        var time: Date?
        /// That of an artifact, and its name where there is no such node.
        private(set) var run: MlMetadata_Context?
        private(set) var runName = ""
        /// Of the step that wrote it and of its run; found once.
        private(set) var parameters: [String: MlMetadata_Value] = [:]
        private(set) var numbers: [(name: String, value: Double)] = []
        private static let most = 200

        init(artifact: MlMetadata_Artifact, writer: MlMetadata_Execution?, run: MlMetadata_Context?) {
            (id, path, title) = (artifact.id, artifact.path, run?.title ?? artifact.title)
            label = artifact.version.isEmpty ? "number \(artifact.id)" : artifact.version
            time = artifact.written ?? writer?.outcome.end ?? writer?.outcome.start
            (self.run, runName) = (run, run?.title ?? RunName.short(artifact.runName))
            numbers = Array(artifact.numbers.prefix(Self.most))
            add(run?.values(below: PropertyName.parameterPrefix) ?? [])
            add(writer?.values(below: PropertyName.parameterPrefix) ?? [])
        }

        /// - Parameter artifacts: what the run wrote, the newest first.
        init(run: MlMetadata_Context, artifacts: [MlMetadata_Artifact]) {
            (id, path, label, title) = (run.id, run.path, run.title, run.title)
            time = run.outcome.end ?? run.outcome.start
            // Of several artifacts of one name the newest counts.
            var known: Set<String> = []
            for artifact in artifacts {
                for number in artifact.numbers where numbers.count < Self.most {
                    let name = "\(artifact.title) \(number.name)"
                    if known.insert(name).inserted { numbers.append((name, number.value)) }
                }
            }
            if let seconds = run.outcome.seconds { numbers.append((MetricsPage.seconds, seconds)) }
            add(run.values(below: PropertyName.parameterPrefix))
        }

        private mutating func add(_ values: [(name: String, value: MlMetadata_Value)]) {
            for (name, value) in values.prefix(Self.most) { parameters[name] = value }
        }
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let visibility = request.visibility
        if let name = request.query["pipeline"] {
            let found = try await request.read { try Self.runs(of: name, $0, visibility) }
            guard !found.isEmpty else { throw PageProblem.notFound("No run of a pipeline \(name) has a number.") }
            return Self.page(.pipeline(name), found, request.query)
        }
        guard let name = request.query["name"] else {
            throw PageProblem.misread(
                "Of what? The address should end in ?name=NAME, the name of artifacts with numbers on them, or in ?pipeline=NAME."
            )
        }
        let found = try await request.read { try Self.artifacts(named: name, $0, visibility) }
        guard !found.isEmpty else { throw PageProblem.notFound("No artifact named \(name) has a number on it.") }
        return Self.page(.artifacts(named: name), found, request.query)
    }

    private static func artifacts(
        named name: String, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> [Measurement] {
        let artifacts = try transaction.artifacts(named: name, upTo: most, seenBy: visibility)
            .filter { !$0.numbers.isEmpty }
        let writers = try artifacts.map { artifact in
            try transaction.executions(of: artifact.id, .output, upTo: 1, seenBy: visibility).all.first?.node
        }
        let contexts = try transaction.contexts(
            executions: writers.compactMap { $0?.id }, upTo: 5_000, seenBy: visibility
        ).executions
        return zip(artifacts, writers).map { artifact, writer in
            Measurement(artifact: artifact, writer: writer, run: writer.flatMap { contexts[$0.id]?.run })
        }
    }

    private static func runs(
        of pipeline: String, _ transaction: Transaction, _ visibility: Visibility
    ) throws -> [Measurement] {
        let runs = try transaction.contexts(
            ofPipeline: pipeline, properties: MlMetadata_Context.pipelineProperties, upTo: most, seenBy: visibility
        ).filter { RunList.types.contains($0.type) && $0.pipeline == pipeline }
        let artifacts = try transaction.measuredArtifacts(
            inContexts: runs.map(\.id), each: mostInRun, upTo: mostOfPipeline, seenBy: visibility)
        return runs.map { Measurement(run: $0, artifacts: artifacts[$0.id] ?? []) }.filter { !$0.numbers.isEmpty }
    }

    static func page(_ subject: Subject, _ found: [Measurement], _ query: FormQuery) -> PageAnswer {
        // By time; what has none, by its number, first.
        let all = found.sorted { ($0.time ?? .distantPast, $0.id) < ($1.time ?? .distantPast, $1.id) }
        let names = Set(all.flatMap { $0.numbers.map(\.name) })
        // How long it took belongs to every run, and comes last.
        let metrics =
            names.subtracting([seconds]).sorted().prefix(mostMetrics) + (names.contains(seconds) ? [seconds] : [])
        let varying = Set(all.flatMap { $0.parameters.keys }).filter { key in
            Set(all.map { $0.parameters[key]?.text ?? "" }).count > 1
        }
        let parameters = Array(varying.sorted().prefix(mostParameters))
        let sorted = sort(all, query)
        let table = Table(subject: subject, metrics: Array(metrics), parameters: parameters)
        let isPipeline = subject.compared.kind == "runs"
        return PageAnswer(
            title: "\(subject.name) over time", section: isPipeline ? .runs : .artifacts,
            crumbs: [isPipeline ? ("Runs", "/runs") : ("Artifacts", "/")],
            json: .members([
                (isPipeline ? "pipeline" : "name", .string(subject.name)), ("items", .array(sorted.map(json))),
            ]),
            csv: CSVTable(columns: table.columns, rows: sorted.map(table.texts))
        ) { html in
            html.element("h1", "\(subject.name) over time")
            for metric in metrics { plot(metric, all, query, &html) }
            html.element("h2", "All values")
            table.write(sorted, query, &html)
        }
    }

    private static func json(_ measurement: Measurement) -> JSONValue {
        .members([
            ("id", .integer(measurement.id)), ("href", .string(measurement.path)),
            ("run", measurement.runName.isEmpty ? .null : .string(measurement.runName)),
            ("time", measurement.time.map { .string(Timestamp.format($0)) } ?? .null),
            ("metrics", .members(measurement.numbers.map { ($0.name, .number($0.value)) })),
            ("parameters", .members(measurement.parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })),
        ])
    }

    private static func plot(_ metric: String, _ all: [Measurement], _ query: FormQuery, _ html: inout HTML) {
        let points = all.compactMap { measurement in
            measurement.numbers.first { $0.name == metric }.map { number in
                Plot.Point(
                    value: number.value, title: measurement.title, href: measurement.path)
            }
        }
        guard let last = points.last, let greatest = points.max(by: { $0.value < $1.value }),
            let least = points.min(by: { $0.value < $1.value })
        else { return }
        html.element("h2", metric)
        html.raw("<p class=\"facts\">")
        for (label, point) in [("last", last), ("greatest", greatest), ("least", least)] {
            html.raw("<span>")
            html.text("\(label) ")
            html.link(point.href, Plot.format(point.value))
            html.raw("</span>")
        }
        let isLogarithmic = query["log"] == "1"
        let plot = Plot(points: points, isLogarithmic: isLogarithmic)
        if plot.canBeLogarithmic, points.count > 1 {
            html.link(
                query.address("/numbers", changing: [("log", isLogarithmic ? nil : "1")]),
                isLogarithmic ? "linear scale" : "logarithmic scale")
        }
        html.raw("</p>")
        plot.write(label: "\(metric) over time", to: &html)
    }

    // MARK: The table

    private static func sort(_ all: [Measurement], _ query: FormQuery) -> [Measurement] {
        guard let key = query["sort"] else { return all.reversed() }
        let isUp = query["up"] == "1"
        func value(_ measurement: Measurement) -> (number: Double?, text: String) {
            if let number = measurement.numbers.first(where: { $0.name == key }) { return (number.value, "") }
            guard let value = measurement.parameters[key] else { return (nil, "") }
            return (value.number ?? Double(value.text), value.text)
        }
        let keyed = all.map { (value($0), $0) }
        return keyed.sorted { first, second in
            let isLess =
                switch (first.0.number, second.0.number) {
                case (let a?, let b?): a == b ? first.1.id < second.1.id : a < b
                case (nil, _?): true
                case (_?, nil): false
                case (nil, nil): (first.0.text, first.1.id) < (second.0.text, second.1.id)
                }
            return isLess == isUp
        }.map(\.1)
    }

    /// The table of all measurements.
    private struct Table {
        var subject: Subject
        var metrics: [String]
        var parameters: [String]

        private var isOfArtifacts: Bool { subject.compared.kind == "artifacts" }
        private var heads: [String] { [subject.compared.title] + (isOfArtifacts ? ["Run", "Written"] : ["Ended"]) }
        var columns: [String] { heads + metrics + parameters }

        func texts(_ measurement: Measurement) -> [String] {
            let numbers = Dictionary(measurement.numbers.map { ($0.name, $0.value) }) { first, _ in first }
            return [measurement.label] + (isOfArtifacts ? [measurement.runName] : [])
                + [measurement.time.map(Timestamp.format) ?? ""] + metrics.map { numbers[$0].map { String($0) } ?? "" }
                + parameters.map { measurement.parameters[$0]?.text ?? "" }
        }

        func write(_ all: [Measurement], _ query: FormQuery, _ html: inout HTML) {
            let form = CompareForm(kind: subject.compared.kind)
            form.begin(&html)
            html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"list\"><thead><tr>")
            CompareForm.head(&html)
            for name in heads {
                html.raw("<th scope=\"col\">"); html.text(name); html.raw("</th>")
            }
            for name in metrics + parameters { head(name, query, &html) }
            html.raw("</tr></thead><tbody>")
            for measurement in all {
                html.raw("<tr>")
                form.cell(measurement.id, measurement.label, &html)
                let texts = texts(measurement)
                PageFrame.cell(heads[0], "name", &html) { $0.link(measurement.path, texts[0]) }
                if isOfArtifacts {
                    PageFrame.cell("Run", "", &html) { html in
                        if let run = measurement.run {
                            html.link(run.path, run.title)
                        } else {
                            html.text(measurement.runName, upTo: 200)
                        }
                    }
                }
                PageFrame.cell(heads[heads.count - 1], "nowrap", &html) { html in
                    if let time = measurement.time { html.time(time) }
                }
                for (index, name) in (metrics + parameters).enumerated() {
                    PageFrame.cell(name, "number", &html) { html in
                        let text = texts[heads.count + index]
                        html.text(index < metrics.count ? Double(text).map(Plot.format) ?? "" : text, upTo: 200)
                    }
                }
                html.raw("</tr>")
            }
            PageFrame.endTable(&html)
            form.end(&html)
        }

        /// A column's head, as a link that sorts by it.
        private func head(_ name: String, _ query: FormQuery, _ html: inout HTML) {
            let (isSorted, isUp) = (query["sort"] == name, query["up"] == "1")
            PageFrame.columnHead(sorted: isSorted ? isUp ? .ascending : .descending : nil, &html)
            html.link(
                query.address("/numbers", changing: [("sort", name), ("up", isSorted && !isUp ? "1" : nil)]),
                name + (isSorted ? isUp ? " ↑" : " ↓" : ""))
            html.raw("</th>")
        }
    }
}
