import MetadataAPI
import SQLite

/// Reading ahead for a group of requests, in one round trip.
extension Transaction {
    /// A query, and what is done with its rows.
    private struct Ask {
        var query: SQLQuery
        var row: (Row) -> Void
    }

    /// Reads what a request needs and the group does not know yet; nothing where the store is asked directly.
    /// - Throws: `ServerError`.
    func prepare(for request: some WriteRequest) throws {
        guard let group = connection.group else { return }
        try prepare(request.needs, group)
    }

    /// - Throws: `ServerError`.
    func prepare(_ needs: WriteNeeds, _ group: WriteGroup) throws {
        let known = group.state.known
        var asks: [Ask] = []
        // In one order everywhere: else two replicas wait for each other.
        for kind in NodeKind.allCases {
            guard let ids = needs.stored[kind] else { continue }
            let missing = ids.filter { known.nodes[WriteGroup.NodeKey(kind: kind, id: $0)] == nil }
            if !missing.isEmpty { asks += stored(kind, missing.sorted(), group) }
        }
        for kind in NodeKind.allCases {
            guard let ids = needs.present[kind] else { continue }
            let missing = ids.filter {
                let key = WriteGroup.NodeKey(kind: kind, id: $0)
                return known.present[key] == nil && known.nodes[key] == nil
                    && needs.stored[kind]?.contains($0) != true
            }
            if !missing.isEmpty { asks.append(present(kind, missing.sorted(), group)) }
        }
        for (kind, texts) in needs.externalIDs {
            let missing = texts.filter { known.externalIDs[.init(kind: kind, text: $0.text)] == nil }
            if !missing.isEmpty { asks.append(externalIDs(kind, missing.sorted().map(\.text), group)) }
        }
        for (owner, texts) in needs.names {
            let missing = texts.filter {
                known.names[.init(kind: owner.kind, type: owner.type, name: $0.text)] == nil
            }
            if !missing.isEmpty { asks.append(names(owner, missing.sorted().map(\.text), group)) }
        }
        let types = needs.types.filter { typeCache[$0] == nil }
        if !types.isEmpty { asks += self.types(types.sorted()) }
        for (kind, count) in needs.newNodes { asks += numbers(.node(kind), count, group) }
        asks += numbers(.event, needs.newEvents, group)
        try run(asks, group)
    }

    private func run(_ asks: [Ask], _ group: WriteGroup) throws {
        guard !asks.isEmpty else { return }
        do {
            try connection.server?.runAside(asks.map(\.query)) { number, row in
                try group.count(row.size)
                asks[number].row(Row(row))
            }
        } catch let excess as ReadMeter.Excess {
            group.stop()
            throw excess
        }
    }

    private func list(_ sql: String, _ first: [SQLValue] = [], _ values: [SQLValue]) -> SQLQuery {
        connection.dialect.list(SQLQuery(sql, first), values)
    }

    // MARK: What is asked

    /// Nodes with their properties, which nobody else changes from now on.
    private func stored(_ kind: NodeKind, _ ids: [Int64], _ group: WriteGroup) -> [Ask] {
        switch kind {
        case .artifact: stored(MlMetadata_Artifact.self, ids, group)
        case .execution: stored(MlMetadata_Execution.self, ids, group)
        case .context: stored(MlMetadata_Context.self, ids, group)
        }
    }

    private func stored<N: Node>(_: N.Type, _ ids: [Int64], _ group: WriteGroup) -> [Ask] {
        let kind = N.kind
        let values = ids.map { SQLValue.integer($0) }
        let dialect = connection.dialect
        group.learn { known in
            for id in ids { known.nodes[.init(kind: kind, id: id)] = .some(nil) }
        }
        return [
            Ask(
                query: list(
                    "SELECT id FROM \(kind.table) WHERE id IN ({list}) ORDER BY id\(dialect.forUpdate)", [], values)
            ) { _ in },
            Ask(query: list(selection(N.self) + " WHERE n.id IN ({list})", [], values)) { row in
                let node: N = readNode(row)
                group.learn { $0.nodes[.init(kind: kind, id: node.id)] = .some(node) }
            },
            Ask(
                query: list(
                    """
                    SELECT \(kind.propertyKey), name, is_custom_property, \(PropertyRow.columns)
                    FROM \(kind.propertyTable) WHERE \(kind.propertyKey) IN ({list})
                    """, [], values)
            ) { row in
                let key = WriteGroup.NodeKey(kind: kind, id: row.integer(0))
                group.learn { known in
                    guard var node = known.nodes[key] as? N else { return }
                    let value = PropertyRow.value(row, from: 3, dialect)
                    if row.integer(2) != 0 {
                        node.customProperties[row.text(1)] = value
                    } else {
                        node.properties[row.text(1)] = value
                    }
                    known.nodes[key] = .some(node)
                }
            },
        ]
    }

    private func present(_ kind: NodeKind, _ ids: [Int64], _ group: WriteGroup) -> Ask {
        group.learn { known in
            for id in ids { known.present[.init(kind: kind, id: id)] = false }
        }
        // Who takes an artifact back waits until its event is there, and then leaves it.
        let lock = kind == .artifact ? connection.dialect.forShare : ""
        return Ask(
            query: list(
                "SELECT id FROM \(kind.table) WHERE id IN ({list}) ORDER BY id\(lock)", [],
                ids.map { .integer($0) })
        ) { row in
            let id = row.integer(0)
            group.learn { $0.present[.init(kind: kind, id: id)] = true }
        }
    }

    private func externalIDs(_ kind: NodeKind, _ texts: [String], _ group: WriteGroup) -> Ask {
        learnAbsent(texts, group) { $0.externalIDs[.init(kind: kind, text: $1)] = $2 }
        return Ask(
            query: list(
                "SELECT id, external_id FROM \(kind.table) WHERE external_id IN ({list})", [],
                texts.map { .text($0) })
        ) { row in
            let (id, text) = (row.integer(0), row.text(1))
            learn(id, text, texts, group) { $0.externalIDs[.init(kind: kind, text: $1)] = $2 }
        }
    }

    private func names(_ owner: WriteNeeds.Owner, _ texts: [String], _ group: WriteGroup) -> Ask {
        learnAbsent(texts, group) { $0.names[.init(kind: owner.kind, type: owner.type, name: $1)] = $2 }
        return Ask(
            query: list(
                "SELECT id, name FROM \(owner.kind.table) WHERE type_id = ? AND name IN ({list})",
                [.integer(owner.type)], texts.map { .text($0) })
        ) { row in
            let (id, text) = (row.integer(0), row.text(1))
            learn(id, text, texts, group) { $0.names[.init(kind: owner.kind, type: owner.type, name: $1)] = $2 }
        }
    }

    private typealias Learning = (inout WriteGroup.Known, String, Int64??) -> Void

    private func learnAbsent(_ texts: [String], _ group: WriteGroup, _ learning: Learning) {
        group.learn { known in
            for text in texts { learning(&known, text, .some(nil)) }
        }
    }

    /// A text that the database found as asked for is known; where its collation took another for it, nothing of them
    /// is, and each is asked for again.
    private func learn(
        _ id: Int64, _ text: String, _ asked: [String], _ group: WriteGroup, _ learning: Learning
    ) {
        group.learn { known in
            if asked.contains(where: { $0.utf8.elementsEqual(text.utf8) }) { return learning(&known, text, .some(id)) }
            for text in asked { learning(&known, text, nil) }
        }
    }

    private func types(_ ids: [Int64]) -> [Ask] {
        let values = ids.map { SQLValue.integer($0) }
        let cache = typeCache
        return [
            Ask(query: list("SELECT id, type_kind FROM Type WHERE id IN ({list})", [], values)) { row in
                guard let kind = NodeKind(rawValue: row.integer(1)) else { return }
                cache[row.integer(0)] = TypeCache.Entry(kind: kind, properties: [:])
            },
            Ask(
                query: list("SELECT type_id, name, data_type FROM TypeProperty WHERE type_id IN ({list})", [], values)
            ) { row in
                let type = MlMetadata_PropertyType(rawValue: Int(row.integer(2))) ?? .unknown
                cache[row.integer(0)]?.properties[row.text(1)] = type
            },
        ]
    }

    private func numbers(_ table: WriteGroup.Numbered, _ count: Int, _ group: WriteGroup) -> [Ask] {
        let missing = count - group.left(table)
        guard missing > 0 else { return [] }
        return connection.dialect.reserve(table, missing).map { query in
            Ask(query: query) { row in
                let (first, step) = (row.integer(0), row.integer(1))
                group.add((0..<row.integer(2)).map { first + $0 * step }, table)
            }
        }
    }

    /// The number of a new row.
    /// - Throws: `ServerError`.
    func number(_ table: WriteGroup.Numbered, _ group: WriteGroup) throws -> Int64 {
        if let number = group.number(table) { return number }
        try run(numbers(table, 1, group), group)
        guard let number = group.number(table), number > 0 else {
            throw ServerError(.other, "the database gives no number for a row of \(table.table)")
        }
        return number
    }
}
