public import MetadataAPI
import SQLite

/// The runs of a pipeline, and what has numbers in them.
extension Transaction {
    /// The contexts that name a pipeline, the newest first.
    /// - Parameter properties: under which it may be named, custom or of the type.
    /// - Throws: ``StatusError``.
    public func contexts(
        ofPipeline name: String, properties: [String], upTo limit: Int, seenBy visibility: Visibility
    ) throws -> [MlMetadata_Context] {
        let isName = connection.dialect.textEquals("string_value", SQLFragment(.text(name)))
        var ids: Set<Int64> = []
        for property in properties {
            for isCustom in [true, false] {
                ids.formUnion(
                    try connection.rows(
                        """
                        SELECT context_id FROM ContextProperty
                        WHERE name = ? AND is_custom_property = \(isCustom ? "TRUE" : "FALSE") AND \(isName.text)
                        ORDER BY \(connection.dialect.lastInserted("context_id")) LIMIT \(limit)
                        """, values: [.text(property)] + isName.values
                    ) { $0.integer(0) })
            }
        }
        return try nodes(ids: Array(ids.sorted(by: >).prefix(limit))).reversed()
    }

    /// The artifacts of contexts that have a number among their properties, by context; the newest of each.
    /// - Parameters:
    ///   - each: artifacts that are looked at in one context.
    ///   - limit: artifacts of all of them together.
    /// - Throws: ``StatusError``.
    public func measuredArtifacts(
        inContexts contexts: [Int64], each: Int, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> [Int64: [MlMetadata_Artifact]] {
        var found: [Int64: [Int64]] = [:]
        var count = 0
        for context in contexts where count < limit {
            let ids = try connection.rows(
                """
                SELECT artifact_id FROM
                (SELECT artifact_id FROM Attribution WHERE context_id = ? ORDER BY artifact_id DESC LIMIT \(each)) AS a
                WHERE EXISTS (SELECT 1 FROM ArtifactProperty AS p WHERE p.artifact_id = a.artifact_id
                AND (p.double_value IS NOT NULL OR p.int_value IS NOT NULL))
                """, context
            ) { $0.integer(0) }
            found[context] = ids
            count += ids.count
        }
        let nodes: [MlMetadata_Artifact] = try nodes(ids: Set(found.values.joined()).sorted())
        let byID = Dictionary(nodes.map { ($0.id, $0) }) { first, _ in first }
        return found.mapValues { $0.compactMap { byID[$0] } }
    }
}
