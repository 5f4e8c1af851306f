import FoundationEssentials
import HTTPTypes
import Hummingbird
import Lineage
import NIOCore

/// What all pages have around them, and how they show texts and times.
enum PageFrame {
    /// What is shown of a text in a list, of a value, and how many properties.
    static let shownText = 500
    static let shownValue = 4 << 10
    static let shownProperties = 500

    /// The parts of the site, as its header names them.
    enum Section: String, CaseIterable {
        case artifacts = "Artifacts"
        case executions = "Executions"
        case runs = "Runs"
        case workspaces = "Workspaces"

        var path: StaticString {
            switch self {
            case .artifacts: "/"
            case .executions: "/executions"
            case .runs: "/runs"
            case .workspaces: "/workspaces"
            }
        }
    }

    static func page(
        _ title: String, _ section: Section? = nil, status: HTTPResponse.Status = .ok, _ body: (inout HTML) -> Void
    ) -> Response {
        var html = HTML()
        html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
        html.text(title, upTo: shownText)
        html.raw(
            " · Kubeflow Metadata</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>"
        )
        html.raw(Stylesheet.css)
        html.raw(
            "</style></head><body><header><a class=\"home\" href=\"/\">Kubeflow Metadata</a><nav aria-label=\"Site\">")
        for part in Section.allCases {
            html.raw("<a href=\"")
            html.raw(part.path)
            html.raw(part == section ? "\" aria-current=\"page\">" : "\">")
            html.text(part.rawValue)
            html.raw("</a>")
        }
        html.raw("</nav></header><main>")
        body(&html)
        html.raw("</main></body></html>\n")
        return Response(
            status: status,
            headers: [
                .contentType: "text/html; charset=utf-8",
                .contentSecurityPolicy:
                    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
                .xContentTypeOptions: "nosniff",
            ], body: .init(byteBuffer: html.buffer))
    }

    static func notFound(_ what: String) -> Response {
        page("Not found", status: .notFound) { html in
            html.raw("<h1>Not found</h1><p>")
            html.text(what)
            html.raw(" <a href=\"/\">All artifacts</a></p>")
        }
    }

    // MARK: Pieces

    /// A heading with a line below it.
    static func heading(_ title: String, _ line: String, _ html: inout HTML) {
        html.raw("<h1>")
        html.text(title, upTo: shownText)
        html.raw("</h1><p class=\"sub\">")
        html.text(line, upTo: shownValue)
        html.raw("</p>")
    }

    /// A link; of text, the beginning.
    static func link(_ path: StaticString, _ id: Int64, _ text: String, _ html: inout HTML) {
        html.raw("<a href=\"")
        html.raw(path)
        html.number(id)
        html.raw("\">")
        html.text(text, upTo: shownText)
        html.raw("</a>")
    }

    /// Links to lists that answer what one asks next of a node.
    static func links(_ links: [(text: StaticString, path: String, filter: String)], _ html: inout HTML) {
        html.raw("<nav class=\"pages\" aria-label=\"Related\">")
        for link in links {
            html.raw("<a href=\"")
            html.text(FormQuery(nil).address(link.path, changing: [("filter", link.filter)]))
            html.raw("\">")
            html.raw(link.text)
            html.raw("</a>")
        }
        html.raw("</nav>")
    }

    /// The events by which something was read, and by which it was written, in the filter grammar.
    static let reads = "IN (INPUT, DECLARED_INPUT, INTERNAL_INPUT)"
    static let writes = "IN (OUTPUT, DECLARED_OUTPUT, INTERNAL_OUTPUT, PENDING_OUTPUT)"

    /// A cell of a list, which names its column where there is no room for columns.
    static func cell(
        _ column: StaticString, _ style: StaticString = "", _ html: inout HTML, _ body: (inout HTML) -> Void
    ) {
        html.raw("<td class=\"")
        html.raw(style)
        html.raw("\" data-name=\"")
        html.raw(column)
        html.raw("\">")
        body(&html)
        html.raw("</td>")
    }

    /// The head of a list.
    static func columns(_ names: [StaticString], _ html: inout HTML) {
        html.raw("<div class=\"scroll\"><table class=\"list\"><thead><tr>")
        for name in names {
            html.raw("<th scope=\"col\">")
            html.raw(name)
            html.raw("</th>")
        }
        html.raw("</tr></thead><tbody>")
    }

    /// A state as a word, with a colour beside it.
    static func state(_ name: String, _ html: inout HTML) {
        html.raw("<span class=\"state ")
        html.text(name)
        html.raw("\">")
        html.text(name)
        html.raw("</span>")
    }

    // MARK: Times

    static func time(_ milliseconds: Int64) -> String { time(Timestamp.date(milliseconds: milliseconds)) }

    static func time(_ date: Date) -> String {
        Timestamp.format(date).split(separator: "T").joined(separator: " ").split(separator: "Z").joined() + " UTC"
    }

    /// `2 h 5 min`, `14 s`: the two largest units.
    static func duration(_ seconds: TimeInterval) -> String {
        guard seconds >= 1, seconds < 1e10 else { return seconds < 1 && seconds >= 0 ? "under 1 s" : "" }
        var rest = Int64(seconds)
        var parts: [String] = []
        for (name, size) in [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)] as [(String, Int64)] {
            if rest >= size { parts.append("\(rest / size) \(name)") }
            rest %= size
        }
        return parts.prefix(2).joined(separator: " ")
    }
}
