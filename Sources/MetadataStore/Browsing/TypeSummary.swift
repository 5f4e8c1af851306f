import SQLite

/// A type, and how much there is of it.
public struct TypeSummary: Sendable {
    public var kind: NodeKind
    public var id: Int64
    public var name: String
    public var version: String
    public var properties: [String]
    public var count: BoundedCount
}

extension Transaction {
    /// Nodes of one type are counted so far.
    private static let typeCountLimit = 1_000

    /// The types that have nodes or were made by somebody, in the order of their names.
    /// - Throws: ``StatusError``.
    public func typeSummaries(of kind: NodeKind, upTo limit: Int, seenBy visibility: Visibility) throws -> [TypeSummary]
    {
        let types = try connection.rows(
            "SELECT id, name, version FROM Type WHERE type_kind = ? ORDER BY name, version LIMIT \(limit)",
            kind.rawValue
        ) { (id: $0.integer(0), name: $0.text(1), version: $0.text(2)) }
        return try types.map { type in
            let properties = try connection.rows(
                "SELECT name FROM TypeProperty WHERE type_id = ? ORDER BY name LIMIT 100", type.id
            ) { $0.text(0) }
            let count =
                try connection.first(
                    "SELECT COUNT(*) FROM (SELECT 1 FROM \(kind.table) WHERE type_id = ? LIMIT \(Self.typeCountLimit + 1)) AS c",
                    type.id
                ) { Int($0.integer(0)) } ?? 0
            return TypeSummary(
                kind: kind, id: type.id, name: type.name, version: type.version, properties: properties,
                count: BoundedCount(min(count, Self.typeCountLimit), isExact: count <= Self.typeCountLimit))
        }
    }
}
