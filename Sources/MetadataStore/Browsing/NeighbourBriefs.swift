public import MetadataAPI
import SQLite

/// A neighbour of a node in few words: what it takes to put many of them together.
public struct NeighbourBrief: Sendable, Hashable {
    public var id: Int64
    /// What people call it; empty where nobody named it.
    public var title: String
    public var type: String
    /// MLMD's number of an execution's state; 0 of artifacts.
    public var state: Int
    /// Where its title stands, in the filter grammar; `nil` where that is no property.
    public var titleProperty: String?
}

extension Transaction {
    /// The neighbours of a node on one side of its events, the newest first.
    /// - Parameter kind: of the node itself.
    /// - Throws: ``StatusError``.
    public func neighbourBriefs(
        of kind: NodeKind, _ id: Int64, _ side: EventSide, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> [NeighbourBrief] {
        let other: NodeKind = kind == .artifact ? .execution : .artifact
        let order = kind == .artifact ? "execution_id DESC" : "id DESC"
        let state = other == .execution ? "n.last_known_state" : "0"
        let rows = try connection.rows(
            """
            SELECT n.id, COALESCE(p.string_value, o.string_value, n.name, ''), t.name, \(state),
            p.string_value IS NOT NULL, o.string_value IS NOT NULL FROM
            (SELECT \(other.word)_id AS other FROM Event WHERE \(kind.word)_id = ? AND type IN (\(side.types))
             ORDER BY \(order) LIMIT \(limit)) AS e
            JOIN \(other.table) AS n ON n.id = e.other LEFT JOIN Type AS t ON t.id = n.type_id
            LEFT JOIN \(other.propertyTable) AS p
            ON p.\(other.propertyKey) = n.id AND p.name = 'display_name' AND p.is_custom_property = TRUE
            LEFT JOIN \(other.propertyTable) AS o
            ON o.\(other.propertyKey) = n.id AND o.name = 'name' AND o.is_custom_property = FALSE
            """, id
        ) {
            NeighbourBrief(
                id: $0.integer(0), title: $0.text(1), type: $0.text(2), state: Int($0.integer(3)),
                titleProperty: $0.integer(4) != 0
                    ? "custom_properties.display_name" : $0.integer(5) != 0 ? "properties.name" : nil)
        }
        return rows.uniqued()
    }

    /// The events between artifacts and executions, with their paths, no more than so many.
    /// - Throws: ``StatusError``.
    public func wholeEvents(
        ofArtifacts artifacts: [Int64], executions: [Int64], upTo limit: Int
    ) throws -> [MlMetadata_Event] {
        let executions = executions.uniqued()
        var found: [Int64] = []
        // By the index of both: an execution may have thousands of others.
        for artifact in artifacts where found.count < limit {
            found += try connection.rows(
                "SELECT id FROM Event WHERE artifact_id = ? AND execution_id IN ({list})", [.integer(artifact)],
                list: executions
            ) { $0.integer(0) }
        }
        return try events(ids: Array(found.prefix(limit)))
    }
}
