import Lineage
import MetadataAPI

/// Who says so: the evidence and the problems of an execution, as the recorder wrote them, a line each.
struct EvidenceLines {
    /// A fact, and the convention and field that told it.
    var evidence: [(fact: String, source: String)] = []
    var problems: [String] = []
    private static let most = 200

    init(of node: some ShownNode) {
        for line in node.text(PropertyName.evidence).split(separator: "\n").prefix(Self.most) {
            let parts = line.split(separator: ":", maxSplits: 1)
            evidence.append((String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""))
        }
        problems = node.text(PropertyName.problems).split(separator: "\n").prefix(Self.most).map(String.init)
    }

    static let properties: Set<String> = [PropertyName.evidence, PropertyName.problems]

    func write(to html: inout HTML) {
        if !problems.isEmpty {
            html.raw("<h2>Problems in what was seen</h2><ul class=\"problems\">")
            for problem in problems { html.element("li", problem, upTo: PageFrame.shownValue) }
            html.raw("</ul>")
        }
        guard !evidence.isEmpty else { return }
        html.raw("<details class=\"evidence\"><summary>Who says so (")
        html.number(evidence.count)
        html.raw(")</summary>")
        FactsTable.begin(&html)
        for (fact, source) in evidence {
            FactsTable.row(fact, &html) { $0.text(source, upTo: PageFrame.shownText) }
        }
        FactsTable.end(&html)
        html.raw("</details>")
    }
}
