import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// Two to six runs, models or executions side by side: what differs first, what is equal folded; and what is upstream
/// of one and not of the others.
struct ComparePage: Page {
    let paths = ["/compare"]
    private static let most = 6
    private static let neighbours = 100
    /// Nodes upstream that are walked for each.
    private static let upstream = 20_000
    private static let shownUpstream = 100

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let (kind, ids) = try Self.subjects(request.query)
        var all: [(Comparison.Subject, Comparison.Facts)] = []
        for id in ids {
            switch kind {
            case "runs":
                let model = try await RunPage.read(id, request)
                all.append((.init(title: model.run.title, path: model.run.path), Comparison.facts(model)))
            case "executions": all.append(try await Self.execution(id, request))
            default: all.append(try await Self.artifact(id, request))
            }
        }
        let upstream = kind == "runs" ? [] : try await Self.upstream(kind, ids, request)
        return Self.page(Comparison(all), upstream: upstream)
    }

    /// What is to be compared: `runs=1,2`, or `kind=runs&id=1&id=2` as a list's form sends it.
    private static func subjects(_ query: FormQuery) throws -> (kind: String, ids: [Int64]) {
        let kinds = ["runs", "executions", "artifacts"]
        let kind = kinds.first { query[$0] != nil } ?? query["kind"] ?? "runs"
        guard kinds.contains(kind) else {
            throw PageProblem.misread("kind \(kind): should be one of \(kinds.joined(separator: ", ")).")
        }
        let texts = query[kind] != nil ? query.all(kind) : query.all("id")
        let ids = try texts.map { text in
            guard let id = Int64(text) else { throw PageProblem.misread("\(kind) \(text): should be numbers.") }
            return id
        }.uniqued { $0 }
        guard (2...most).contains(ids.count) else {
            throw PageProblem.misread(
                "\(ids.count) chosen: two to \(most) \(kind) can be compared. Choose them in a list.")
        }
        return (kind, ids)
    }

    private static func execution(_ id: Int64, _ request: PageRequest) async throws -> (
        Comparison.Subject, Comparison.Facts
    ) {
        let visibility = request.visibility
        let found = try await request.read { transaction -> (Comparison.Subject, Comparison.Facts)? in
            guard let node = try transaction.getExecutionsByID(.with { $0.executionIds = [id] }).executions.first
            else { return nil }
            let inputs = try transaction.artifacts(of: id, .input, upTo: neighbours, seenBy: visibility).all
            let outputs = try transaction.artifacts(of: id, .output, upTo: neighbours, seenBy: visibility).all
            let title = node.runTitle.isEmpty ? node.title : "\(node.title) · \(node.runTitle)"
            return (
                .init(title: title, path: node.path),
                Comparison.facts(
                    node, inputs: inputs.map { ($0.event, $0.node) }, outputs: outputs.map { ($0.event, $0.node) })
            )
        }
        guard let found else { throw PageProblem.notFound("There is no execution \(id).") }
        return found
    }

    private static func artifact(_ id: Int64, _ request: PageRequest) async throws -> (
        Comparison.Subject, Comparison.Facts
    ) {
        let visibility = request.visibility
        let found = try await request.read { transaction -> (Comparison.Subject, Comparison.Facts)? in
            guard let node = try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts.first
            else { return nil }
            let writer = try transaction.executions(of: id, .output, upTo: 1, seenBy: visibility).all.first?.node
            let inputs = try writer.map {
                try transaction.artifacts(of: $0.id, .input, upTo: neighbours, seenBy: visibility).all
            }
            let title =
                node.version.isEmpty
                ? "\(node.title) (\(node.runName.isEmpty ? String(id) : RunName.short(node.runName)))"
                : node.titleAndVersion
            return (
                .init(title: title, path: node.path),
                Comparison.facts(node, writer: writer, inputs: (inputs ?? []).map { ($0.event, $0.node) })
            )
        }
        guard let found else { throw PageProblem.notFound("There is no artifact \(id).") }
        return found
    }

    // MARK: Lineage

    /// A node that some came of and others did not.
    struct Upstream: Sendable {
        var title: String
        var path: String
        /// Which of those that are compared came of it.
        var isOf: [Bool]
    }

    private static func upstream(_ kind: String, _ ids: [Int64], _ request: PageRequest) async throws -> [Upstream] {
        let visibility = request.visibility
        let own: NodeKind = kind == "artifacts" ? .artifact : .execution
        return try await request.read { transaction in
            let sets = try ids.map { id in
                Set(
                    try transaction.lineageTable(of: own, id, .upstream, upTo: upstream, seenBy: visibility).entries
                        .dropFirst().filter { $0.kind == .artifact }.map(\.id))
            }
            let all = sets.reduce(into: Set<Int64>()) { $0.formUnion($1) }
            let differing = all.filter { id in !sets.allSatisfy { $0.contains(id) } }.sorted().prefix(shownUpstream)
            let nodes = try transaction.nodes(
                of: differing.map { LineageTable.Entry(kind: .artifact, id: $0, depth: 0) }, seenBy: visibility
            ).artifacts
            return differing.compactMap { id in
                nodes[id].map { node in
                    Upstream(
                        title: node.titleAndVersion, path: node.path,
                        isOf: sets.map { $0.contains(id) })
                }
            }
        }
    }

    // MARK: The page

    static func page(_ comparison: Comparison, upstream: [Upstream]) -> PageAnswer {
        let titles = comparison.subjects.map(\.title)
        let json = comparison.rows.map { row in
            JSONValue.members([
                ("group", .string(row.group.rawValue)), ("name", .string(row.name)), ("equal", .bool(row.isEqual)),
                ("values", .array(row.values.map { .string($0) })),
            ])
        }
        return PageAnswer(
            title: "Compare " + titles.joined(separator: ", "),
            json: .members([("subjects", .array(titles.map { .string($0) })), ("rows", .array(json))]),
            csv: CSVTable(
                columns: ["group", "name"] + titles,
                rows: comparison.rows.map { [$0.group.rawValue, $0.name] + $0.values })
        ) { html in
            html.element("h1", "Compare")
            let differing = comparison.rows.filter { !$0.isEqual }
            let equal = comparison.rows.filter(\.isEqual)
            if differing.isEmpty { PageFrame.note("They are equal in all that is recorded.", &html) }
            table(comparison, differing, isMarked: true, &html)
            if !upstream.isEmpty { differences(comparison, upstream, &html) }
            if !equal.isEmpty {
                html.raw("<details><summary>What is equal (")
                html.number(equal.count)
                html.raw(")</summary>")
                table(comparison, equal, isMarked: false, &html)
                html.raw("</details>")
            }
        }
    }

    private static func head(_ comparison: Comparison, _ html: inout HTML) {
        html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"compared\"><thead><tr><td></td>")
        for subject in comparison.subjects {
            html.raw("<th scope=\"col\">")
            html.link(subject.path, subject.title, upTo: 200)
            html.raw("</th>")
        }
        html.raw("</tr></thead><tbody>")
    }

    private static func table(_ comparison: Comparison, _ rows: [Comparison.Row], isMarked: Bool, _ html: inout HTML) {
        guard !rows.isEmpty else { return }
        head(comparison, &html)
        var group: Comparison.Group?
        for row in rows.prefix(PageFrame.shownProperties) {
            if row.group != group {
                group = row.group
                html.raw("<tr class=\"group\"><th scope=\"colgroup\" colspan=\"")
                html.number(comparison.subjects.count + 1)
                html.raw("\">")
                html.text(row.group.rawValue)
                html.raw("</th></tr>")
            }
            html.raw("<tr><th scope=\"row\">")
            html.text(row.name, upTo: 200)
            html.raw("</th>")
            let greatest = row.numbers.compactMap { $0 }.max()
            for (index, value) in row.values.enumerated() {
                let isGreatest =
                    isMarked && greatest != nil && row.numbers.indices.contains(index) && row.numbers[index] == greatest
                html.raw(isGreatest ? "<td class=\"value greatest\">" : "<td class=\"value\">")
                html.text(value, upTo: 500)
                if isGreatest { html.raw(" <span class=\"soft\">greatest</span>") }
                html.raw("</td>")
            }
            html.raw("</tr>")
        }
        html.raw("</tbody></table></div>")
    }

    private static func differences(_ comparison: Comparison, _ upstream: [Upstream], _ html: inout HTML) {
        html.element("h2", "Upstream of some, not of all")
        head(comparison, &html)
        for node in upstream {
            html.raw("<tr><th scope=\"row\">")
            html.link(node.path, node.title, upTo: 200)
            html.raw("</th>")
            for isOf in node.isOf { html.raw(isOf ? "<td>came of it</td>" : "<td class=\"soft\">did not</td>") }
            html.raw("</tr>")
        }
        html.raw("</tbody></table></div>")
        if upstream.count == shownUpstream { PageFrame.note("The first \(shownUpstream).", &html) }
    }
}
