import MetadataAPI

/// Facts and properties of a node, a row each.
struct PropertyTable {
    var facts: [(name: String, value: String)]
    var properties: [String: MlMetadata_Value]
    var custom: [String: MlMetadata_Value]

    func write(to html: inout HTML) {
        html.raw("<h2>Properties</h2><div class=\"scroll\"><table>")
        let all =
            facts.map { ($0.name, $0.value) } + properties.map { ($0.key, $0.value.text) }.sorted { $0.0 < $1.0 }
            + custom.filter { properties[$0.key] == nil && !PropertyName.recordersOwn.contains($0.key) }.map {
                ($0.key, $0.value.text)
            }
            .sorted { $0.0 < $1.0 }
        let shown = all.filter { !$0.1.isEmpty }
        for (name, value) in shown.prefix(PageFrame.shownProperties) {
            html.raw("<tr><th scope=\"row\">")
            html.text(name, upTo: PageFrame.shownText)
            html.raw("</th><td class=\"value\">")
            html.text(value, upTo: PageFrame.shownValue)
            html.raw("</td></tr>")
        }
        if shown.count > PageFrame.shownProperties {
            html.raw("<tr><th></th><td class=\"value\">")
            html.text("and \(shown.count - PageFrame.shownProperties) more")
            html.raw("</td></tr>")
        }
        html.raw("</table></div>")
    }
}
