import MetadataAPI

/// What a list shows: its filters, its order and its page, as the address says them.
struct NodeList {
    /// In which order a list is: those that an index serves.
    enum Order: String, CaseIterable {
        case newest, oldest, changed

        var label: String {
            switch self {
            case .newest: "newest first"
            case .oldest: "oldest first"
            case .changed: "last changed first"
            }
        }
    }

    let path: String
    let query: FormQuery
    /// The states that may be asked for, in the words of the filter grammar; empty where nodes have none.
    let states: [String]
    /// The column of the state.
    let stateColumn: String

    var type: String? { query["type"] }
    var state: String? { query["state"].flatMap { states.contains($0) ? $0 : nil } }
    var filter: String? { query["filter"] }
    var token: String? { query["page"] }
    var order: Order { query["order"].flatMap(Order.init) ?? .newest }
    /// What the address asks for that there is not; `nil` where all is well.
    var misread: String? {
        if let given = query["state"], state == nil { return "There is no state \(given)." }
        if let given = query["order"], Order(rawValue: given) == nil { return "There is no order \(given)." }
        return nil
    }

    var isFiltered: Bool { type != nil || state != nil || filter != nil }

    /// - Parameters:
    ///   - size: of a page.
    ///   - condition: what the list has always, in the filter grammar.
    func options(size: Int32, always condition: String? = nil) -> MlMetadata_ListOperationOptions {
        var conditions = [condition].compactMap { $0 }
        if let type { conditions.append("type = \(Self.quoted(type))") }
        if let state { conditions.append("\(stateColumn) = \(state)") }
        // In parentheses: an OR of it is not to undo the others. First: errors tell its columns.
        if let filter { conditions.insert(conditions.isEmpty ? filter : "(\(filter)\n)", at: 0) }
        return .with {
            $0.maxResultSize = size
            $0.orderByField.field = order == .changed ? .lastUpdateTime : .createTime
            $0.orderByField.isAsc = order == .oldest
            $0.filterQuery = conditions.joined(separator: " AND ")
            if let token { $0.nextPageToken = token }
        }
    }

    /// What is wrong with the filter, as who wrote it sees it.
    /// - Parameter message: of the store, with the place in the whole query: `[at 1:7]`.
    func problem(_ message: String, always condition: String? = nil) -> String {
        var text = message
        let prefix = "Invalid `filter_query`: "
        if text.hasPrefix(prefix) { text.removeFirst(prefix.count) }
        guard let mark = text.ranges(of: " [at 1:").last, text.hasSuffix("]"),
            let column = Int(text[mark.upperBound...].dropLast())
        else { return text }
        let isAlone = type == nil && state == nil && condition == nil
        return "\(text[..<mark.lowerBound]), at column \(isAlone ? column : column - 1) of the filter"
    }

    /// A text as a literal of the filter grammar.
    static func quoted(_ text: String) -> String {
        "'" + text.reduce(into: "") { $0 += $1 == "\\" || $1 == "'" ? "\\\($1)" : String($1) } + "'"
    }

    /// The form above the list.
    func bar(types: [String], example: StaticString, _ html: inout HTML) {
        html.raw("<form class=\"filter\" method=\"get\" action=\"")
        html.text(path)
        html.raw("\">")
        if !types.isEmpty || type != nil {
            html.raw("<label>Type <select name=\"type\"><option value=\"\">any</option>")
            for name in types { Self.option(name, name, isChosen: name == type, &html) }
            html.raw("</select></label>")
        }
        if !states.isEmpty {
            html.raw("<label>State <select name=\"state\"><option value=\"\">any</option>")
            for name in states { Self.option(name, name.lowercased(), isChosen: name == state, &html) }
            html.raw("</select></label>")
        }
        html.raw("<label>Order <select name=\"order\">")
        for choice in Order.allCases { Self.option(choice.rawValue, choice.label, isChosen: choice == order, &html) }
        html.raw("</select></label><label class=\"wide\">Filter <input name=\"filter\" value=\"")
        html.text(filter ?? "")
        html.raw("\" placeholder=\"")
        html.raw(example)
        html.raw("\" spellcheck=\"false\" autocapitalize=\"off\"></label><button>Show</button>")
        if isFiltered {
            html.raw("<a href=\"")
            html.text(path)
            html.raw("\">Clear</a>")
        }
        html.raw("</form>")
    }

    private static func option(_ value: String, _ label: String, isChosen: Bool, _ html: inout HTML) {
        html.raw("<option value=\"")
        html.text(value)
        html.raw(isChosen ? "\" selected>" : "\">")
        html.text(label, upTo: PageFrame.shownText)
        html.raw("</option>")
    }

    /// Links to the first page and to the next.
    func pager(next: String, _ html: inout HTML) {
        guard !next.isEmpty || token != nil else { return }
        html.raw("<nav class=\"pages\" aria-label=\"Pages\">")
        if token != nil {
            html.raw("<a href=\"")
            html.text(query.address(path, changing: [("page", nil)]))
            html.raw("\">First page</a>")
        }
        if !next.isEmpty {
            html.raw("<a rel=\"next\" href=\"")
            html.text(query.address(path, changing: [("page", next)]))
            html.raw("\">Next page</a>")
        }
        html.raw("</nav>")
    }
}
