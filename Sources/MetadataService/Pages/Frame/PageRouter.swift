import HTTPTypes
import Hummingbird
import JSON
import MetadataAPI
import MetadataStore
import NIOCore

/// Answers the addresses of the pages in the form that is asked for.
struct PageRouter: Sendable {
    let store: MetadataStore
    let search: SearchIndex?
    /// Who may show the pages within theirs, in the words of a Content-Security-Policy: `'self'`.
    let frameAncestors: String

    func add(_ page: any Page, to router: Router<BasicRequestContext>) {
        for path in page.paths {
            route(page, path, nil, router)
            // The number of a node is read with what comes after it.
            guard !path.hasSuffix("{id}"), path != "/" else { continue }
            route(page, path + ".json", .json, router)
            route(page, path + ".csv", .csv, router)
        }
    }

    private func route(
        _ page: any Page, _ path: String, _ format: PageRequest.Format?, _ router: Router<BasicRequestContext>
    ) {
        router.get(RouterPath(path)) { request, context in
            var asked = PageRequest(store: store, search: search, query: FormQuery(request.uri.query))
            asked.format = format ?? Self.accepted(request)
            if let id = context.parameters.get("id") {
                if id.hasSuffix(".json") { asked.format = .json }
                asked.id = Int64(id.hasSuffix(".json") ? String(id.dropLast(5)) : id)
            }
            let base = BasePath.of(request)
            do {
                return respond(try await page.answer(asked), asked.format, base, request)
            } catch let problem as PageProblem {
                return respond(Self.problem(problem.status, problem.text), asked.format, base, request)
            } catch let error as StatusError {
                context.logger.warning(
                    "a page was not answered", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
                return respond(Self.problem(error, requestID: context.id), asked.format, base, request)
            }
        }
    }

    /// JSON for who asks for it and not for HTML, as browsers do.
    private static func accepted(_ request: Request) -> PageRequest.Format {
        let accepted = request.headers[.accept] ?? ""
        if accepted.contains("text/html") { return .html }
        if accepted.contains("application/json") { return .json }
        return accepted.contains("text/csv") ? .csv : .html
    }

    // MARK: Problems

    private static func problem(_ status: HTTPResponse.Status, _ text: String) -> PageAnswer {
        let title = status == .notFound ? "Not found" : "That cannot be shown"
        return PageAnswer(title: title, status: status, json: .members([("error", .string(text))])) { html in
            html.element("h1", title)
            html.raw("<p class=\"problem\" role=\"alert\">")
            html.text(text, upTo: PageFrame.shownValue)
            html.raw("</p><p>")
            html.link("/", "All artifacts")
            html.raw("</p>")
        }
    }

    private static func problem(_ error: StatusError, requestID: String) -> PageAnswer {
        let (status, text): (HTTPResponse.Status, String) =
            switch error.code {
            case .invalidArgument: (.badRequest, error.message)
            case .notFound: (.notFound, error.message)
            case .deadlineExceeded, .unavailable, .resourceExhausted:
                (.serviceUnavailable, "It takes too long, or is too much, to show just now: \(error.message)")
            case .cancelled: (.serviceUnavailable, "The request was given up.")
            default: (.internalServerError, "The store could not be read: \(error.message)")
            }
        return problem(status, "\(text) (request \(requestID))")
    }

    // MARK: Responses

    private func respond(
        _ answer: PageAnswer, _ format: PageRequest.Format, _ base: String, _ request: Request
    ) -> Response {
        var headers: HTTPFields = [.xContentTypeOptions: "nosniff", .cacheControl: "private, no-cache"]
        if let name = HTTPField.Name("Referrer-Policy") { headers[name] = "same-origin" }
        if let next = answer.next, let name = HTTPField.Name("Link") {
            headers[name] = "<\(base)\(format.address(of: next))>; rel=\"next\""
        }
        headers[.vary] = "Accept"
        let csv = format == .csv ? answer.csv : nil
        let body: ByteBuffer
        switch (format, csv) {
        case (.html, _):
            headers[.contentType] = "text/html; charset=utf-8"
            headers[.contentSecurityPolicy] =
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
                + "form-action 'self'; base-uri 'none'; frame-ancestors \(frameAncestors)"
            body = PageFrame.html(answer, base: base)
        case (.csv, let csv?):
            headers[.contentType] = "text/csv; charset=utf-8"
            if let name = HTTPField.Name("Content-Disposition") {
                headers[name] = "attachment; filename=\"lineage.csv\""
            }
            body = csv.buffer
        // What is no list is no CSV either.
        case (.json, _), (.csv, nil):
            headers[.contentType] = "application/json"
            body = ByteBuffer(bytes: answer.json.jsonBytes(pretty: true))
        }
        if answer.status == .ok {
            let tag = EntityTag(of: body)
            headers[.eTag] = tag.text
            if tag.isIn(request.headers[.ifNoneMatch]) { return Response(status: .notModified, headers: headers) }
        }
        let sent = ContentCoding.pack(body, for: request.headers, &headers)
        return Response(status: answer.status, headers: headers, body: .init(byteBuffer: sent))
    }
}

/// What tells whether a page is as a browser has it.
struct EntityTag: Equatable {
    let text: String

    init(of body: ByteBuffer) {
        let fingerprint = body.withUnsafeReadableBytes { Fingerprint($0) }
        text = "W/\"\(fingerprint.text)-\(body.readableBytes)\""
    }

    /// Whether a list of tags, as `If-None-Match` has them, names it.
    func isIn(_ header: String?) -> Bool {
        header.map { $0 == "*" || $0.split(separator: ",").contains { $0.drop { $0 == " " } == text } } ?? false
    }
}
