import FoundationEssentials
import HTTPTypes
import Hummingbird
import Lineage
import MetadataAPI
import MetadataStore
import NIOCore

/// The web pages: the artifacts, and the lineage of each. Plain HTML and CSS.
struct Pages: Sendable {
    private let store: MetadataStore
    private static let pageSize: Int32 = 50
    /// How far a picture goes, in hops; less far where there would be more nodes than one can read.
    private static let hops: Int64 = 20
    private static let maximumNodes = 300
    /// Three hundred steps may have a million events.
    private static let maximumEvents = 20_000
    /// What is shown of a text in a list, of a value, and how many properties.
    private static let shownText = 500
    private static let shownValue = 4 << 10
    private static let shownProperties = 500

    init(store: MetadataStore) { self.store = store }

    func add(to router: Router<BasicRequestContext>) {
        router.get("/") { request, _ in
            try await artifactList(token: request.uri.queryParameters["page"].map { String($0) })
        }
        router.get("/artifacts/{id}") { _, context in
            try await artifact(id: context.parameters.get("id").flatMap { Int64($0) })
        }
        router.get("/executions/{id}") { _, context in
            try await execution(id: context.parameters.get("id").flatMap { Int64($0) })
        }
        for path in ["/healthz", "/readyz"] {
            router.get(RouterPath(path)) { _, _ in
                do {
                    try store.checkHealth()
                } catch {
                    return Self.plain("\(error)\n", .serviceUnavailable)
                }
                return Self.plain("ok\n")
            }
        }
    }

    // MARK: Answers

    private static func plain(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    private static func page(
        _ title: String, status: HTTPResponse.Status = .ok, _ body: (inout HTML) -> Void
    ) -> Response {
        var html = HTML()
        html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
        html.text(title, upTo: shownText)
        html.raw(
            " · Kubeflow Metadata</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>"
        )
        html.raw(Stylesheet.css)
        html.raw("</style></head><body><header><a href=\"/\">Kubeflow Metadata</a></header><main>")
        body(&html)
        html.raw("</main></body></html>\n")
        return Response(
            status: status,
            headers: [
                .contentType: "text/html; charset=utf-8",
                .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'",
                .xContentTypeOptions: "nosniff",
            ], body: .init(byteBuffer: html.buffer))
    }

    private static func notFound(_ what: String) -> Response {
        page("Not found", status: .notFound) { html in
            html.raw("<h1>Not found</h1><p>")
            html.text(what)
            html.raw(" <a href=\"/\">All artifacts</a></p>")
        }
    }

    // MARK: The artifact store

    private func artifactList(token: String?) async throws -> Response {
        var request = MlMetadata_GetArtifactsRequest()
        request.options.maxResultSize = Self.pageSize
        request.options.orderByField.field = .createTime
        request.options.orderByField.isAsc = false
        if let token { request.options.nextPageToken = token }
        let result: MlMetadata_GetArtifactsResponse
        do {
            result = try await page(request)
        } catch let error as StatusError where error.code == .invalidArgument {
            return Self.notFound("There is no such page of artifacts.")
        }
        return Self.page("Artifacts") { html in
            html.raw("<h1>Artifacts</h1>")
            guard !result.artifacts.isEmpty else {
                html.raw(
                    "<p>Nothing is recorded yet. As soon as a step of a pipeline has read or written something, it is here.</p>"
                )
                return
            }
            html.raw("<div class=\"scroll\"><table class=\"list\"><thead><tr>")
            html.raw(
                "<th>Name</th><th>Type</th><th>URI</th><th>Run</th><th>Workspace</th><th>Created</th></tr></thead><tbody>"
            )
            for artifact in result.artifacts { Self.row(artifact, &html) }
            html.raw("</tbody></table></div>")
            guard !result.nextPageToken.isEmpty || token != nil else { return }
            html.raw("<nav class=\"pages\">")
            if token != nil { html.raw("<a href=\"/\">Newest</a>") }
            if !result.nextPageToken.isEmpty {
                html.raw("<a rel=\"next\" href=\"/?page=")
                html.text(Self.encode(result.nextPageToken))
                html.raw("\">Older</a>")
            }
            html.raw("</nav>")
        }
    }

    /// A page of fewer artifacts where those of a whole one are more than one answer takes.
    private func page(_ request: MlMetadata_GetArtifactsRequest) async throws -> MlMetadata_GetArtifactsResponse {
        var request = request
        while true {
            do {
                return try await store.read { [request] in try $0.getArtifacts(request) }
            } catch let error as StatusError where error.code == .resourceExhausted {
                guard request.options.maxResultSize > 1 else { throw error }
                request.options.maxResultSize = max(1, request.options.maxResultSize / 7)
            }
        }
    }

    private static func row(_ artifact: MlMetadata_Artifact, _ html: inout HTML) {
        html.raw("<tr><td data-name=\"Name\"><a href=\"/artifacts/")
        html.number(artifact.id)
        html.raw("\">")
        html.text(artifact.title, upTo: shownText)
        html.raw("</a></td><td data-name=\"Type\">")
        html.text(artifact.type, upTo: shownText)
        html.raw("</td><td class=\"uri\" data-name=\"URI\">")
        html.text(artifact.uri, upTo: shownText)
        html.raw("</td><td data-name=\"Run\">")
        html.text(artifact.runName, upTo: shownText)
        html.raw("</td><td data-name=\"Workspace\">")
        html.text(artifact.workspaceName, upTo: shownText)
        html.raw("</td><td class=\"nowrap\" data-name=\"Created\">")
        html.text(time(artifact.createTimeSinceEpoch))
        html.raw("</td></tr>")
    }

    /// Base64 in a query.
    private static func encode(_ token: String) -> String {
        token.map { ["+": "%2B", "/": "%2F", "=": "%3D"][$0] ?? String($0) }.joined()
    }

    private static func time(_ milliseconds: Int64) -> String {
        Timestamp.format(Timestamp.date(milliseconds: milliseconds))
            .split(separator: "T").joined(separator: " ").split(separator: "Z").joined() + " UTC"
    }

    // MARK: One artifact, one execution

    private func artifact(id: Int64?) async throws -> Response {
        guard let id else { return Self.notFound("An artifact's number is missing.") }
        let found = try await store.read { transaction in
            try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts.first
        }
        guard let artifact = found else { return Self.notFound("There is no artifact \(id).") }
        let lineage = try await neighbourhood(of: .artifact(id))
        return Self.page(artifact.title) { html in
            html.raw("<h1>")
            html.text(artifact.title, upTo: Self.shownText)
            html.raw("</h1><p class=\"sub\">")
            html.text(artifact.type, upTo: Self.shownText)
            if !artifact.uri.isEmpty { html.text(" · \(artifact.uri)", upTo: Self.shownValue) }
            html.raw("</p>")
            Self.picture(LineageSVG(lineage.graph, artifact: id), lineage, &html)
            Self.properties(
                [
                    ("id", String(id)), ("state", "\(artifact.state)"),
                    ("created", Self.time(artifact.createTimeSinceEpoch)),
                    ("updated", Self.time(artifact.lastUpdateTimeSinceEpoch)),
                    ("external id", artifact.externalID),
                ], artifact.properties, artifact.customProperties, &html)
        }
    }

    private func execution(id: Int64?) async throws -> Response {
        guard let id else { return Self.notFound("An execution's number is missing.") }
        let found = try await store.read { transaction in
            try transaction.getExecutionsByID(.with { $0.executionIds = [id] }).executions.first
        }
        guard let execution = found else { return Self.notFound("There is no execution \(id).") }
        let lineage = try await neighbourhood(of: .execution(id))
        return Self.page(execution.title) { html in
            html.raw("<h1>")
            html.text(execution.title, upTo: Self.shownText)
            html.raw("</h1><p class=\"sub\">")
            html.text("\(execution.type) · \(execution.stateName)", upTo: Self.shownText)
            html.raw("</p>")
            Self.picture(LineageSVG(lineage.graph, artifact: nil, execution: id), lineage, &html)
            Self.properties(
                [
                    ("id", String(id)), ("created", Self.time(execution.createTimeSinceEpoch)),
                    ("updated", Self.time(execution.lastUpdateTimeSinceEpoch)),
                    ("external id", execution.externalID),
                ], execution.properties, execution.customProperties, &html)
        }
    }

    /// A picture's graph, and where it was cut: how many hops it goes up or down, where there is more.
    private struct Neighbourhood {
        var graph = MlMetadata_LineageGraph()
        var cutUp: Int64?
        var cutDown: Int64?
    }

    private func neighbourhood(of start: LineageStart) async throws -> Neighbourhood {
        do {
            return try await wholeNeighbourhood(of: start)
        } catch let error as StatusError
            where [.resourceExhausted, .deadlineExceeded, .unavailable].contains(error.code)
        {
            return Neighbourhood(cutUp: 0, cutDown: 0)
        }
    }

    private func wholeNeighbourhood(of start: LineageStart) async throws -> Neighbourhood {
        try await store.read { transaction in
            let up = try transaction.lineageNodes(
                start.request(.upstream, hops: Self.hops), upTo: Self.maximumNodes / 2)
            let down = try transaction.lineageNodes(
                start.request(.downstream, hops: Self.hops), upTo: Self.maximumNodes / 2)
            var result = Neighbourhood()
            result.graph = MlMetadata_LineageGraph(nodesOf: [up.graph, down.graph])
            let ids = result.graph.executions.map(\.id)
            result.graph.addEvents(try transaction.events(ofExecutions: ids, upTo: Self.maximumEvents))
            result.cutUp = up.isComplete ? nil : up.hops
            result.cutDown = down.isComplete ? nil : down.hops
            return result
        }
    }

    private static func picture(_ picture: LineageSVG, _ lineage: Neighbourhood, _ html: inout HTML) {
        html.raw("<h2>Lineage</h2>")
        for (cut, direction) in [(lineage.cutUp, "upstream"), (lineage.cutDown, "downstream")] {
            guard let cut else { continue }
            html.raw("<p class=\"sub\">")
            html.text(
                cut == 0
                    ? "There is too much \(direction) for a picture; the command kfmd lineage prints it."
                    : "Shown up to \(cut) steps \(direction).")
            html.raw("</p>")
        }
        html.raw("<div class=\"scroll\">")
        picture.write(to: &html)
        html.raw("</div>")
    }

    private static func properties(
        _ facts: [(String, String)], _ properties: [String: MlMetadata_Value],
        _ custom: [String: MlMetadata_Value], _ html: inout HTML
    ) {
        html.raw("<h2>Properties</h2><div class=\"scroll\"><table>")
        let all =
            facts + properties.map { ($0.key, $0.value.text) }.sorted { $0.0 < $1.0 }
            + custom.filter { properties[$0.key] == nil && !PropertyName.recordersOwn.contains($0.key) }.map {
                ($0.key, $0.value.text)
            }
            .sorted { $0.0 < $1.0 }
        let shown = all.filter { !$0.1.isEmpty }
        for (name, value) in shown.prefix(shownProperties) {
            html.raw("<tr><th>")
            html.text(name, upTo: shownText)
            html.raw("</th><td class=\"value\">")
            html.text(value, upTo: shownValue)
            html.raw("</td></tr>")
        }
        if shown.count > shownProperties {
            html.raw("<tr><th></th><td class=\"value\">")
            html.text("and \(shown.count - shownProperties) more")
            html.raw("</td></tr>")
        }
        html.raw("</table></div>")
    }
}
