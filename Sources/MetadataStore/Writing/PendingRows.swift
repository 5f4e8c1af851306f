import SQLite

/// Rows that are yet to be written.
struct PendingRows {
    struct PropertyKey: Hashable {
        var node: WriteGroup.NodeKey
        var name: ExactText
        var isCustom: Bool

        init(node: WriteGroup.NodeKey, name: String, isCustom: Bool) {
            (self.node, self.name, self.isCustom) = (node, ExactText(name), isCustom)
        }
    }

    struct EventKey: Hashable {
        var artifact: Int64
        var execution: Int64
        var type: Int64
    }

    struct Event {
        var id: Int64
        var time: Int64
    }

    /// A step of the path of an event.
    struct Step {
        var event: Int64
        var isIndex: Bool
        var index: Int64?
        var key: String?
    }

    struct Link: Hashable {
        var kind: NodeKind
        var node: Int64
        var context: Int64
    }

    /// The columns of nodes that are new, in the order of ``columns(_:)``.
    var nodes: [WriteGroup.NodeKey: [SQLValue]] = [:]
    /// The same of nodes that were there, from the third column on.
    var updates: [WriteGroup.NodeKey: [SQLValue]] = [:]
    var removed: Set<PropertyKey> = []
    var properties: [PropertyKey: PropertyRow] = [:]
    var events: [EventKey: Event] = [:]
    var steps: [Step] = []
    var links: Set<Link> = []

    var isEmpty: Bool {
        nodes.isEmpty && updates.isEmpty && removed.isEmpty && properties.isEmpty && events.isEmpty && links.isEmpty
    }

    /// A column, and its type on PostgreSQL.
    struct Column {
        var name: String
        var type = "BIGINT"
    }

    /// The columns of a kind's table; the first is the number, the second the type.
    static func columns(_ kind: NodeKind) -> [Column] {
        let own: [Column] =
            switch kind {
            case .artifact: [Column(name: "uri", type: "TEXT"), Column(name: "state")]
            case .execution: [Column(name: "last_known_state")]
            case .context: []
            }
        return [
            Column(name: "id"), Column(name: "type_id"), Column(name: "create_time_since_epoch"),
            Column(name: "name", type: "TEXT"), Column(name: "external_id", type: "TEXT"),
            Column(name: "last_update_time_since_epoch"),
        ] + own
    }
}

// MARK: Statements

extension PendingRows {
    /// The statements that write them. Rows come in an order that all writers have, so that they wait for each other
    /// rather than each for the other.
    func statements(_ dialect: Dialect) -> [SQLQuery] {
        removals(dialect) + NodeKind.allCases.flatMap { updates($0) }
            + NodeKind.allCases.flatMap { insertions($0, dialect) }
            + NodeKind.allCases.flatMap { properties($0, dialect) } + eventInsertions(dialect)
            + NodeKind.allCases.flatMap { links($0, dialect) }
    }

    private func removals(_ dialect: Dialect) -> [SQLQuery] {
        // Few: only values that are changed.
        removed.sorted { ($0.node.id, $0.name) < ($1.node.id, $1.name) }.map { key in
            let kind = key.node.kind
            return SQLQuery(
                "DELETE FROM \(kind.propertyTable) WHERE \(kind.propertyKey) = ? AND name = ? AND is_custom_property = ?",
                [.integer(key.node.id), .text(key.name.text), .bool(key.isCustom)])
        }
    }

    private func updates(_ kind: NodeKind) -> [SQLQuery] {
        let columns = Self.columns(kind).dropFirst(3).map { $0.name + " = ?" }.joined(separator: ", ")
        return updates.filter { $0.key.kind == kind }.sorted { $0.key.id < $1.key.id }.map { key, values in
            SQLQuery("UPDATE \(kind.table) SET \(columns) WHERE id = ?", values + [.integer(key.id)])
        }
    }

    private func insertions(_ kind: NodeKind, _ dialect: Dialect) -> [SQLQuery] {
        let rows = nodes.filter { $0.key.kind == kind }.sorted { $0.key.id < $1.key.id }.map(\.value)
        return dialect.insertRows(kind.table, Self.columns(kind), rows, "")
    }

    private func properties(_ kind: NodeKind, _ dialect: Dialect) -> [SQLQuery] {
        let columns =
            [
                Column(name: kind.propertyKey), Column(name: "name", type: "TEXT"),
                Column(name: "is_custom_property", type: "BOOLEAN"), Column(name: "int_value"),
                Column(name: "double_value", type: "DOUBLE PRECISION"), Column(name: "string_value", type: "TEXT"),
                Column(name: "proto_value", type: dialect.hasBinaryProtos ? "BYTEA" : "TEXT"),
                Column(name: "bool_value", type: "BOOLEAN"), Column(name: "byte_value", type: "BYTEA"),
            ]
        let rows = properties.filter { $0.key.node.kind == kind }
            .sorted { ($0.key.node.id, $0.key.name) < ($1.key.node.id, $1.key.name) }
            .map { key, row -> [SQLValue] in
                func value(_ column: PropertyRow.Column) -> SQLValue { row.column == column ? row.value : .null }
                return [
                    .integer(key.node.id), .text(key.name.text), .bool(key.isCustom), value(.int), value(.double),
                    value(.string), value(.proto), value(.bool), row.bits.map { .blob($0) } ?? .null,
                ]
            }
        return dialect.insertRows(kind.propertyTable, columns, rows, "")
    }

    private func eventInsertions(_ dialect: Dialect) -> [SQLQuery] {
        let rows = events.sorted { $0.value.id < $1.value.id }.map { key, event -> [SQLValue] in
            [
                .integer(event.id), .integer(key.artifact), .integer(key.execution), .integer(key.type),
                .integer(event.time),
            ]
        }
        let columns = ["id", "artifact_id", "execution_id", "type", "milliseconds_since_epoch"].map { Column(name: $0) }
        let paths = steps.map { step -> [SQLValue] in
            [
                .integer(step.event), .bool(step.isIndex), step.index.map { .integer($0) } ?? .null,
                step.key.map { .text($0) } ?? .null,
            ]
        }
        let pathColumns = [
            Column(name: "event_id"), Column(name: "is_index_step", type: "BOOLEAN"), Column(name: "step_index"),
            Column(name: "step_key", type: "TEXT"),
        ]
        return dialect.insertRows("Event", columns, rows, "")
            + dialect.insertRows("EventPath", pathColumns, paths, "")
    }

    private func links(_ kind: NodeKind, _ dialect: Dialect) -> [SQLQuery] {
        guard let table = kind.contextLink else { return [] }
        let rows = links.filter { $0.kind == kind }.sorted { ($0.context, $0.node) < ($1.context, $1.node) }
            .map { [SQLValue.integer($0.context), .integer($0.node)] }
        return dialect.insertRows(
            table, [Column(name: "context_id"), Column(name: "\(kind.word)_id")], rows, dialect.orLeave("context_id"))
    }
}

extension [[SQLValue]] {
    /// Parts that go into one statement each.
    func parts() -> [Self] {
        var parts: [Self] = []
        var (start, bytes) = (0, 0)
        for (index, row) in enumerated() {
            bytes += row.reduce(0) { $0 + $1.size }
            guard bytes > Self.largest || index - start >= Self.most else { continue }
            parts.append(Self(self[start...index]))
            (start, bytes) = (index + 1, 0)
        }
        if start < count { parts.append(Self(self[start...])) }
        return parts
    }

    /// Bytes of one statement, and rows: databases bound what a statement may have.
    private static var largest: Int { 2 << 20 }
    private static var most: Int { 5_000 }
}

extension SQLValue {
    /// About how many bytes it takes.
    fileprivate var size: Int {
        switch self {
        case .text(let text): text.utf8.count + 4
        case .blob(let bytes): 2 * bytes.count + 4
        case .null, .integer, .real, .bool: 12
        }
    }
}
