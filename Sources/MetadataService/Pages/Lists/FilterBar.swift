import MetadataStore

/// The form above a list, and what the list has of it now.
struct FilterBar {
    let list: NodeList
    /// The types to choose from.
    var types: [String]
    /// The columns to choose from, and those that are shown.
    var columns: [(key: String, title: String)]
    var shown: [String]
    var example: String
    /// What its names are.
    var words: FilterWords

    func write(to html: inout HTML) {
        html.raw("<form class=\"filter\" method=\"get\" action=\"")
        html.address(list.path)
        html.raw("\">")
        if !types.isEmpty || list.type != nil {
            select("Type", "type", [("", "any")] + types.map { ($0, $0) }, list.type ?? "", &html)
        }
        if !list.states.isEmpty {
            select("State", "state", [("", "any")] + list.states.map { ($0, $0.lowercased()) }, list.state ?? "", &html)
        }
        field("Workspace", "workspace", list.query["workspace"] ?? "", &html)
        field("Created from", "from", list.query["from"] ?? "", type: "date", &html)
        field("until", "to", list.query["to"] ?? "", type: "date", &html)
        select("Order", "order", NodeList.Order.allCases.map { ($0.rawValue, $0.label) }, list.order.rawValue, &html)
        html.raw("<label class=\"wide\">Filter <input name=\"filter\" value=\"")
        html.text(list.filter ?? "")
        html.raw("\" placeholder=\"")
        html.text(example)
        html.raw("\" spellcheck=\"false\" autocapitalize=\"off\" data-words=\"")
        html.text(words.all.joined(separator: " "))
        html.raw("\"></label>")
        if let run = list.query["run"] { hidden("run", run, &html) }
        html.raw(
            "<button>Show</button><details class=\"columns\"><summary>Columns</summary><fieldset><legend>Shown</legend>"
        )
        for (key, title) in columns {
            html.raw("<label><input type=\"checkbox\" name=\"cols\" value=\"")
            html.text(key)
            html.raw(shown.contains(key) ? "\" checked> " : "\"> ")
            html.text(title)
            html.raw("</label>")
        }
        let properties = shown.filter { $0.hasPrefix(ColumnKey.property) }
        html.raw("<label>Properties <input name=\"props\" value=\"")
        html.text(properties.map { String($0.dropFirst(ColumnKey.property.count)) }.joined(separator: ","))
        html.raw(
            "\" placeholder=\"values.accuracy,owner\"></label><label>Group by <select name=\"group\"><option value=\"\">nothing</option>"
        )
        for (key, title) in columns where ColumnKey.groups.contains(key) {
            option(key, title, isChosen: list.group == key, &html)
        }
        html.raw("</select></label></fieldset></details>")
        words.write(example: example, list: list, to: &html)
        html.raw("</form>")
        chips(&html)
    }

    private func chips(_ html: inout HTML) {
        guard list.isFiltered else { return }
        html.raw("<ul class=\"chips\" aria-label=\"Filters\">")
        for chip in list.chips {
            html.raw("<li>")
            html.text(chip.label, upTo: 200)
            html.raw(" <a href=\"")
            html.address(list.query.address(list.path, changing: (chip.names + ["page", "back"]).map { ($0, nil) }))
            html.raw("\" aria-label=\"Take off ")
            html.text(chip.label, upTo: 200)
            html.raw("\">×</a></li>")
        }
        html.raw("<li>")
        html.link(list.path, "Clear all")
        html.raw("</li></ul>")
    }

    private func hidden(_ name: String, _ value: String, _ html: inout HTML) {
        html.raw("<input type=\"hidden\" name=\"")
        html.text(name)
        html.raw("\" value=\"")
        html.text(value)
        html.raw("\">")
    }

    private func field(_ label: String, _ name: String, _ value: String, type: String = "text", _ html: inout HTML) {
        html.raw("<label>")
        html.text(label)
        html.raw(" <input type=\"")
        html.text(type)
        html.raw("\" name=\"")
        html.text(name)
        html.raw("\" value=\"")
        html.text(value)
        html.raw("\"></label>")
    }

    private func select(
        _ label: String, _ name: String, _ options: [(value: String, label: String)], _ chosen: String,
        _ html: inout HTML
    ) {
        html.raw("<label>")
        html.text(label)
        html.raw(" <select name=\"")
        html.text(name)
        html.raw("\">")
        for (value, label) in options { option(value, label, isChosen: value == chosen, &html) }
        html.raw("</select></label>")
    }

    private func option(_ value: String, _ label: String, isChosen: Bool, _ html: inout HTML) {
        html.raw("<option value=\"")
        html.text(value)
        html.raw(isChosen ? "\" selected>" : "\">")
        html.text(label, upTo: PageFrame.shownText)
        html.raw("</option>")
    }
}
