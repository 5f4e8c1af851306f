import MetadataAPI
import SQLite

/// What the index is to take up next, read from the store's own tables.
extension Transaction {
    /// A part of the work: so much is read at once.
    struct SearchPart: Sendable {
        var documents: [SearchDocument] = []
        var progress: SearchFile.Progress
        /// Whether there may be more.
        var hasMore = false
    }

    /// Nodes that came after the last that is indexed, in the order of their ids: they are never given again.
    func newForSearch(_ kind: NodeKind, after progress: SearchFile.Progress, upTo limit: Int) throws -> SearchPart {
        let ids = try connection.rows(
            "SELECT id FROM \(kind.table) WHERE id > ? ORDER BY id LIMIT \(limit)", progress.id
        ) { $0.integer(0) }
        var part = SearchPart(documents: try documents(kind, ids), progress: progress, hasMore: ids.count == limit)
        if let last = ids.last {
            part.progress.id = last
            part.progress.mark = try searchMark(kind) ?? ""
        }
        return part
    }

    /// Nodes of the index that were updated since a time, with that of their update; by the time's index.
    func updatedForSearch(
        _ kind: NodeKind, since: (updated: Int64, id: Int64), within progress: SearchFile.Progress, upTo limit: Int
    ) throws -> [(id: Int64, updated: Int64)] {
        let after = connection.dialect.comesAfter(
            ("last_update_time_since_epoch", "id"), ">", (since.updated, since.id))
        return try connection.rows(
            """
            SELECT id, last_update_time_since_epoch FROM \(kind.table)
            \(index(kind)) WHERE \(after.sql) AND id <= ?
            ORDER BY last_update_time_since_epoch, id LIMIT \(limit)
            """, values: after.values + [.integer(progress.id)]
        ) { ($0.integer(0), $0.integer(1)) }
    }

    /// Texts are read no further than they are indexed; of nodes that are too large all the same, the node alone.
    func documents(_ kind: NodeKind, _ ids: [Int64]) throws -> [SearchDocument] {
        connection.beginMetering(ReadBudget(perRequest: Self.searchBudget, total: Self.searchBudget))
        defer { connection.endMetering() }
        do {
            return try shortened.wholeDocuments(kind, ids)
        } catch  where Self.isTooBig(error) {
            guard ids.count > 1 else { return try bareDocuments(kind, ids) }
            connection.endMetering()
            let middle = ids.count / 2
            return try documents(kind, Array(ids[..<middle])) + documents(kind, Array(ids[middle...]))
        }
    }

    private func index(_ kind: NodeKind) -> String {
        connection.dialect.byIndex("idx_\(kind.word)_last_update_time_since_epoch")
    }

    private static func isTooBig(_ error: any Error) -> Bool {
        error is ReadMeter.Excess || (error as? SQLiteError)?.kind == .tooBig
    }

    /// What is read for the index at once, in bytes.
    private static let searchBudget = 8 << 20

    private func bareDocuments(_ kind: NodeKind, _ ids: [Int64]) throws -> [SearchDocument] {
        connection.endMetering()
        switch kind {
        case .artifact: return try bare(ids).map { (node: MlMetadata_Artifact) in SearchDocument(node) }
        case .execution: return try bare(ids).map { (node: MlMetadata_Execution) in SearchDocument(node) }
        case .context: return try bare(ids).map { (node: MlMetadata_Context) in SearchDocument(node) }
        }
    }

    private func bare<N: Node>(_ ids: [Int64]) throws -> [N] {
        try connection.rows(shortened.selection(N.self) + " WHERE n.id IN ({list})", list: ids, row: readNode)
    }

    private func wholeDocuments(_ kind: NodeKind, _ ids: [Int64]) throws -> [SearchDocument] {
        switch kind {
        case .artifact: (try nodes(ids: ids) as [MlMetadata_Artifact]).map(SearchDocument.init)
        case .execution: (try nodes(ids: ids) as [MlMetadata_Execution]).map(SearchDocument.init)
        case .context: (try nodes(ids: ids) as [MlMetadata_Context]).map(SearchDocument.init)
        }
    }

    /// What is otherwise after each commit of others.
    func searchVersion() throws -> String {
        if let version = try connection.dataVersion() { return "\(version)" }
        // Looks of the first sort cost as much as this one: three ends of indexes each.
        return try NodeKind.allCases.map { "\(try lastID($0)) \(try lastUpdate($0))" }.joined(separator: " ")
    }

    /// What tells a store from another: when its first node of a kind was made, which nothing changes. `nil` where there
    /// is none.
    func searchMark(_ kind: NodeKind) throws -> String? {
        try connection.first("SELECT id, create_time_since_epoch FROM \(kind.table) ORDER BY id LIMIT 1") {
            "\($0.integer(0)) \($0.integer(1))"
        }
    }

    /// The time of the last update of a kind, 0 where there is no node.
    func lastUpdate(_ kind: NodeKind) throws -> Int64 {
        try connection.first(
            """
            SELECT last_update_time_since_epoch FROM \(kind.table)
            \(index(kind)) ORDER BY last_update_time_since_epoch DESC LIMIT 1
            """
        ) { $0.integer(0) } ?? 0
    }

    /// The greatest id of a kind, 0 where there is no node.
    func lastID(_ kind: NodeKind) throws -> Int64 {
        try connection.first("SELECT MAX(id) FROM \(kind.table)") { $0.integer(0) } ?? 0
    }
}
