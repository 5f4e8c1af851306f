import MetadataAPI
import SQLite

/// Reading of nodes by what identifies them.
extension Transaction {
    /// The columns that ``readNode(_:)`` reads, the node's table as `n` and that of its type as `t`.
    func columns<N: Node>(_: N.Type) -> String {
        let own = N.ownColumns.map { column in
            isShortened && column == "uri" ? ", substr(n.uri, 1, \(Self.shortText))" : ", n.\(column)"
        }.joined()
        return """
            n.id, n.type_id, t.name, n.name, n.external_id, n.create_time_since_epoch,
            n.last_update_time_since_epoch\(own)
            """
    }

    /// `SELECT` of these columns.
    func selection<N: Node>(_: N.Type) -> String {
        "SELECT \(columns(N.self)) FROM \(N.kind.table) AS n LEFT JOIN Type AS t ON t.id = n.type_id"
    }

    func readNode<N: Node>(_ row: Row) -> N {
        var node = N()
        node.id = row.integer(0)
        node.typeID = row.integer(1)
        if let type = row.optionalText(2) { node.type = type }
        if let name = row.optionalText(3) { node.name = name }
        if let id = row.optionalText(4) { node.externalID = id }
        node.createTimeSinceEpoch = row.integer(5)
        node.lastUpdateTimeSinceEpoch = row.integer(6)
        node.readOwn(row, at: 7)
        return node
    }

    /// As long as what was seen of a node is, and for the recorder alone.
    private static let withoutOwn =
        " AND name NOT IN (\(PropertyName.recordersOwn.sorted().map { "'\($0)'" }.joined(separator: ", ")))"

    /// The nodes with their properties.
    func complete<N: Node>(_ nodes: [N]) throws -> [N] {
        guard !nodes.isEmpty else { return [] }
        var nodes = nodes
        let index = Dictionary(nodes.enumerated().map { ($1.id, $0) }) { first, _ in first }
        let kind = N.kind
        let dialect = connection.dialect
        _ = try connection.rows(
            """
            SELECT \(kind.propertyKey), name, is_custom_property,
            \(isShortened ? PropertyRow.shortColumns : PropertyRow.columns)
            FROM \(kind.propertyTable) WHERE \(kind.propertyKey) IN ({list})\(isShortened ? Self.withoutOwn : "")
            """, list: nodes.map(\.id)
        ) { row in
            guard let position = index[row.integer(0)] else { return }
            let value = PropertyRow.value(row, from: 3, dialect)
            if row.integer(2) != 0 {
                nodes[position].customProperties[row.text(1)] = value
            } else {
                nodes[position].properties[row.text(1)] = value
            }
        }
        return nodes
    }

    /// The nodes with these ids, by id; unknown ids are left out.
    func nodes<N: Node>(ids: [Int64]) throws -> [N] {
        try nodes(where: "n.id IN ({list})", list: ids.uniqued())
    }

    /// The nodes for which a condition with `{list}` holds, by id.
    func nodes<N: Node, Value: SQLBindable>(where condition: String, list: [Value]) throws -> [N] {
        let rows: [N] = try connection.rows(
            selection(N.self) + " WHERE " + condition, list: list, row: readNode)
        return try complete(rows.sorted { $0.id < $1.id })
    }

    /// - Throws: ``StatusError``: NOT_FOUND when there is none, INVALID_ARGUMENT for an empty id.
    func nodes<N: Node>(externalIDs: [String]) throws -> [N] {
        try Self.checkExternalIDs(externalIDs)
        let found: [N] = try nodes(where: "n.external_id IN ({list})", list: externalIDs.uniqued())
        if found.isEmpty, !externalIDs.isEmpty {
            throw StatusError.notFound("No \(N.kind.word)s found for external_ids.")
        }
        return found
    }

    /// The node of a type with a name.
    func node<N: Node>(_: N.Type, type: String, version: String?, name: String) throws -> N? {
        guard let typeID = try typeID(of: type, version: version, kind: N.kind) else { return nil }
        return try node(typeID: typeID, name: name)
    }

    /// The node of a type with a name.
    func node<N: Node>(typeID: Int64, name: String) throws -> N? {
        let row: N? = try connection.first(
            selection(N.self) + " WHERE n.type_id = ? AND n.name = ?", typeID, name,
            row: readNode)
        return try row.flatMap { try complete([$0]).first }
    }

    func typeID(of name: String, version: String?, kind: NodeKind) throws -> Int64? {
        let sql = "SELECT id FROM Type WHERE name = ? AND type_kind = ? AND version "
        if let version, !version.isEmpty {
            return try connection.first(sql + "= ?", name, kind.rawValue, version) { $0.integer(0) }
        }
        return try connection.first(sql + "IS NULL", name, kind.rawValue) { $0.integer(0) }
    }

    /// Lets nobody else change nodes until the transaction ends, so that what is read of them now stays so.
    func lock(_ kind: NodeKind, _ ids: [Int64]) throws {
        let clause = connection.dialect.forUpdate
        guard !clause.isEmpty else { return }
        _ = try connection.rows(
            "SELECT id FROM \(kind.table) WHERE id IN ({list}) ORDER BY id\(clause)", list: ids.uniqued()
        ) { _ in }
    }
}
