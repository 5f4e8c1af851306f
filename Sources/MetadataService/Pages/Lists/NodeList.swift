import FoundationEssentials
import Lineage
import MetadataAPI

/// What a list shows: its filters, its order and its page, as the address says them.
struct NodeList {
    /// In which order a list is: those that an index serves.
    enum Order: String, CaseIterable {
        case newest, oldest, changed, unchanged

        var label: String {
            switch self {
            case .newest: "newest first"
            case .oldest: "oldest first"
            case .changed: "last changed first"
            case .unchanged: "longest unchanged first"
            }
        }

        var isByUpdate: Bool { self == .changed || self == .unchanged }
        var isAscending: Bool { self == .oldest || self == .unchanged }
    }

    /// A condition of the list that can be taken off.
    struct Chip {
        var label: String
        /// The items of the address that make it.
        var names: [String]
    }

    let path: String
    let query: FormQuery
    /// The states that may be asked for, in the words of the filter grammar; empty where nodes have none.
    let states: [String]
    /// The column of the state.
    let stateColumn: String
    /// What the list has always, in the filter grammar.
    var always: String?
    /// Whether its nodes are in runs and workspaces.
    var isInContexts = true
    /// Whether they are all of one context, that of the page.
    var hasOwnContext = false

    var type: String? { query["type"] }
    var state: String? { query["state"].map { $0.uppercased() }.flatMap { states.contains($0) ? $0 : nil } }
    var filter: String? { query["filter"] }
    var isBackward: Bool { query["back"] != nil }
    var token: String? { query["back"] ?? query["page"] }
    var order: Order { query["order"].flatMap(Order.init) ?? .newest }
    /// By which column the rows of a page stand together.
    var group: String? { query["group"] }

    /// What the address asks for that there is not; `nil` where all is well.
    var misread: String? {
        if let given = query["state"], state == nil { return "There is no state \(given)." }
        if let given = query["order"], Order(rawValue: given) == nil { return "There is no order \(given)." }
        for name in ["from", "to"] {
            if let given = query[name], Self.day(given) == nil {
                return "\(name) \(given): should be a day such as 2026-11-02, or a time such as 2026-11-02T09:00:00Z."
            }
        }
        if let given = query["run"], Int64(given) == nil { return "run \(given): should be the number of a run." }
        return nil
    }

    /// What can be taken off the list.
    var chips: [Chip] {
        var chips: [Chip] = []
        if let type { chips.append(Chip(label: "type: \(type)", names: ["type"])) }
        if let state { chips.append(Chip(label: "state: \(state.lowercased())", names: ["state"])) }
        if let workspace = query["workspace"] {
            chips.append(Chip(label: "workspace: \(workspace)", names: ["workspace"]))
        }
        if let run = query["run"] { chips.append(Chip(label: "run \(run)", names: ["run"])) }
        if let from = query["from"] { chips.append(Chip(label: "from \(from)", names: ["from"])) }
        if let to = query["to"] { chips.append(Chip(label: "until \(to)", names: ["to"])) }
        if let filter { chips.append(Chip(label: filter, names: ["filter"])) }
        return chips
    }

    var isFiltered: Bool { !chips.isEmpty }

    /// The one context whose nodes are listed, where that is asked for: its links find them at once.
    enum Scope: Equatable {
        case run(Int64)
        case workspace(String)
    }

    /// `nil` where the list is of no context, or of a page's own.
    var scope: Scope? {
        guard isInContexts, !hasOwnContext else { return nil }
        if let run = query["run"].flatMap({ Int64($0) }) { return .run(run) }
        return query["workspace"].map { .workspace($0) }
    }

    /// The whole filter but for the scope, in the filter grammar.
    var condition: String {
        var conditions = [always].compactMap { $0 }
        if let type { conditions.append("type = \(Self.quoted(type))") }
        if let state { conditions.append("\(stateColumn) = \(state)") }
        if let workspace = query["workspace"], scope != .workspace(workspace) {
            let contexts = isInContexts ? "contexts_w" : "parent_contexts_w"
            conditions.append(
                "\(contexts).type = \(Self.quoted(TypeName.workspace)) AND \(contexts).name = \(Self.quoted(workspace))"
            )
        }
        if let from = query["from"].flatMap(Self.day) {
            conditions.append("create_time_since_epoch >= \(Timestamp.milliseconds(from.start))")
        }
        if let to = query["to"].flatMap(Self.day) {
            conditions.append("create_time_since_epoch < \(Timestamp.milliseconds(to.end))")
        }
        // In parentheses: an OR of it is not to undo the others. First: errors tell its columns.
        if let filter { conditions.insert(conditions.isEmpty ? filter : "(\(filter)\n)", at: 0) }
        return conditions.joined(separator: " AND ")
    }

    func options(size: Int32) -> MlMetadata_ListOperationOptions {
        var options = MlMetadata_ListOperationOptions.with {
            $0.maxResultSize = size
            $0.orderByField.field = order.isByUpdate ? .lastUpdateTime : .createTime
            $0.orderByField.isAsc = order.isAscending
            $0.filterQuery = condition
        }
        guard let token else { return options }
        guard let place = PagePlace(token) else {
            // The store says that it is none of its own.
            options.nextPageToken = token
            return options
        }
        var asked = options
        // What is read backwards has its places by the other order.
        if isBackward { asked.orderByField.isAsc.toggle() }
        options.nextPageToken = place.token(asked) ?? token
        return options
    }

    /// What is wrong with the filter, as who wrote it sees it.
    /// - Parameter message: of the store, with the place in the whole query: `[at 1:7]`.
    func problem(_ message: String) -> String {
        var text = message
        let prefix = "Invalid `filter_query`: "
        if text.hasPrefix(prefix) { text.removeFirst(prefix.count) }
        guard let mark = text.ranges(of: " [at 1:").last, text.hasSuffix("]"),
            let column = Int(text[mark.upperBound...].dropLast())
        else { return text }
        let isAlone = condition == filter
        return "\(text[..<mark.lowerBound]), at column \(isAlone ? column : column - 1) of the filter"
    }

    /// A text as a literal of the filter grammar.
    static func quoted(_ text: String) -> String { "'\(text.putting("\\", before: ["\\", "'"]))'" }

    /// A day, or a moment, in UTC.
    private static func day(_ text: String) -> (start: Date, end: Date)? {
        if text.utf8.count == 10, let date = Timestamp.parse(text + "T00:00:00Z") {
            return (date, date.addingTimeInterval(86_400))
        }
        return Timestamp.parse(text).map { ($0, $0) }
    }
}
