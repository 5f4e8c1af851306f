import FoundationEssentials
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// The numbers of all artifacts of one name over time, as plots and as a table that also has the parameters of the
/// runs that wrote them.
struct MetricsPage: Page {
    let paths = ["/metrics"]
    private static let most = 200
    private static let mostMetrics = 12
    private static let mostParameters = 12

    /// What was measured once.
    struct Measurement: Sendable {
        var artifact: MlMetadata_Artifact
        var writer: MlMetadata_Execution?
        private(set) var run: MlMetadata_Context?

        var time: Date? { artifact.written ?? writer?.outcome.end ?? writer?.outcome.start }

        /// Of the step that wrote it and of its run; found once.
        private(set) var parameters: [String: MlMetadata_Value] = [:]
        private(set) var numbers: [(name: String, value: Double)] = []
        private static let most = 200

        init(artifact: MlMetadata_Artifact, writer: MlMetadata_Execution?) {
            (self.artifact, self.writer, numbers) = (artifact, writer, Array(artifact.numbers.prefix(Self.most)))
        }

        mutating func set(run: MlMetadata_Context?) {
            self.run = run
            let all =
                (run?.values(below: PropertyName.parameterPrefix) ?? []).prefix(Self.most)
                + (writer?.values(below: PropertyName.parameterPrefix) ?? []).prefix(Self.most)
            for (name, value) in all { parameters[name] = value }
        }
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        guard let name = request.query["name"] else {
            throw PageProblem.misread(
                "Of what? The address should end in ?name=NAME, the name of artifacts with numbers on them.")
        }
        let visibility = request.visibility
        let found = try await request.read { transaction in
            let artifacts = try transaction.artifacts(named: name, upTo: Self.most, seenBy: visibility)
                .filter { !$0.numbers.isEmpty }
            var all: [Measurement] = []
            for artifact in artifacts {
                all.append(
                    Measurement(
                        artifact: artifact,
                        writer: try transaction.executions(of: artifact.id, .output, upTo: 1, seenBy: visibility).all
                            .first?.node))
            }
            let writers = all.compactMap(\.writer?.id)
            let contexts = try transaction.contexts(executions: writers, upTo: 5_000, seenBy: visibility).executions
            for index in all.indices {
                let run = all[index].writer.flatMap { contexts[$0.id]?.run }
                all[index].set(run: run)
            }
            return all
        }
        guard !found.isEmpty else { throw PageProblem.notFound("No artifact named \(name) has a number on it.") }
        return Self.page(name, found, request.query)
    }

    static func page(_ name: String, _ found: [Measurement], _ query: FormQuery) -> PageAnswer {
        // By time; what has none, by its number, first.
        let all = found.sorted { ($0.time ?? .distantPast, $0.artifact.id) < ($1.time ?? .distantPast, $1.artifact.id) }
        let metrics = Array(Set(all.flatMap { $0.numbers.map(\.name) }).sorted().prefix(mostMetrics))
        let varying = Set(all.flatMap { $0.parameters.keys }).filter { key in
            Set(all.map { $0.parameters[key]?.text ?? "" }).count > 1
        }
        let parameters = Array(varying.sorted().prefix(mostParameters))
        let sorted = sort(all, query)
        let columns = ["Artifact", "Run", "Written"] + metrics + parameters
        return PageAnswer(
            title: "\(name) over time", section: .artifacts, crumbs: [("Artifacts", "/")],
            json: .members([("name", .string(name)), ("items", .array(sorted.map(json)))]),
            csv: CSVTable(columns: columns, rows: sorted.map { row($0, metrics, parameters) })
        ) { html in
            html.element("h1", "\(name) over time")
            for metric in metrics { plot(metric, all, query, &html) }
            html.element("h2", "All values")
            table(sorted, metrics, parameters, query, &html)
        }
    }

    private static func json(_ measurement: Measurement) -> JSONValue {
        .members([
            ("id", .integer(measurement.artifact.id)),
            ("run", measurement.run.map { .string($0.title) } ?? .null),
            ("time", measurement.time.map { .string(Timestamp.format($0)) } ?? .null),
            ("metrics", .members(measurement.numbers.map { ($0.name, .number($0.value)) })),
            ("parameters", .members(measurement.parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })),
        ])
    }

    private static func row(_ measurement: Measurement, _ metrics: [String], _ parameters: [String]) -> [String] {
        let numbers = Dictionary(measurement.numbers.map { ($0.name, $0.value) }) { first, _ in first }
        return [
            measurement.artifact.version.isEmpty ? "number \(measurement.artifact.id)" : measurement.artifact.version,
            measurement.run?.title ?? RunName.short(measurement.artifact.runName),
            measurement.time.map(Timestamp.format) ?? "",
        ] + metrics.map { numbers[$0].map { String($0) } ?? "" }
            + parameters.map { measurement.parameters[$0]?.text ?? "" }
    }

    private static func plot(_ metric: String, _ all: [Measurement], _ query: FormQuery, _ html: inout HTML) {
        let points = all.compactMap { measurement in
            measurement.numbers.first { $0.name == metric }.map { number in
                Plot.Point(
                    value: number.value, title: measurement.run?.title ?? measurement.artifact.title,
                    href: measurement.artifact.path)
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
                query.address("/metrics", changing: [("log", isLogarithmic ? nil : "1")]),
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
                case (let a?, let b?): a == b ? first.1.artifact.id < second.1.artifact.id : a < b
                case (nil, _?): true
                case (_?, nil): false
                case (nil, nil): (first.0.text, first.1.artifact.id) < (second.0.text, second.1.artifact.id)
                }
            return isLess == isUp
        }.map(\.1)
    }

    private static func table(
        _ all: [Measurement], _ metrics: [String], _ parameters: [String], _ query: FormQuery, _ html: inout HTML
    ) {
        let form = CompareForm(kind: "artifacts")
        form.begin(&html)
        html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"list\"><thead><tr>")
        CompareForm.head(&html)
        for name in ["Artifact", "Run", "Written"] {
            html.raw("<th scope=\"col\">"); html.text(name); html.raw("</th>")
        }
        for name in metrics + parameters {
            let isSorted = query["sort"] == name
            let isUp = query["up"] == "1"
            html.raw(
                isSorted
                    ? isUp
                        ? "<th scope=\"col\" aria-sort=\"ascending\">" : "<th scope=\"col\" aria-sort=\"descending\">"
                    : "<th scope=\"col\">")
            html.link(
                query.address("/metrics", changing: [("sort", name), ("up", isSorted && !isUp ? "1" : nil)]),
                name + (isSorted ? isUp ? " ↑" : " ↓" : ""))
            html.raw("</th>")
        }
        html.raw("</tr></thead><tbody>")
        for measurement in all {
            html.raw("<tr>")
            form.cell(measurement.artifact.id, String(measurement.artifact.id), &html)
            let texts = row(measurement, metrics, parameters)
            PageFrame.cell("Artifact", "name", &html) { $0.link(measurement.artifact.path, texts[0]) }
            PageFrame.cell("Run", "", &html) { html in
                if let run = measurement.run { html.link(run.path, run.title) } else { html.text(texts[1], upTo: 200) }
            }
            PageFrame.cell("Written", "nowrap", &html) { html in
                if let time = measurement.time { html.time(time) }
            }
            for (index, name) in (metrics + parameters).enumerated() {
                PageFrame.cell(name, "number", &html) { html in
                    let text = texts[3 + index]
                    html.text(index < metrics.count ? Double(text).map(Plot.format) ?? "" : text, upTo: 200)
                }
            }
            html.raw("</tr>")
        }
        PageFrame.endTable(&html)
        form.end(&html)
    }
}
