public import MetadataAPI
import SQLite

/// What is on the other side of a node's events.
public struct Neighbours<Node: Sendable>: Sendable {
    /// The newest, with the event between; bounded.
    public var all: [(event: MlMetadata_Event, node: Node)]
    /// How many there are.
    public var count: BoundedCount
}

/// Whether an artifact went into an execution or came out of it.
public enum EventSide: Sendable, Hashable, CaseIterable {
    case input, output

    /// MLMD's event types of the side, as SQL.
    var types: String {
        let types: [MlMetadata_Event.TypeEnum] =
            switch self {
            case .input: [.declaredInput, .input, .internalInput]
            case .output: [.declaredOutput, .output, .internalOutput, .pendingOutput]
            }
        return types.map { String($0.rawValue) }.joined(separator: ", ")
    }
}

extension Transaction {
    /// Neighbours are counted so far.
    private static let neighbourLimit = 10_000

    /// The executions that read or wrote an artifact, the newest first.
    /// - Throws: ``StatusError``.
    public func executions(
        of artifact: Int64, _ side: EventSide, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> Neighbours<MlMetadata_Execution> { try neighbours(.artifact, artifact, side, limit) { $0.executionID } }

    /// The artifacts that an execution read or wrote, the newest first.
    /// - Throws: ``StatusError``.
    public func artifacts(
        of execution: Int64, _ side: EventSide, upTo limit: Int, seenBy visibility: Visibility
    ) throws -> Neighbours<MlMetadata_Artifact> { try neighbours(.execution, execution, side, limit) { $0.artifactID } }

    private func neighbours<N: Node>(
        _ kind: NodeKind, _ id: Int64, _ side: EventSide, _ limit: Int, _ other: (MlMetadata_Event) -> Int64
    ) throws -> Neighbours<N> {
        // The index that serves each kind ends in what the order is by.
        let order = kind == .artifact ? "execution_id DESC" : "id DESC"
        let condition = "FROM Event WHERE \(kind.word)_id = ? AND type IN (\(side.types))"
        let ids = try connection.rows("SELECT id \(condition) ORDER BY \(order) LIMIT \(limit)", id) { $0.integer(0) }
        let events = try self.events(ids: ids)
        let nodes: [N] = try self.nodes(ids: events.map(other))
        let byID = Dictionary(nodes.map { ($0.id, $0) }) { first, _ in first }
        let count =
            try connection.first(
                "SELECT COUNT(*) FROM (SELECT 1 \(condition) LIMIT \(Self.neighbourLimit + 1)) AS c", id
            ) { Int($0.integer(0)) } ?? 0
        return Neighbours(
            all: events.reversed().compactMap { event in byID[other(event)].map { (event, $0) } },
            count: BoundedCount(min(count, Self.neighbourLimit), isExact: count <= Self.neighbourLimit))
    }

    /// The contexts that nodes belong to, by node; bounded.
    /// - Throws: ``StatusError``.
    public func contexts(
        ofArtifacts artifacts: [Int64] = [], executions: [Int64] = [], upTo limit: Int, seenBy visibility: Visibility
    ) throws -> (artifacts: [Int64: [MlMetadata_Context]], executions: [Int64: [MlMetadata_Context]]) {
        (try contexts(.artifact, artifacts, limit), try contexts(.execution, executions, limit))
    }

    private func contexts(_ kind: NodeKind, _ ids: [Int64], _ limit: Int) throws -> [Int64: [MlMetadata_Context]] {
        guard let table = kind.contextLink, !ids.isEmpty else { return [:] }
        let links = try connection.rows(
            "SELECT \(kind.word)_id, context_id FROM \(table) WHERE \(kind.word)_id IN ({list}) LIMIT \(limit)",
            list: ids.uniqued()
        ) { (node: $0.integer(0), context: $0.integer(1)) }
        let contexts: [MlMetadata_Context] = try nodes(ids: links.map(\.context))
        let byID = Dictionary(contexts.map { ($0.id, $0) }) { first, _ in first }
        return Dictionary(grouping: links, by: \.node).mapValues { $0.compactMap { byID[$0.context] } }
    }
}

extension Transaction {
    /// The contexts that a context is within, by id.
    /// - Throws: ``StatusError``.
    public func parents(of context: Int64, seenBy visibility: Visibility) throws -> [MlMetadata_Context] {
        try nodes(ids: Array((try parents(ofContexts: [context])[context] ?? []).prefix(100)))
    }

    /// When a context's executions changed last, and how many it has: what tells whether a page of it is old.
    /// - Throws: ``StatusError``.
    public func changes(inContext context: Int64, upTo limit: Int, seenBy visibility: Visibility) throws -> String {
        let own = try connection.first("SELECT last_update_time_since_epoch FROM Context WHERE id = ?", context) {
            $0.integer(0)
        }
        let steps = try connection.first(
            """
            SELECT COUNT(*), MAX(e.last_update_time_since_epoch), SUM(e.last_known_state) FROM
            (SELECT execution_id FROM Association WHERE context_id = ? ORDER BY execution_id DESC LIMIT \(limit)) AS a
            JOIN Execution AS e ON e.id = a.execution_id
            """, context
        ) { "\($0.integer(0)) \($0.integer(1)) \($0.integer(2))" }
        return "\(own ?? 0) \(steps ?? "")"
    }
}
