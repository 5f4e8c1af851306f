import JSON
import Lineage
import MetadataAPI

/// Facts and properties of a node, a row each.
struct PropertyTable {
    /// A value as it is shown.
    enum Value {
        case text(String)
        case time(Int64)
    }

    var facts: [(name: String, value: Value)]
    var properties: [(name: String, value: MlMetadata_Value)]

    /// - Parameters:
    ///   - left: names of properties that are shown elsewhere on the page.
    ///   - prefixes: what the names of such properties begin with.
    init(
        facts: [(name: String, value: Value)], of node: some ShownNode, without left: Set<String> = [],
        below prefixes: [String] = []
    ) {
        self.facts = facts
        properties = node.shownProperties.filter { property in
            !left.contains(property.name) && !prefixes.contains(where: property.name.hasPrefix)
        }
    }

    func write(to html: inout HTML) {
        html.raw("<h2 id=\"properties\">Properties</h2>")
        FactsTable.begin(&html)
        for (name, value) in facts { fact(name, value, &html) }
        let shown = properties.filter { !$0.value.text.isEmpty && $0.name != PredefinedType.allMeta }
        for (name, value) in shown.prefix(PageFrame.shownProperties) {
            FactsTable.row(name, &html) { Self.value(value.text, &$0) }
        }
        if shown.count > PageFrame.shownProperties {
            FactsTable.row("", &html) { $0.text("and \(shown.count - PageFrame.shownProperties) more: see the JSON") }
        }
        FactsTable.end(&html)
        if let all = properties.first(where: { $0.name == PredefinedType.allMeta }) {
            Self.allMeta(all.value.text, &html)
        }
    }

    private func fact(_ name: String, _ value: Value, _ html: inout HTML) {
        switch value {
        case .text(let text) where !text.isEmpty:
            FactsTable.row(name, &html) {
                $0.text(text, upTo: PageFrame.shownValue)
                if name.hasSuffix("id") || name == "digest" { $0.copyButton(text) }
            }
        case .time(let time) where time != 0: FactsTable.row(name, &html) { $0.time(time) }
        default: break
        }
    }

    /// A value; JSON is set out on lines of its own.
    private static func value(_ text: String, _ html: inout HTML) {
        if let first = text.utf8.first, first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
            text.utf8.count <= 64 << 10, let json = try? JSONValue(parsing: text)
        {
            html.raw("<pre>")
            html.text(json.jsonText(pretty: true), upTo: PageFrame.shownValue)
            html.raw("</pre>")
        } else if text.hasPrefix("https://") || text.hasPrefix("http://") {
            PageFrame.uri(text, &html)
        } else {
            html.text(text, upTo: PageFrame.shownValue)
        }
    }

    /// `__ALL_META__` of Kubeflow Metadata's clients: a whole entity as JSON, unfolded into rows.
    private static func allMeta(_ text: String, _ html: inout HTML) {
        guard text.utf8.count <= 1 << 20, let object = (try? JSONValue(parsing: text))?.object else {
            html.raw("<h2>As its client described it</h2><pre>")
            html.text(text, upTo: PageFrame.shownValue)
            html.raw("</pre>")
            return
        }
        html.raw("<h2>As its client described it</h2>")
        FactsTable.begin(&html)
        for member in object.members.prefix(PageFrame.shownProperties) {
            switch member.value {
            case .object(let inner) where !inner.isEmpty && inner.members.allSatisfy({ $0.value.scalarText != nil }):
                for part in inner.members.prefix(100) {
                    FactsTable.row("\(member.key).\(part.key)", &html) { value(part.value.scalarText ?? "", &$0) }
                }
            case let value:
                FactsTable.row(member.key, &html) { Self.value(value.scalarText ?? value.jsonText(), &$0) }
            }
        }
        FactsTable.end(&html)
    }
}
