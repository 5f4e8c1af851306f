import HTTPTypes
import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// A list of nodes: its form, its rows, and its pages, as HTML, JSON and CSV.
struct ListView<Node: ShownNode>: Sendable {
    var path: String
    var kind: NodeKind
    /// All columns, and the keys of those that are shown where nobody chose.
    var columns: [Column<Node>]
    var usual: [String]
    var states: [String] = []
    var stateColumn = ""
    /// What the list has always, in the filter grammar.
    var always: String?
    /// The types that may be chosen; those of the kind by default.
    var types: Set<String>?
    /// Only nodes of this context.
    var context: Int64?
    /// What can be asked by the filter, as an example.
    var example: String
    /// What is said where nothing is recorded.
    var empty: String
    /// As whom rows can be compared: `runs`; `nil` where they cannot.
    var comparedAs: String?
    var read: @Sendable (Transaction, Query) throws -> ListSlice<Node>

    /// What is read of a list.
    struct Query: Sendable {
        var options: MlMetadata_ListOperationOptions
        var isBackward: Bool
        /// Only nodes of this context.
        var context: Int64?
        var visibility: Visibility
    }

    private static var size: Int32 { 50 }
    /// Of a page that programs ask for, and of a CSV file.
    private static var longest: Int { 5_000 }
    /// Of a page that people see.
    private static var longestShown: Int { 500 }
    /// Of types to choose from: anybody makes more of them. Others are asked for by the filter.
    private static var maximumTypes: Int { 300 }
    private static var maximumColumns: Int { 30 }

    /// A page of it, or why there is none.
    struct Found {
        var list: NodeList
        var slice = ListSlice<Node>()
        var types: [String] = []
        var status = HTTPResponse.Status.ok
        var problem: String?

        /// The address of the next page, without the base.
        var next: String? {
            slice.next.flatMap(PagePlace.init(token:)).map {
                list.query.address(list.path, changing: [("page", $0.text), ("back", nil)])
            }
        }

        /// That of the page before.
        var previous: String? {
            slice.previous.flatMap(PagePlace.init(token:)).map {
                list.query.address(list.path, changing: [("back", $0.text), ("page", nil)])
            }
        }
    }

    func list(_ query: FormQuery) -> NodeList {
        NodeList(
            path: path, query: query, states: states, stateColumn: stateColumn, always: always,
            isInContexts: kind != .context, hasOwnContext: context != nil)
    }

    /// Reads a page; a smaller one where a whole one is more than one answer takes.
    func find(_ request: PageRequest) async -> Found {
        let list = list(request.query)
        if let misread = list.misread { return Found(list: list, status: .badRequest, problem: misread) }
        let wanted =
            request.query["limit"].flatMap { Int32($0) } ?? (request.format == .csv ? Int32(Self.longest) : Self.size)
        let most = Int32(request.format == .html ? Self.longestShown : Self.longest)
        var options = list.options(size: max(1, min(wanted, most)))
        let (kind, allowed, scope) = (kind, types, list.scope)
        let query = Query(
            options: options, isBackward: list.isBackward, context: context, visibility: request.visibility)
        while true {
            do {
                let (slice, types) = try await request.read { [options, read] transaction in
                    var query = query
                    query.options = options
                    let types = try transaction.typeNames(of: kind, upTo: Self.maximumTypes)
                    if let scope {
                        query.context = try Self.context(of: scope, transaction)
                        // A context that is not there has nothing in it.
                        if query.context == nil { return (ListSlice<Node>(), types) }
                    }
                    return (try read(transaction, query), types)
                }
                return Found(
                    list: list, slice: slice, types: types.filter { name in allowed.map { $0.contains(name) } ?? true })
            } catch let error as StatusError where error.code == .resourceExhausted && options.maxResultSize > 1 {
                options.maxResultSize = max(1, options.maxResultSize / 7)
            } catch let error as StatusError
                where error.code == .invalidArgument && error.message.hasPrefix("next_page_token")
            {
                return Found(list: list, status: .notFound, problem: "There is no such page of the list.")
            } catch let error as StatusError where error.code == .invalidArgument {
                return Found(list: list, status: .badRequest, problem: list.problem(error.message))
            } catch let error as StatusError where [.deadlineExceeded, .unavailable].contains(error.code) {
                return Found(
                    list: list, status: .serviceUnavailable,
                    problem: "The list takes too long to make. Ask for less: a type, or a filter by name, uri or run.")
            } catch {
                return Found(list: list, status: .internalServerError, problem: "The store could not be read: \(error)")
            }
        }
    }

    private static func context(of scope: NodeList.Scope, _ transaction: Transaction) throws -> Int64? {
        switch scope {
        case .run(let id): return id
        case .workspace(let name):
            let found = try transaction.getContextByTypeAndName(
                .with { ($0.typeName, $0.contextName) = (TypeName.workspace, name) })
            return found.hasContext ? found.context.id : nil
        }
    }

    // MARK: The page

    /// The list as a page of its own.
    func answer(_ request: PageRequest, title: String, section: PageFrame.Section) async -> PageAnswer {
        let found = await find(request)
        return PageAnswer(
            title: title, section: section, status: found.status, next: found.next, json: json(found), csv: csv(found)
        ) { html in
            html.element("h1", title)
            write(found, &html)
        }
    }

    func json(_ found: Found) -> JSONValue {
        if let problem = found.problem { return .members([("error", .string(problem))]) }
        var members: [(String, JSONValue)] = []
        if let count = found.slice.count {
            members.append(("count", .integer(Int64(count.value))))
            members.append(("count_is_exact", .bool(count.isExact)))
        }
        if let next = found.next { members.append(("next", .string(PageRequest.Format.json.address(of: next)))) }
        members.append(("items", .array(found.slice.nodes.map(\.json))))
        return .members(members)
    }

    func csv(_ found: Found) -> CSVTable? {
        guard found.problem == nil else { return nil }
        let columns = [Column<Node>.number] + chosen(found.list.query).filter { $0.key != "id" }
        return CSVTable(
            columns: columns.map(\.key), rows: found.slice.nodes.map { node in columns.map { $0.text(node) } })
    }

    private func chosen(_ query: FormQuery) -> [Column<Node>] {
        let asked = query.all("cols")
        var keys = asked.isEmpty ? usual : asked
        keys += query.all("props").map { ColumnKey.property + $0 }
        var chosen: [Column<Node>] = []
        for key in keys.prefix(Self.maximumColumns) where !chosen.contains(where: { $0.key == key }) {
            if let column = columns.first(where: { $0.key == key }) {
                chosen.append(column)
            } else if key.hasPrefix(ColumnKey.property) {
                chosen.append(.property(String(key.dropFirst(ColumnKey.property.count))))
            }
        }
        return chosen.contains { $0.key == "name" } ? chosen : [.name] + chosen
    }

    /// The form, the rows, and the links to other pages.
    /// - Parameter isPart: whether it is a part of a page that is about something else: its form is folded then.
    func write(_ found: Found, isPart: Bool = false, _ html: inout HTML) {
        let shown = chosen(found.list.query)
        let bar = FilterBar(
            list: found.list, types: found.types, columns: columns.map { ($0.key, $0.title) }, shown: shown.map(\.key),
            example: example, words: FilterWords(kind, of: found.slice.nodes))
        if isPart, !found.list.isFiltered {
            html.raw("<details class=\"narrow\"><summary>Filter, order and columns</summary>")
            bar.write(to: &html)
            html.raw("</details>")
        } else {
            bar.write(to: &html)
        }
        if let problem = found.problem {
            html.raw("<p class=\"problem\" role=\"alert\">")
            html.text(problem, upTo: PageFrame.shownValue)
            html.raw("</p>")
        } else if found.slice.nodes.isEmpty {
            html.raw("<p class=\"empty\">")
            html.text(found.list.isFiltered || found.list.token != nil ? "Nothing here is as asked for." : empty)
            html.raw("</p>")
        } else {
            table(found, shown, &html)
        }
        pager(found, &html)
    }

    private func table(_ found: Found, _ shown: [Column<Node>], _ html: inout HTML) {
        let form = comparedAs.map { CompareForm(kind: $0) }
        form?.begin(&html)
        html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"list\"><thead><tr>")
        if form != nil { CompareForm.head(&html) }
        for column in shown { head(column, found.list, &html) }
        html.raw("</tr></thead><tbody>")
        for (group, nodes) in groups(found, shown) {
            if let group {
                html.raw("<tr class=\"group\"><th scope=\"colgroup\" colspan=\"")
                html.number(shown.count + (form == nil ? 0 : 1))
                html.raw("\">")
                html.text(group.isEmpty ? "(none)" : group, upTo: PageFrame.shownText)
                html.raw(" <span class=\"soft\">")
                html.number(nodes.count)
                html.raw("</span></th></tr>")
            }
            for node in nodes { row(node, shown, form, &html) }
        }
        PageFrame.endTable(&html)
        form?.end(&html)
    }

    private func row(_ node: Node, _ shown: [Column<Node>], _ form: CompareForm?, _ html: inout HTML) {
        html.raw("<tr>")
        form?.cell(node.id, node.title, &html)
        for column in shown { PageFrame.cell(column.title, column.style, &html) { column.write(node, &$0) } }
        html.raw("</tr>")
    }

    /// The head of a column: a link that orders by it, where an index serves that.
    private func head(_ column: Column<Node>, _ list: NodeList, _ html: inout HTML) {
        guard let orders = column.orders else {
            html.raw("<th scope=\"col\" title=\"No index of the store has this order\">")
            html.text(column.title, upTo: 80)
            html.raw("</th>")
            return
        }
        let isDown = list.order == orders.down
        html.raw(
            isDown
                ? "<th scope=\"col\" aria-sort=\"descending\">"
                : list.order == orders.up ? "<th scope=\"col\" aria-sort=\"ascending\">" : "<th scope=\"col\">")
        let next = isDown ? orders.up : orders.down
        html.link(
            list.query.address(list.path, changing: [("order", next.rawValue), ("page", nil), ("back", nil)]),
            column.title + (isDown ? " ↓" : list.order == orders.up ? " ↑" : ""))
        html.raw("</th>")
    }

    /// The rows of the page that stand together, in the order in which their first is in the list.
    private func groups(_ found: Found, _ shown: [Column<Node>]) -> [(String?, [Node])] {
        guard let key = found.list.group, ColumnKey.groups.contains(key),
            let column = columns.first(where: { $0.key == key })
        else { return [(nil, found.slice.nodes)] }
        var order: [String] = []
        var members: [String: [Node]] = [:]
        for node in found.slice.nodes {
            let value = column.text(node)
            if members[value] == nil { order.append(value) }
            members[value, default: []].append(node)
        }
        return order.map { ($0, members[$0] ?? []) }
    }

    private func pager(_ found: Found, _ html: inout HTML) {
        guard found.problem == nil else { return }
        let list = found.list
        html.raw("<nav class=\"pages\" aria-label=\"Pages\">")
        if list.token != nil {
            html.link(list.query.address(list.path, changing: [("page", nil), ("back", nil)]), "First page")
        }
        if let previous = found.previous { html.link(previous, "Previous page") }
        if let next = found.next { html.link(next, "Next page") }
        if !found.slice.nodes.isEmpty {
            html.raw("<span class=\"soft\">")
            let shown = PageFrame.number(found.slice.nodes.count)
            html.text(
                found.slice.count.map { "\(shown) of \(PageFrame.count($0))" }
                    ?? "\(shown) of many: counting them would take too long")
            html.raw("</span><span class=\"forms\">")
            let first = list.query.address(list.path, changing: [("page", nil), ("back", nil)])
            html.link(PageRequest.Format.json.address(of: first), "JSON")
            // A run's page has no one table.
            if context == nil {
                html.raw(" ")
                html.link(PageRequest.Format.csv.address(of: first), "CSV")
            }
            html.raw("</span>")
        }
        html.raw("</nav>")
    }
}
