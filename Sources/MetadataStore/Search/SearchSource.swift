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
            part.progress.mark = try searchMark(kind, last) ?? ""
        }
        return part
    }

    /// Nodes of the index that were updated since a time, with that of their update; by the time's index.
    func updatedForSearch(
        _ kind: NodeKind, since: (updated: Int64, id: Int64), within progress: SearchFile.Progress, upTo limit: Int
    ) throws -> [(id: Int64, updated: Int64)] {
        try connection.rows(
            """
            SELECT id, last_update_time_since_epoch FROM \(kind.table)
            INDEXED BY idx_\(kind.word)_last_update_time_since_epoch
            WHERE (last_update_time_since_epoch, id) > (?, ?) AND id <= ?
            ORDER BY last_update_time_since_epoch, id LIMIT \(limit)
            """, since.updated, since.id, progress.id
        ) { ($0.integer(0), $0.integer(1)) }
    }

    func documents(_ kind: NodeKind, _ ids: [Int64]) throws -> [SearchDocument] {
        switch kind {
        case .artifact: (try nodes(ids: ids) as [MlMetadata_Artifact]).map(SearchDocument.init)
        case .execution: (try nodes(ids: ids) as [MlMetadata_Execution]).map(SearchDocument.init)
        case .context: (try nodes(ids: ids) as [MlMetadata_Context]).map(SearchDocument.init)
        }
    }

    /// Another number after each commit of others to the file (SQLite's `data_version`).
    func dataVersion() throws -> Int64 { try connection.first("PRAGMA data_version") { $0.integer(0) } ?? 0 }

    /// What tells a node from that of the same id in another store; `nil` where there is no such node.
    func searchMark(_ kind: NodeKind, _ id: Int64) throws -> String? {
        try connection.first(
            "SELECT create_time_since_epoch, external_id, type_id FROM \(kind.table) WHERE id = ?", id
        ) { "\($0.integer(0)) \($0.integer(2)) \($0.text(1))" }
    }

    /// The time of the last update of a kind, 0 where there is no node.
    func lastUpdate(_ kind: NodeKind) throws -> Int64 {
        try connection.first(
            """
            SELECT last_update_time_since_epoch FROM \(kind.table)
            INDEXED BY idx_\(kind.word)_last_update_time_since_epoch ORDER BY last_update_time_since_epoch DESC LIMIT 1
            """
        ) { $0.integer(0) } ?? 0
    }

    /// The greatest id of a kind, 0 where there is no node.
    func lastID(_ kind: NodeKind) throws -> Int64 {
        try connection.first("SELECT MAX(id) FROM \(kind.table)") { $0.integer(0) } ?? 0
    }
}
