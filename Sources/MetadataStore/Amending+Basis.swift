import Lineage
import MetadataAPI
import SQLite

/// Whether what was read, and decided a correction, is so still.
extension Transaction {
    /// So many artifacts that came or were changed since are looked at one by one, of so many bytes of uris; who read so
    /// long ago reads again.
    private static let maximumNewer = 20_000
    private static let maximumNewerBytes = 16 << 20

    /// - Throws: ``StatusError``: ABORTED where something is otherwise.
    func check(_ basis: Kfmd_V1_Basis) throws {
        try check(basis.artifacts, .artifact)
        try check(basis.executions, .execution)
        try check(basis.contexts, .context)
        for members in basis.members {
            let newest = try connection.first(
                "SELECT max(execution_id) FROM Association WHERE context_id = ?", members.contextID
            ) { $0.integer(0) }
            guard newest ?? 0 == members.newestExecution else {
                throw StatusError(
                    .aborted, "Another execution came to the context \(members.contextID) meanwhile; read it again.")
            }
        }
        if basis.hasNewestArtifact, !basis.locations.isEmpty || !basis.folders.isEmpty { try checkLocations(basis) }
    }

    private func check(_ expected: [Kfmd_V1_Expectation], _ kind: NodeKind) throws {
        try lock(kind, expected.map(\.nodeID))
        for node in expected {
            let found = try connection.first(
                "SELECT last_update_time_since_epoch FROM \(kind.table) WHERE id = ?", node.nodeID
            ) { $0.integer(0) }
            guard found == node.lastUpdateTimeSinceEpoch else {
                throw StatusError(.aborted, "The \(kind.word) \(node.nodeID) was changed meanwhile; read it again.")
            }
        }
    }

    /// The uris that a query finds.
    private func uris(_ query: String, _ bound: Int64) throws -> [(id: Int64, uri: String)] {
        var bytes = 0
        let rows = try connection.rows(
            "\(query) AND uri IS NOT NULL LIMIT ?", bound, Int64(Self.maximumNewer)
        ) { row -> (id: Int64, uri: String) in
            // Beyond the budget they are counted, not kept.
            let uri = bytes > Self.maximumNewerBytes ? "" : row.text(1)
            bytes += uri.utf8.count
            return (row.integer(0), uri)
        }
        guard rows.count < Self.maximumNewer, bytes <= Self.maximumNewerBytes else {
            throw StatusError(.aborted, "Very many artifacts came meanwhile; look the locations up again.")
        }
        return rows
    }

    /// Whether an artifact came to a location, or into a folder, that was looked up. Artifacts that came since are few;
    /// looking up each spelling again would cost as much as the look-up did.
    private func checkLocations(_ basis: Kfmd_V1_Basis) throws {
        let read = Set(basis.artifacts.map(\.nodeID))
        let columns = "SELECT id, uri FROM Artifact WHERE"
        var newer = try uris("\(columns) id > ?", basis.newestArtifact)
        // One that was there may have got another uri. What was read is looked at by itself.
        if basis.hasNewestUpdate {
            newer += try uris(
                "\(columns) last_update_time_since_epoch > ?", basis.newestUpdate &- connection.slack)
        }
        newer.removeAll { read.contains($0.id) }
        guard !newer.isEmpty else { return }
        let locations = Set(basis.locations)
        let folders = Set(basis.folders)
        for (_, uri) in newer {
            guard
                locations.contains(Location.key(of: uri))
                    || !folders.isEmpty
                        && Location.folders(of: uri, upTo: Location.maximumFolders).contains(where: folders.contains)
            else { continue }
            throw StatusError(.aborted, "An artifact came to \(uri) meanwhile; look it up again.")
        }
    }
}

extension Kfmd_V1_AmendRequest {
    /// Nodes, events, links and texts, as ``StoreLimits`` counts them.
    var elements: Int {
        let read = basis.artifacts.count + basis.executions.count + basis.contexts.count + basis.members.count
        let corrected = artifacts.count + executions.count + renamed.count + events.count
        let linked = associations.count + attributions.count + orphans.count
        return graph.elements + read + basis.locations.count + basis.folders.count + corrected + linked
            + executionsPlaced.count + artifactsPlaced.count
    }
}
