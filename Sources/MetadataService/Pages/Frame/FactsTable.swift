/// A table of names with a value each.
enum FactsTable {
    static func begin(_ html: inout HTML) {
        html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"facts\">")
    }

    static func row(_ name: String, _ html: inout HTML, _ value: (inout HTML) -> Void) {
        html.raw("<tr><th scope=\"row\">")
        html.text(name, upTo: PageFrame.shownText)
        html.raw("</th><td class=\"value\">")
        value(&html)
        html.raw("</td></tr>")
    }

    static func end(_ html: inout HTML) { html.raw("</table></div>") }

    /// The values of a node below a prefix, such as its parameters, under a heading; nothing where there are none.
    static func write(_ title: String, _ node: some ShownNode, below prefix: String, _ html: inout HTML) {
        let values = node.values(below: prefix)
        guard !values.isEmpty else { return }
        html.element("h2", title)
        begin(&html)
        for (name, value) in values.prefix(PageFrame.shownProperties) {
            row(name, &html) { $0.text(value.text, upTo: PageFrame.shownValue) }
        }
        end(&html)
    }
}
