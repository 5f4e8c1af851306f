import MetadataAPI
import SQLite

/// The rows of nodes, as requests read and write them: in the group's memory where there is one, in the database else.
extension Transaction {
    /// A node with its properties, which nobody else changes until the transaction ends.
    /// - Throws: `SQLiteError`, `ServerError`.
    func stored<N: Node>(_: N.Type, _ id: Int64) throws -> N? {
        guard let group = connection.group else {
            try lock(N.kind, [id])
            let found: [N] = try nodes(ids: [id])
            return found.first
        }
        let key = WriteGroup.NodeKey(kind: N.kind, id: id)
        if group.state.known.nodes[key] == nil {
            var needs = WriteNeeds()
            needs.stored[N.kind] = [id]
            try prepare(needs, group)
        }
        return group.state.known.nodes[key] as? N
    }

    func exists(_ kind: NodeKind, _ id: Int64) throws -> Bool {
        guard let group = connection.group else {
            let lock = kind == .artifact ? connection.dialect.forShare : ""
            return try connection.first("SELECT 1 FROM \(kind.table) WHERE id = ?\(lock)", id) { _ in true } ?? false
        }
        let key = WriteGroup.NodeKey(kind: kind, id: id)
        if let node = group.state.known.nodes[key] { return node != nil }
        if group.state.known.present[key] == nil {
            var needs = WriteNeeds()
            needs.present[kind] = [id]
            try prepare(needs, group)
        }
        return group.state.known.present[key] ?? false
    }

    /// The node with an external id.
    func id(of kind: NodeKind, externalID: String) throws -> Int64? {
        if let group = connection.group, let known = group.state.known.externalIDs[.init(kind: kind, text: externalID)]
        {
            return known
        }
        return try connection.first("SELECT id FROM \(kind.table) WHERE external_id = ?", externalID) { $0.integer(0) }
    }

    /// The node of a type with a name.
    func id(of kind: NodeKind, type: Int64, name: String) throws -> Int64? {
        if let group = connection.group,
            let known = group.state.known.names[.init(kind: kind, type: type, name: name)]
        {
            return known
        }
        return try connection.first("SELECT id FROM \(kind.table) WHERE type_id = ? AND name = ?", type, name) {
            $0.integer(0)
        }
    }

    /// Writes a new node without its properties.
    /// - Returns: its id.
    /// - Throws: ``StatusError``, ALREADY_EXISTS; `SQLiteError`, `ServerError`.
    func insertRow<N: Node>(_ node: N) throws -> Int64 {
        let name = node.hasName ? SQLValue.text(node.name) : .null
        let externalID = node.hasExternalID ? SQLValue.text(node.externalID) : .null
        guard let group = connection.group else {
            return try unique(duplicate(node)) {
                try connection.insert(
                    N.insertion,
                    values: [.integer(node.typeID), name, externalID, .integer(now), .integer(now)] + node.ownValues)
            }
        }
        try checkUnique(node, group)
        let id = try number(.node(N.kind), group)
        let key = WriteGroup.NodeKey(kind: N.kind, id: id)
        group.set(
            \.rows.nodes[key],
            [.integer(id), .integer(node.typeID), .integer(now), name, externalID, .integer(now)] + node.ownValues)
        var stored = node
        (stored.id, stored.createTimeSinceEpoch, stored.lastUpdateTimeSinceEpoch) = (id, now, now)
        group.set(\.known.nodes[key], .some(stored))
        remember(node, id, group)
        return id
    }

    private func checkUnique<N: Node>(_ node: N, except id: Int64? = nil, _ group: WriteGroup) throws {
        let known = group.state.known
        if node.hasName, let other = known.names[.init(kind: N.kind, type: node.typeID, name: node.name)] ?? nil,
            other != id
        {
            throw StatusError.alreadyExists("\(duplicate(node)): \(other) has the name")
        }
        if node.hasExternalID,
            let other = known.externalIDs[.init(kind: N.kind, text: node.externalID)] ?? nil, other != id
        {
            throw StatusError.alreadyExists("\(duplicate(node)): \(other) has the external_id")
        }
    }

    private func remember<N: Node>(_ node: N, _ id: Int64, _ group: WriteGroup) {
        if node.hasName {
            let key = WriteGroup.NameKey(kind: N.kind, type: node.typeID, name: node.name)
            group.set(\.known.names[key], .some(id))
        }
        if node.hasExternalID {
            let key = WriteGroup.ExternalIDKey(kind: N.kind, text: node.externalID)
            group.set(\.known.externalIDs[key], .some(id))
        }
    }

    /// Writes a node that is there, without its properties.
    /// - Throws: ``StatusError``, ALREADY_EXISTS; `SQLiteError`, `ServerError`.
    func updateRow<N: Node>(_ node: N, over stored: N, time: Int64) throws {
        let name = node.hasName ? SQLValue.text(node.name) : .null
        let externalID = node.hasExternalID ? SQLValue.text(node.externalID) : .null
        let values = [name, externalID, .integer(time)] + node.ownValues
        guard let group = connection.group else {
            let assignments = ["name", "external_id", "last_update_time_since_epoch"] + N.ownColumns
            _ = try unique(duplicate(node)) {
                try connection.run(
                    "UPDATE \(N.kind.table) SET \(assignments.map { $0 + " = ?" }.joined(separator: ", "))"
                        + " WHERE id = ?", values: values + [.integer(node.id)])
            }
            return
        }
        try checkUnique(node, except: node.id, group)
        let key = WriteGroup.NodeKey(kind: N.kind, id: node.id)
        if let row = group.state.rows.nodes[key] {
            group.set(\.rows.nodes[key], Array(row.prefix(3)) + values)
        } else {
            group.set(\.rows.updates[key], values)
        }
        var changed = node
        changed.createTimeSinceEpoch = stored.createTimeSinceEpoch
        changed.lastUpdateTimeSinceEpoch = time
        group.set(\.known.nodes[key], .some(changed))
        if stored.hasName, stored.name != node.name {
            let old = WriteGroup.NameKey(kind: N.kind, type: node.typeID, name: stored.name)
            group.set(\.known.names[old], .some(nil))
        }
        if stored.hasExternalID, stored.externalID != node.externalID {
            let old = WriteGroup.ExternalIDKey(kind: N.kind, text: stored.externalID)
            group.set(\.known.externalIDs[old], .some(nil))
        }
        remember(node, node.id, group)
    }

    /// Writes a property that the node does not have.
    /// - Throws: `SQLiteError`, `ServerError`.
    func insertProperty(_ row: PropertyRow, _ name: String, custom: Bool, of id: Int64, kind: NodeKind) throws {
        guard let group = connection.group else {
            return try connection.run(row.column.insertion(into: kind), id, name, custom, row.value, row.bits)
        }
        let key = PendingRows.PropertyKey(node: .init(kind: kind, id: id), name: name, isCustom: custom)
        group.set(\.rows.properties[key], row)
    }

    /// Takes a property away.
    /// - Throws: `SQLiteError`, `ServerError`.
    func deleteProperty(_ name: String, custom: Bool, of id: Int64, kind: NodeKind) throws {
        guard let group = connection.group else {
            return try connection.run(
                "DELETE FROM \(kind.propertyTable) WHERE \(kind.propertyKey) = ? AND name = ?"
                    + " AND is_custom_property = ?", id, name, custom)
        }
        let key = PendingRows.PropertyKey(node: .init(kind: kind, id: id), name: name, isCustom: custom)
        // What the group wrote is not there yet.
        if group.state.rows.properties[key] != nil { group.set(\.rows.properties[key], nil) }
        if group.state.rows.nodes[key.node] == nil { group.remove(key) }
    }

    func duplicate<N: Node>(_ node: N) -> String {
        var shown = "type_id: \(node.typeID)"
        if node.hasName { shown += " name: \"\(node.name)\"" }
        if node.hasExternalID { shown += " external_id: \"\(node.externalID)\"" }
        return "Given node already exists: \(shown)"
    }
}

extension Node {
    fileprivate static var insertion: String {
        switch kind {
        case .artifact:
            """
            INSERT INTO Artifact (type_id, name, external_id, create_time_since_epoch,
            last_update_time_since_epoch, uri, state) VALUES (?, ?, ?, ?, ?, ?, ?)
            """
        case .execution:
            """
            INSERT INTO Execution (type_id, name, external_id, create_time_since_epoch,
            last_update_time_since_epoch, last_known_state) VALUES (?, ?, ?, ?, ?, ?)
            """
        case .context:
            """
            INSERT INTO Context (type_id, name, external_id, create_time_since_epoch,
            last_update_time_since_epoch) VALUES (?, ?, ?, ?, ?)
            """
        }
    }
}

extension PropertyRow.Column {
    // Made once: these run for each property that is written.
    private static let insertions: [NodeKind: [Self: String]] = Dictionary(
        uniqueKeysWithValues: NodeKind.allCases.map { kind in
            (kind, Dictionary(uniqueKeysWithValues: allCases.map { ($0, insertion($0, into: kind)) }))
        })

    private static func insertion(_ column: Self, into kind: NodeKind) -> String {
        """
        INSERT INTO \(kind.propertyTable) (\(kind.propertyKey), name, is_custom_property, \(column.rawValue),
        byte_value) VALUES (?, ?, ?, ?, ?)
        """
    }

    fileprivate func insertion(into kind: NodeKind) -> String {
        Self.insertions[kind]?[self] ?? Self.insertion(self, into: kind)
    }
}
