import MetadataAPI
import SQLite

/// What the names of a filter query mean: attributes of the node, its properties, and its neighbours, which are joined.
struct FilterNames {
    /// How many properties are joined: SQLite takes 64 tables.
    private static let maximumProperties = 36
    /// How many neighbours are joined: what they find is multiplied.
    private static let maximumNeighbours = 8

    private let kind: NodeKind
    private let dialect: Dialect
    /// Tables of neighbours and properties, and what links them to the node.
    private var joins: [String] = []
    private var links: [SQLFragment] = []
    /// The SQL names of what is joined already.
    private var aliases: [String: String] = [:]
    /// How many of these are properties.
    private var properties = 0

    init(kind: NodeKind, dialect: Dialect) { (self.kind, self.dialect) = (kind, dialect) }

    /// A condition with what it needs of other tables.
    func joined(_ condition: Condition) -> Condition {
        guard !joins.isEmpty else { return condition }
        // Joined within EXISTS, which stops at the first match, so that no node comes twice.
        let link = links.joined(separator: " AND ")
        var result = condition
        result.sql =
            "EXISTS (SELECT 1 FROM \(joins.joined(separator: " CROSS JOIN ")) WHERE \(link.text) AND (\(condition.sql)))"
        result.values = link.values + condition.values
        return result
    }

    /// An attribute of the node, or a path that begins with a neighbour.
    /// - Throws: ``StatusError``, INVALID_ARGUMENT.
    mutating func operand(_ path: [String], at start: Int) throws -> FilterOperand {
        func unknown(_ name: String) -> StatusError { FilterToken.error("Unrecognized name: \(name)", start) }
        switch path[0] {
        case "properties", "custom_properties":
            guard path.count == 3 else { throw unknown(path.joined(separator: ".")) }
            return try property(path[1], path[2], custom: path[0] == "custom_properties", at: start)
        case let head where head.contains("_") && path.count == 2:
            if let operand = try neighbour(head, path[1].lowercased(), at: start) { return operand }
            throw unknown(head)
        default: break
        }
        guard path.count == 1 else { throw unknown(path.joined(separator: ".")) }
        if let operand = Self.attribute(path[0].lowercased(), of: kind, alias: "n", type: "t", at: start) {
            return operand
        }
        // It may be the name of an enumeration's value, such as LIVE; the other side decides.
        let names = Self.states(of: .artifact).merging(Self.states(of: .execution)) { $1 }
            .merging(Self.eventTypes) { $1 }
        guard names[path[0].uppercased()] != nil else { throw unknown(path[0]) }
        return FilterOperand(sql: "", kind: .bool, column: start, enumName: path[0])
    }

    // MARK: Properties

    private mutating func property(
        _ name: String, _ field: String, custom: Bool, at start: Int
    ) throws -> FilterOperand {
        let kinds: [String: FilterKind] = [
            "int_value": .integer, "double_value": .double, "string_value": .string, "bool_value": .bool,
        ]
        let field = field.lowercased()
        guard let valueKind = kinds[field] else {
            throw FilterToken.error("Property \(name) has no field \(field)", start)
        }
        let key = (custom ? "custom_properties." : "properties.") + name
        let (alias, isNew) = try alias(for: key, isProperty: true, at: start)
        let place = "is_custom_property = \(custom ? "TRUE" : "FALSE")"
        if isNew {
            joins.append("\(kind.propertyTable) AS \(alias)")
            links.append(
                "\(alias).\(kind.propertyKey) = n.id AND \(alias).name = \(SQLFragment(.text(name))) AND \(alias).\(place)"
            )
        }
        // The index of each kind of value has only the rows that have one; there is none of bools.
        let lookup = Lookup(
            query: "SELECT \(kind.propertyKey) AS id FROM \(kind.propertyTable) WHERE name = ? AND \(place) AND ",
            values: [.text(name)], column: field, fallback: "IS NOT NULL", isLongText: valueKind == .string)
        // Bits stand beside a double that SQLite cannot hold. A NaN compares with nothing, as NULL.
        let sql: SQLFragment =
            valueKind == .double
            ? dialect.filter.double("\(alias).double_value", "\(alias).byte_value") : "\(alias).\(field)"
        return FilterOperand(
            sql: sql, kind: valueKind, column: start, lookup: valueKind == .bool ? nil : lookup)
    }

    private mutating func alias(
        for key: String, isProperty: Bool = false, at start: Int
    ) throws -> (name: String, isNew: Bool) {
        if let known = aliases[key] { return (known, false) }
        let (count, limit, what) =
            isProperty
            ? (properties, Self.maximumProperties, "properties")
            : (aliases.count - properties, Self.maximumNeighbours, "neighbours")
        guard count < limit else { throw FilterToken.error("More than \(limit) different \(what)", start) }
        let alias = "j\(aliases.count)"
        aliases[key] = alias
        if isProperty { properties += 1 }
        return (alias, true)
    }

    // MARK: Neighbours

    /// How neighbours of a kind are linked with the node.
    private struct Link {
        var kind: NodeKind
        var table: String
        /// The columns of the node and of the neighbour.
        var node: String
        var neighbour: String
    }

    private static let groups = ["parent_contexts", "child_contexts", "contexts", "artifacts", "executions", "events"]

    private func link(_ group: String) -> Link? {
        switch (group, kind) {
        case ("contexts", .artifact), ("contexts", .execution):
            kind.contextLink.map { Link(kind: .context, table: $0, node: "\(kind.word)_id", neighbour: "context_id") }
        case ("artifacts", .context):
            Link(kind: .artifact, table: "Attribution", node: "context_id", neighbour: "artifact_id")
        case ("executions", .context):
            Link(kind: .execution, table: "Association", node: "context_id", neighbour: "execution_id")
        case ("parent_contexts", .context):
            Link(kind: .context, table: "ParentContext", node: "context_id", neighbour: "parent_context_id")
        case ("child_contexts", .context):
            Link(kind: .context, table: "ParentContext", node: "parent_context_id", neighbour: "context_id")
        default: nil
        }
    }

    /// `contexts_x.name`, `events_x.type` and their kin; `nil` when the name is none of them.
    private mutating func neighbour(_ head: String, _ field: String, at start: Int) throws -> FilterOperand? {
        guard let group = Self.groups.first(where: { head.hasPrefix($0 + "_") }), head.count > group.count + 1 else {
            return nil
        }
        if group == "events" { return try event(head, field, at: start) }
        guard let link = link(group) else { return nil }
        guard Self.attribute(field, of: link.kind, alias: "n", type: "t", at: start) != nil else {
            throw FilterToken.error("\(link.kind.table) has no field \(field)", start)
        }
        let (alias, isNew) = try alias(for: head, at: start)
        if isNew {
            joins += ["\(link.table) AS \(alias)l", "\(link.kind.table) AS \(alias)", "Type AS \(alias)t"]
            links.append(
                "\(alias)l.\(link.node) = n.id AND \(alias).id = \(alias)l.\(link.neighbour) AND \(alias)t.id = \(alias).type_id"
            )
        }
        // The neighbours are found first, then what is linked to them.
        let found =
            "SELECT l.\(link.node) AS id FROM \(link.kind.table) \(dialect.orderedJoin) \(link.table) AS l"
            + " ON l.\(link.neighbour) = \(link.kind.table).id WHERE "
        return Self.attribute(field, of: link.kind, alias: alias, type: alias + "t", foundBy: found, at: start)
    }

    private mutating func event(_ head: String, _ field: String, at start: Int) throws -> FilterOperand? {
        guard kind != .context else { return nil }
        guard ["artifact_id", "execution_id", "type", "milliseconds_since_epoch"].contains(field) else {
            throw FilterToken.error("Event has no field \(field)", start)
        }
        let (alias, isNew) = try alias(for: head, at: start)
        if isNew {
            joins.append("Event AS \(alias)")
            links.append("\(alias).\(kind.word)_id = n.id")
        }
        let lookup = Lookup(query: "SELECT \(kind.word)_id AS id FROM Event WHERE ", column: field)
        return FilterOperand(
            sql: "\(alias).\(field)", kind: .integer, column: start, names: field == "type" ? Self.eventTypes : nil,
            lookup: field.hasSuffix("_id") ? lookup : nil)
    }

    // MARK: Attributes

    /// - Parameter query: how nodes are found by a condition on the table that has the attribute, which follows it;
    ///   `nil` where that is the node's own.
    private static func attribute(
        _ name: String, of kind: NodeKind, alias: String, type: String, foundBy query: String? = nil, at start: Int
    ) -> FilterOperand? {
        let table = kind.table
        let query = query ?? "SELECT \(table).id AS id FROM \(table) WHERE "
        let types = "SELECT id FROM Type WHERE type_kind = \(kind.rawValue)"
        func operand(
            _ sql: String, _ kind: FilterKind, _ lookup: Lookup?, _ names: [String: Int64]? = nil
        ) -> FilterOperand {
            FilterOperand(sql: SQLFragment(sql), kind: kind, column: start, names: names, lookup: lookup)
        }
        func lookup(_ condition: String = "") -> Lookup { Lookup(query: query + condition, column: "\(table).\(name)") }
        switch (name, kind) {
        case ("type", _):
            // The comparison goes into a query of types, which is closed after it.
            return operand(
                "\(type).name", .string,
                Lookup(query: "\(query)\(table).type_id IN (\(types) AND ", column: "Type.name", suffix: ")"))
        case ("id", _), ("type_id", _), ("create_time_since_epoch", _), ("last_update_time_since_epoch", _):
            return operand("\(alias).\(name)", .integer, lookup())
        case ("name", _):
            // Names are indexed within their type; MLMD 1.14 could leave a node with type 0.
            return operand("\(alias).name", .string, lookup("\(table).type_id IN (\(types) UNION ALL SELECT 0) AND "))
        case ("external_id", _): return operand("\(alias).\(name)", .string, lookup())
        case ("uri", .artifact):
            var lookup = lookup()
            lookup.isLongText = true
            return operand("\(alias).\(name)", .string, lookup)
        case ("state", .artifact): return operand("\(alias).\(name)", .integer, nil, states(of: kind))
        case ("last_known_state", .execution):
            // Nearly all are complete, and those have no index: to find them is no search.
            var lookup = lookup("\(Schema.rareStates) AND ")
            lookup.only = Schema.rareStateNumbers
            return operand("\(alias).\(name)", .integer, lookup, states(of: kind))
        default: return nil
        }
    }

    private static func states(of kind: NodeKind) -> [String: Int64] {
        switch kind {
        case .artifact:
            [
                "UNKNOWN": 0, "PENDING": 1, "LIVE": 2, "MARKED_FOR_DELETION": 3, "DELETED": 4,
                "ABANDONED": 5, "REFERENCE": 6,
            ]
        case .execution:
            [
                "UNKNOWN": 0, "NEW": 1, "RUNNING": 2, "COMPLETE": 3, "FAILED": 4, "CACHED": 5,
                "CANCELED": 6,
            ]
        case .context: [:]
        }
    }

    private static let eventTypes: [String: Int64] = [
        "UNKNOWN": 0, "DECLARED_OUTPUT": 1, "DECLARED_INPUT": 2, "INPUT": 3, "OUTPUT": 4, "INTERNAL_INPUT": 5,
        "INTERNAL_OUTPUT": 6, "PENDING_OUTPUT": 7,
    ]
}
