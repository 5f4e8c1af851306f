import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// What is found by a few letters: artifacts, executions, runs and workspaces.
struct SearchPage: Page {
    let paths = ["/search"]
    private static let usual = 30
    private static let most = 200

    /// A node that was found.
    struct Result: Sendable {
        var kind: NodeKind
        var id: Int64
        var title: String
        var detail: String
        var path: String
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let text = String((request.query["q"] ?? "").prefix(500))
        guard let index = request.search else {
            throw PageProblem(
                status: .notFound, text: "This service has no search index: it was started with --search off.")
        }
        let limit = max(1, min(request.query["limit"].flatMap { Int($0) } ?? Self.usual, Self.most))
        let visibility = request.visibility
        let answer = try await index.search(text, upTo: limit, seenBy: visibility)
        let hits = answer.hits
        var results = try await request.read { whole in
            let transaction = whole.shortened
            let artifacts = try transaction.getArtifactsByID(.with { $0.artifactIds = Self.ids(hits, .artifact) })
                .artifacts
            let executions = try transaction.getExecutionsByID(.with { $0.executionIds = Self.ids(hits, .execution) })
                .executions
            let contexts = try transaction.getContextsByID(.with { $0.contextIds = Self.ids(hits, .context) }).contexts
            return Self.results(hits, artifacts, executions, contexts)
        }
        // As one list the best of each kind come before the second best of any.
        if request.format != .html { results = Self.mixed(results, limit) }
        return Self.page(text, results, note: Self.note(text, answer, index.lag))
    }

    private static func ids(_ hits: [SearchIndex.Hit], _ kind: NodeKind) -> [Int64] {
        hits.filter { $0.kind == kind }.map(\.id)
    }

    private static func results(
        _ hits: [SearchIndex.Hit], _ artifacts: [MlMetadata_Artifact], _ executions: [MlMetadata_Execution],
        _ contexts: [MlMetadata_Context]
    ) -> [Result] {
        var all: [NodeKind: [Int64: Result]] = [:]
        for node in artifacts {
            all[.artifact, default: [:]][node.id] = Result(
                kind: .artifact, id: node.id, title: node.title,
                detail: [node.type, node.version, node.uri].filter { !$0.isEmpty }.joined(separator: " · "),
                path: node.path)
        }
        for node in executions {
            all[.execution, default: [:]][node.id] = Result(
                kind: .execution, id: node.id, title: node.title,
                detail: [node.stateName, node.type, node.runTitle].filter { !$0.isEmpty }.joined(separator: " · "),
                path: node.path)
        }
        for node in contexts {
            all[.context, default: [:]][node.id] = Result(
                kind: .context, id: node.id, title: node.title,
                detail: [node.type, node.workspaceName].filter { !$0.isEmpty }.joined(separator: " · "),
                path: node.type == TypeName.workspace
                    ? FormQuery(nil).address("/runs", changing: [("workspace", node.name)]) : node.path)
        }
        return hits.compactMap { all[$0.kind]?[$0.id] }
    }

    private static func mixed(_ results: [Result], _ limit: Int) -> [Result] {
        let kinds = [NodeKind.artifact, .context, .execution].map { kind in results.filter { $0.kind == kind } }
        var mixed: [Result] = []
        for index in 0..<(kinds.map(\.count).max() ?? 0) {
            for kind in kinds where index < kind.count { mixed.append(kind[index]) }
        }
        return Array(mixed.prefix(limit))
    }

    /// What is to be known of an answer.
    private static func note(_ text: String, _ answer: SearchIndex.Answer, _ lag: SearchIndex.Lag) -> String? {
        if !answer.isAsked { return text.isEmpty ? nil : "Give three letters or more." }
        var notes: [String] = []
        if lag.nodes < 0 {
            notes.append("The index is just being looked at: try again in a moment.")
        } else if !lag.isReady {
            notes.append("\(PageFrame.number(Int(lag.nodes))) nodes are not in the index yet.")
        }
        if !answer.isComplete {
            notes.append("Only the newest were looked through: give more letters to find older ones.")
        }
        return notes.isEmpty ? nil : notes.joined(separator: " ")
    }

    static func page(_ text: String, _ results: [Result], note: String?) -> PageAnswer {
        let rows = results.map { result in
            JSONValue.members([
                ("kind", .string(result.kind == .context ? "run" : result.kind.word)), ("id", .integer(result.id)),
                ("title", .string(result.title.cut(to: 200))), ("detail", .string(result.detail.cut(to: 300))),
                ("href", .string(result.path)),
            ])
        }
        var members: [(String, JSONValue)] = [("query", .string(text)), ("results", .array(rows))]
        if let note { members.append(("note", .string(note))) }
        return PageAnswer(
            title: text.isEmpty ? "Search" : "\(text) · Search", json: .members(members),
            csv: CSVTable(
                columns: ["kind", "id", "title", "detail"],
                rows: results.map { [$0.kind.word, String($0.id), $0.title, $0.detail] })
        ) { html in
            html.element("h1", text.isEmpty ? "Search" : "Found for “\(text.cut(to: 100))”")
            if let note { PageFrame.note(note, &html) }
            if text.isEmpty {
                PageFrame.note(
                    "Any three letters or more of a name, a location, a digest, a property, an external id, a run or a step. Several words must all be found.",
                    &html)
            } else if results.isEmpty, note == nil {
                html.raw("<p class=\"empty\">Nothing has that on it.</p>")
            }
            for (kind, title) in [
                (NodeKind.artifact, "Artifacts"), (.execution, "Executions"), (.context, "Runs and workspaces"),
            ] {
                let part = results.filter { $0.kind == kind }
                guard !part.isEmpty else { continue }
                html.element("h2", title)
                html.raw("<ul class=\"results\">")
                for result in part {
                    html.raw("<li>")
                    html.link(result.path, result.title)
                    html.raw("<span class=\"soft\">")
                    html.text(result.detail, upTo: 300)
                    html.raw("</span></li>")
                }
                html.raw("</ul>")
            }
        }
    }
}
