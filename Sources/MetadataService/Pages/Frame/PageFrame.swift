import FoundationEssentials
import HTTPTypes
import Hummingbird
import Lineage
import MetadataStore
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
        case serving = "Serving"
        case workspaces = "Workspaces"
        case types = "Types"

        var path: String {
            switch self {
            case .artifacts: "/"
            default: "/" + rawValue.lowercased()
            }
        }
    }

    /// A whole page.
    static func html(_ answer: PageAnswer, base: String) -> ByteBuffer {
        var html = HTML(base: base)
        html.raw("<!doctype html><html lang=\"en\" data-base=\"")
        html.text(base)
        html.raw("\"><head><meta charset=\"utf-8\"><title>")
        html.text(answer.title, upTo: shownText)
        html.raw(
            " · Kubeflow Metadata</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\""
        )
        html.address(StaticFiles.folder + "/pages.css")
        html.raw("\"><script type=\"module\" src=\"")
        html.address(StaticFiles.folder + "/pages.js")
        html.raw("\"></script></head><body><a class=\"skip\" href=\"#content\">Skip to the content</a><header>")
        header(answer.section, &html)
        html.raw("</header><main id=\"content\" tabindex=\"-1\"")
        if let live = answer.live {
            html.raw(" data-live=\"")
            html.address(live)
            html.raw("\"")
        }
        html.raw(">")
        crumbs(answer.crumbs, &html)
        answer.body(&html)
        html.raw("</main></body></html>\n")
        return html.buffer
    }

    private static func header(_ section: Section?, _ html: inout HTML) {
        html.raw("<a class=\"home\" href=\"")
        html.address("/")
        html.raw("\">Kubeflow Metadata</a><nav aria-label=\"Site\">")
        for part in Section.allCases {
            html.raw("<a href=\"")
            html.address(part.path)
            html.raw(part == section ? "\" aria-current=\"page\">" : "\">")
            html.text(part.rawValue)
            html.raw("</a>")
        }
        html.raw("</nav><form role=\"search\" action=\"")
        html.address("/search")
        html.raw(
            "\"><label class=\"hidden\" for=\"search\">Search</label><input id=\"search\" name=\"q\" type=\"search\" placeholder=\"Search: three letters or more\" autocomplete=\"off\" spellcheck=\"false\"><button>Search</button></form>"
        )
    }

    private static func crumbs(_ crumbs: [(title: String, path: String)], _ html: inout HTML) {
        guard !crumbs.isEmpty else { return }
        html.raw("<nav class=\"crumbs\" aria-label=\"Breadcrumbs\"><ol>")
        for crumb in crumbs {
            html.raw("<li>")
            html.link(crumb.path, crumb.title, upTo: 80)
            html.raw("</li>")
        }
        html.raw("</ol></nav>")
    }

    // MARK: Pieces

    /// A heading with a line below it.
    static func heading(_ title: String, _ line: String, _ html: inout HTML) {
        html.element("h1", title)
        html.raw("<p class=\"sub\">")
        html.text(line, upTo: shownValue)
        html.raw("</p>")
    }

    /// Links to what one asks next of a node.
    static func links(_ links: [(text: String, address: String)], _ html: inout HTML) {
        html.raw("<nav class=\"related\" aria-label=\"Related\">")
        for link in links { html.link(link.address, link.text) }
        html.raw("</nav>")
    }

    /// The address of a list with a filter.
    static func list(_ path: String, where filter: String) -> String {
        FormQuery(nil).address(path, changing: [("filter", filter)])
    }

    /// The events by which something was read, and by which it was written, in the filter grammar.
    static let reads = "IN (INPUT, DECLARED_INPUT, INTERNAL_INPUT)"
    static let writes = "IN (OUTPUT, DECLARED_OUTPUT, INTERNAL_OUTPUT, PENDING_OUTPUT)"

    /// A cell of a list, which names its column where there is no room for columns.
    static func cell(_ column: String, _ style: String = "", _ html: inout HTML, _ body: (inout HTML) -> Void) {
        html.raw("<td")
        if !style.isEmpty {
            html.raw(" class=\"")
            html.text(style)
            html.raw("\"")
        }
        html.raw(" data-name=\"")
        html.text(column, upTo: 80)
        html.raw("\">")
        body(&html)
        html.raw("</td>")
    }

    /// How a column is sorted.
    enum Sorting { case ascending, descending }

    /// The beginning of a column's head.
    static func columnHead(sorted sorting: Sorting?, _ html: inout HTML) {
        switch sorting {
        case .ascending: html.raw("<th scope=\"col\" aria-sort=\"ascending\">")
        case .descending: html.raw("<th scope=\"col\" aria-sort=\"descending\">")
        case nil: html.raw("<th scope=\"col\">")
        }
    }

    /// The head of a table whose columns cannot be chosen.
    static func columns(_ names: [String], _ html: inout HTML) {
        html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"list\"><thead><tr>")
        for name in names {
            html.raw("<th scope=\"col\">")
            html.text(name, upTo: 80)
            html.raw("</th>")
        }
        html.raw("</tr></thead><tbody>")
    }

    static func endTable(_ html: inout HTML) { html.raw("</tbody></table></div>") }

    private static let knownStates: Set<String> = [
        "new", "running", "complete", "failed", "cached", "canceled", "unknown",
    ]

    /// A state as a word, with a mark of its own shape and colour.
    static func state(_ name: String, _ html: inout HTML) {
        guard !name.isEmpty else { return }
        html.raw("<span class=\"state ")
        if knownStates.contains(name) { html.text(name) }
        html.raw("\">")
        html.text(name, upTo: 80)
        html.raw("</span>")
    }

    /// A note that something is not as one would wish.
    static func note(_ text: String, _ html: inout HTML) {
        html.raw("<p class=\"note\">")
        html.text(text, upTo: shownValue)
        html.raw("</p>")
    }

    /// A uri; a link only where it is safe to open.
    static func uri(_ uri: String, _ html: inout HTML) {
        guard uri.hasPrefix("https://") || uri.hasPrefix("http://"), uri.utf8.count <= 2_000 else {
            html.raw("<span class=\"uri\">")
            html.text(uri, upTo: shownValue)
            html.raw("</span>")
            return
        }
        html.raw("<a class=\"uri\" rel=\"noopener noreferrer\" href=\"")
        html.text(uri)
        html.raw("\">")
        html.text(uri, upTo: shownValue)
        html.raw("</a>")
    }

    // MARK: Times and numbers

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

    /// `1,204,113`.
    static func number(_ value: Int) -> String {
        var digits = Array(String(value.magnitude))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return (value < 0 ? "-" : "") + String(digits)
    }

    /// `37`, `more than 1,000`.
    static func count(_ count: BoundedCount) -> String { (count.isExact ? "" : "more than ") + number(count.value) }
}
