import JSON
import Lineage
import MetadataAPI
import MetadataStore

/// Impact and provenance: all that came of a node, or that it came of, as a table by distance.
struct LineageTablePage: Page {
    /// Which way it looks.
    enum Way: Sendable {
        case provenance, impact

        var path: String { self == .impact ? "/impact" : "/provenance" }
        var direction: MlMetadata_LineageSubgraphQueryOptions.Direction { self == .impact ? .downstream : .upstream }
    }

    /// What of it is shown.
    enum Part: String, CaseIterable {
        case all, artifacts, executions, serving

        var label: String {
            switch self {
            case .all: "all"
            case .artifacts: "artifacts"
            case .executions: "executions"
            case .serving: "what serves now"
            }
        }
    }

    let way: Way
    var paths: [String] { [way.path] }

    private static let size = 100
    private static let longestCSV = 5_000
    /// Nodes that are walked.
    private static let most = 200_000
    private static let mostServices: Int32 = 2_000
    /// With more than these only the order by distance needs no reading of them all.
    private static let mostSorted = 5_000

    /// What is read for the page, in one snapshot.
    struct Model: Sendable {
        var way: Way
        var start: LineageTable.Entry
        var title: String
        var path: String
        var part: Part
        var table: LineageTable
        /// Those of the part, and the page of them.
        var entries: [LineageTable.Entry]
        var page: Int
        var size: Int
        var shown: [LineageTable.Entry]
        var artifacts: [Int64: MlMetadata_Artifact]
        var executions: [Int64: MlMetadata_Execution]
        var services: Set<Int64>
        /// The column that the rows are sorted by; `nil` for the order by distance.
        var sort: Column?
        var isDescending = false
        var canSort: Bool { entries.count <= LineageTablePage.mostSorted }
    }

    /// A column of the table.
    enum Column: String, CaseIterable {
        case distance, name, kind, state, owner, run, workspace

        var title: String { self == .distance ? "Steps away" : rawValue.prefix(1).uppercased() + rawValue.dropFirst() }

        func text(_ row: Row) -> String {
            switch self {
            case .distance: ""
            case .name: row.title
            case .kind: row.type
            case .state: row.state
            case .owner: row.owner
            case .run: row.run
            case .workspace: row.workspace
            }
        }
    }

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        let start = try LineageView.start(request.query)
        let visibility = request.visibility
        guard let part = Part(rawValue: request.query["only"] ?? "all") else {
            throw PageProblem.misread(
                "only: should be one of \(Part.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let sort = request.query["sort"].map { Column(rawValue: $0) }
        if case .some(nil) = sort {
            throw PageProblem.misread(
                "sort: should be one of \(Column.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let isDescending = request.query["desc"] == "1"
        let page = max(1, min(request.query["page"].flatMap { Int($0) } ?? 1, Self.most))
        let (way, isCSV) = (way, request.format == .csv)
        let model = try await request.read { transaction -> Model? in
            let own = try transaction.nodes(of: [start], seenBy: visibility)
            let node: (any ShownNode)? = start.kind == .artifact ? own.artifacts[start.id] : own.executions[start.id]
            guard let node else { return nil }
            let table = try transaction.lineageTable(
                of: start.kind, start.id, way.direction, upTo: Self.most, seenBy: visibility)
            let services = Set(
                way == .impact || part == .serving
                    ? try Serving.running(transaction, upTo: Self.mostServices, seenBy: visibility).services.map(\.id)
                    : [])
            let entries = table.entries.dropFirst().filter { entry in
                switch part {
                case .all: true
                case .artifacts: entry.kind == .artifact
                case .executions: entry.kind == .execution
                case .serving: entry.kind == .execution && services.contains(entry.id)
                }
            }
            let size = isCSV ? Self.longestCSV : Self.size
            let found = Set(table.entries.filter { $0.kind == .execution }.map(\.id))
            var model = Model(
                way: way, start: start, title: node.title, path: node.path, part: part, table: table,
                entries: Array(entries), page: page, size: size, shown: [], artifacts: [:], executions: [:],
                services: services.intersection(found))
            if let sort = sort ?? (isDescending ? .distance : nil), model.canSort {
                (model.sort, model.isDescending) = (sort, isDescending)
                try model.read(model.entries, transaction, visibility)
                model.sortEntries()
            }
            model.shown = Array(model.entries.dropFirst((page - 1) * size).prefix(size))
            try model.read(model.shown, transaction, visibility)
            return model
        }
        guard let model else { throw PageProblem.notFound("There is no \(start.kind.word) \(start.id).") }
        return Self.page(model)
    }

    static func page(_ model: Model) -> PageAnswer {
        let isImpact = model.way == .impact
        let title = isImpact ? "What came of \(model.title)" : "What \(model.title) came of"
        let isArtifact = model.start.kind == .artifact
        let rows = model.shown.map { row($0, model) }
        return PageAnswer(
            title: title, section: isArtifact ? .artifacts : .executions,
            crumbs: [
                (isArtifact ? "Artifacts" : "Executions", isArtifact ? "/" : "/executions"), (model.title, model.path),
            ],
            next: model.page * model.size < model.entries.count ? address(model, page: model.page + 1) : nil,
            json: json(model, rows), csv: CSVTable(columns: Row.columns, rows: rows.map(\.texts))
        ) { html in
            html.element("h1", title)
            summary(model, &html)
            parts(model, &html)
            guard !rows.isEmpty else {
                return PageFrame.note(model.entries.isEmpty ? "Nothing." : "There is no such page.", &html)
            }
            head(model, &html)
            for row in rows { row.write(to: &html) }
            PageFrame.endTable(&html)
            pager(model, &html)
        }
    }

    /// The columns, as links that sort.
    private static func head(_ model: Model, _ html: inout HTML) {
        html.raw("<div class=\"scroll\" tabindex=\"0\"><table class=\"list\"><thead><tr>")
        for column in Column.allCases {
            let isSorted = (model.sort ?? .distance) == column
            PageFrame.columnHead(sorted: isSorted ? model.isDescending ? .descending : .ascending : nil, &html)
            if model.canSort {
                var other = model
                (other.sort, other.isDescending) = (column, isSorted && !model.isDescending)
                html.link(address(other), column.title + (isSorted ? model.isDescending ? " ↓" : " ↑" : ""))
            } else {
                html.text(column.title)
            }
            html.raw("</th>")
        }
        html.raw("</tr></thead><tbody>")
    }

    private static func address(_ model: Model, part: Part? = nil, page: Int = 1) -> String {
        let sort = model.sort == .distance ? nil : model.sort
        return FormQuery(nil).address(
            model.way.path,
            changing: [
                (model.start.kind.word, String(model.start.id)),
                ("only", (part ?? model.part) == .all ? nil : (part ?? model.part).rawValue),
                ("sort", sort?.rawValue), ("desc", model.isDescending ? "1" : nil),
                ("page", page == 1 ? nil : String(page)),
            ])
    }

    /// How much there is, and what of it serves.
    private static func summary(_ model: Model, _ html: inout HTML) {
        let artifacts = model.table.entries.dropFirst().filter { $0.kind == .artifact }.count
        let executions = model.table.entries.dropFirst().count - artifacts
        html.raw("<p class=\"facts\">")
        let more = model.table.isComplete ? "" : " or more"
        html.element("span", "\(PageFrame.number(artifacts))\(more) artifacts")
        html.element("span", "\(PageFrame.number(executions))\(more) executions")
        html.element("span", "up to \(model.table.entries.last?.depth ?? 0) steps away")
        if model.way == .impact {
            html.element(
                "span",
                model.services.isEmpty
                    ? "nothing serves it now" : "\(PageFrame.number(model.services.count)) serve it now")
        }
        html.raw("</p>")
        if model.way == .impact, artifacts + executions > 0 {
            PageFrame.note(
                "If this is wrong, all of it may be: the executions would have to run again, and what serves would have to be replaced.",
                &html)
        }
    }

    private static func parts(_ model: Model, _ html: inout HTML) {
        html.raw("<nav class=\"related\" aria-label=\"Part\">")
        for part in Part.allCases {
            html.raw("<a href=\"")
            html.address(address(model, part: part))
            html.raw(part == model.part ? "\" aria-current=\"true\">" : "\">")
            html.text(part.label)
            html.raw("</a>")
        }
        html.link("/lineage?\(model.start.kind.word)=\(model.start.id)", "as a picture")
        html.raw("</nav>")
    }

    private static func pager(_ model: Model, _ html: inout HTML) {
        html.raw("<nav class=\"pages\" aria-label=\"Pages\">")
        if model.page > 1 {
            html.link(address(model), "First page")
            html.link(address(model, page: model.page - 1), "Previous page")
        }
        if model.page * size < model.entries.count { html.link(address(model, page: model.page + 1), "Next page") }
        html.raw("<span class=\"soft\">")
        html.text("\(PageFrame.number(model.shown.count)) of \(PageFrame.number(model.entries.count))")
        if !model.canSort { html.text(". By distance only: more than \(PageFrame.number(mostSorted)) are not sorted") }
        html.raw("</span><span class=\"forms\">")
        html.link(PageRequest.Format.json.address(of: address(model, page: model.page)), "JSON")
        html.raw(" ")
        html.link(PageRequest.Format.csv.address(of: address(model)), "CSV")
        html.raw("</span></nav>")
    }

    // MARK: Rows

    /// A row of the table.
    struct Row {
        static let columns = ["steps_away", "kind", "id", "name", "type", "state", "owner", "run", "workspace"]

        var entry: LineageTable.Entry
        var title = ""
        var path = ""
        var type = ""
        var state = ""
        var owner = ""
        var run = ""
        var workspace = ""

        var texts: [String] {
            [String(entry.depth), entry.kind.word, String(entry.id), title, type, state, owner, run, workspace]
        }

        func write(to html: inout HTML) {
            html.raw("<tr>")
            PageFrame.cell("Steps away", "number", &html) { $0.number(entry.depth) }
            PageFrame.cell("Name", "name", &html) { $0.link(path, title) }
            PageFrame.cell("Kind", "", &html) { $0.text(type, upTo: 200) }
            PageFrame.cell("State", "nowrap", &html) { PageFrame.state(state, &$0) }
            PageFrame.cell("Owner", "", &html) { $0.text(owner, upTo: 200) }
            PageFrame.cell("Run", "", &html) { $0.text(run, upTo: 200) }
            PageFrame.cell("Workspace", "", &html) { $0.text(workspace, upTo: 200) }
            html.raw("</tr>")
        }
    }

    fileprivate static func row(_ entry: LineageTable.Entry, _ model: Model) -> Row {
        if entry.kind == .artifact, let node = model.artifacts[entry.id] {
            return Row(
                entry: entry, title: node.titleAndVersion,
                path: node.path,
                type: node.type, state: node.stateName, owner: node.text("owner"), run: RunName.short(node.runName),
                workspace: node.workspaceName)
        }
        guard let node = model.executions[entry.id] else { return Row(entry: entry) }
        return Row(
            entry: entry, title: node.title, path: node.path, type: node.type, state: node.stateName,
            owner: node.text("owner"), run: node.runTitle,
            workspace: node.text(PropertyName.workspace, PropertyName.namespace))
    }

    private static func json(_ model: Model, _ rows: [Row]) -> JSONValue {
        .members([
            ("count", .integer(Int64(model.entries.count))), ("is_complete", .bool(model.table.isComplete)),
            (
                "items",
                .array(
                    rows.map { row in
                        .members(
                            zip(Row.columns, row.texts).map { ($0, .string($1)) } + [
                                ("href", .string(row.path))
                            ])
                    })
            ),
        ])
    }
}

extension LineageTablePage.Model {
    fileprivate mutating func read(
        _ entries: [LineageTable.Entry], _ transaction: Transaction, _ visibility: Visibility
    ) throws {
        let missing = entries.filter { $0.kind == .artifact ? artifacts[$0.id] == nil : executions[$0.id] == nil }
        guard !missing.isEmpty else { return }
        let nodes = try transaction.shortened.nodes(of: missing, seenBy: visibility)
        artifacts.merge(nodes.artifacts) { $1 }
        executions.merge(nodes.executions) { $1 }
    }

    /// Sorts all rows; of one text the nearer comes first, in both directions.
    fileprivate mutating func sortEntries() {
        guard let sort else { return }
        guard sort != .distance else {
            if isDescending {
                entries.sort { ($1.depth, $0.kind.rawValue, $0.id) < ($0.depth, $1.kind.rawValue, $1.id) }
            }
            return
        }
        let keyed = entries.map { (text: sort.text(LineageTablePage.row($0, self)), entry: $0) }
        // What has no text comes last either way.
        entries = keyed.sorted { first, second in
            if first.text == second.text {
                return (first.entry.depth, first.entry.kind.rawValue, first.entry.id)
                    < (second.entry.depth, second.entry.kind.rawValue, second.entry.id)
            }
            if first.text.isEmpty || second.text.isEmpty { return second.text.isEmpty }
            return (first.text < second.text) != isDescending
        }.map(\.entry)
    }
}
