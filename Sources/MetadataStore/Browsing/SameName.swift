public import MetadataAPI
import SQLite

/// Nodes that people call by the same name, by the index of text properties.
extension Transaction {
    /// The artifacts with a display name, the last written first: the versions of one thing.
    /// - Throws: ``StatusError``.
    public func artifacts(
        named name: String, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> [MlMetadata_Artifact] { try nodes(named: name, limit) }

    /// The executions with a display name, the last written first: the runs of one step.
    /// - Throws: ``StatusError``.
    public func executions(
        named name: String, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> [MlMetadata_Execution] { try nodes(named: name, limit) }

    /// The contexts with a display name, the last written first.
    /// - Throws: ``StatusError``.
    public func contexts(
        named name: String, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> [MlMetadata_Context] { try nodes(named: name, limit) }

    private func nodes<N: Node>(named name: String, _ limit: Int) throws -> [N] {
        guard !name.isEmpty else { return [] }
        // Names are properties by either way, and MLMD's own name of who has no other.
        let properties = [("display_name", true), ("name", false), ("name", true), ("display_name", false)]
        let isName = connection.dialect.textEquals("string_value", SQLFragment(.text(name)))
        // By several properties a node is found several times.
        var ids: Set<Int64> = []
        for (property, isCustom) in properties where ids.count < limit {
            // The rows of an index are in the order of their insertion where all else is the same.
            ids.formUnion(
                try connection.rows(
                    """
                    SELECT \(N.kind.propertyKey) FROM \(N.kind.propertyTable)
                    WHERE name = ? AND is_custom_property = \(isCustom ? "TRUE" : "FALSE") AND \(isName.text)
                    ORDER BY \(connection.dialect.lastInserted(N.kind.propertyKey)) LIMIT \(limit)
                    """, values: [.text(property)] + isName.values
                ) { $0.integer(0) })
        }
        let types = try connection.rows("SELECT id FROM Type WHERE type_kind = ?", N.kind.rawValue) { $0.integer(0) }
        for type in types.prefix(300) where ids.count < limit {
            ids.formUnion(
                try connection.rows("SELECT id FROM \(N.kind.table) WHERE type_id = ? AND name = ?", type, name) {
                    $0.integer(0)
                })
        }
        let newest = ids.sorted(by: >).prefix(limit)
        return try nodes(ids: Array(newest)).reversed()
    }
}
