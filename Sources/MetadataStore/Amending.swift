public import MetadataAPI
import SQLite

/// Corrections that ML Metadata's protocol has no call for: `kfmd.v1.Amending`, which our own recorder uses.
extension Transaction {
    /// Changes types, and takes events, links and artifacts back; what is not there any more is passed over.
    /// - Throws: ``StatusError``.
    public func amend(_ request: Kfmd_V1_AmendRequest) throws -> Kfmd_V1_AmendResponse {
        try StoreLimits.check(
            elements: request.artifacts.count + request.executions.count + request.events.count
                + request.associations.count + request.attributions.count + request.orphans.count)
        for retyping in request.artifacts { try retype(retyping, .artifact) }
        for retyping in request.executions { try retype(retyping, .execution) }
        for event in request.events { try delete(event) }
        for link in request.associations {
            try connection.run(
                "DELETE FROM Association WHERE execution_id = ? AND context_id = ?", link.nodeID, link.contextID)
            try unlinkRuns(from: link.contextID, of: link.nodeID)
        }
        for link in request.attributions {
            try connection.run(
                """
                DELETE FROM Attribution WHERE artifact_id = ? AND context_id = ? AND NOT EXISTS
                (SELECT 1 FROM Event JOIN Association ON Association.execution_id = Event.execution_id
                WHERE Event.artifact_id = Attribution.artifact_id
                AND Association.context_id = Attribution.context_id AND Event.type <> ?
                AND (? = 0 OR Event.type IN (?, ?)))
                """, link.nodeID, link.contextID,
                Int64(MlMetadata_Event.TypeEnum.internalOutput.rawValue), link.isWritten,
                Int64(MlMetadata_Event.TypeEnum.output.rawValue),
                Int64(MlMetadata_Event.TypeEnum.declaredOutput.rawValue))
        }
        for id in request.orphans { try deleteOrphan(id) }
        return .init()
    }

    private func retype(_ retyping: Kfmd_V1_Retyping, _ kind: NodeKind) throws {
        let (table, column) = (
            kind == .artifact ? "Artifact" : "Execution", kind == .artifact ? "artifact_id" : "execution_id"
        )
        let isThere = try connection.first(
            "SELECT 1 FROM Type WHERE id = ? AND type_kind = ?", retyping.typeID, kind.rawValue
        ) { _ in true }
        guard isThere == true else {
            throw StatusError.invalidArgument("No \(table.lowercased()) type with the id \(retyping.typeID) is there.")
        }
        try unique("The \(table.lowercased()) \(retyping.nodeID) cannot get the type \(retyping.typeID)") {
            try connection.run("UPDATE \(table) SET type_id = ? WHERE id = ?", retyping.typeID, retyping.nodeID)
        }
        try connection.run(
            "UPDATE OR IGNORE \(table)Property SET is_custom_property = 1 WHERE \(column) = ? AND is_custom_property = 0",
            retyping.nodeID)
        try connection.run(
            "DELETE FROM \(table)Property WHERE \(column) = ? AND is_custom_property = 0", retyping.nodeID)
    }

    private func delete(_ key: Kfmd_V1_EventKey) throws {
        let ids = try connection.rows(
            "SELECT id FROM Event WHERE artifact_id = ? AND execution_id = ? AND type = ?", key.artifactID,
            key.executionID, Int64(key.type.rawValue)
        ) { $0.integer(0) }
        for id in ids {
            try connection.run("DELETE FROM EventPath WHERE event_id = ?", id)
            try connection.run("DELETE FROM Event WHERE id = ?", id)
        }
    }

    /// A run of which no execution is in a context any more is no child of it.
    private func unlinkRuns(from context: Int64, of execution: Int64) throws {
        try connection.run(
            """
            DELETE FROM ParentContext WHERE parent_context_id = ? AND context_id IN
            (SELECT context_id FROM Association WHERE execution_id = ?) AND NOT EXISTS
            (SELECT 1 FROM Association a JOIN Association b ON a.execution_id = b.execution_id
            WHERE a.context_id = ParentContext.context_id AND b.context_id = ?)
            """, context, execution, context)
    }

    private func deleteOrphan(_ id: Int64) throws {
        // That it contains something is nothing without a reader.
        let inferred = Int64(MlMetadata_Event.TypeEnum.internalOutput.rawValue)
        let isUsed = try connection.first(
            "SELECT 1 FROM Event WHERE artifact_id = ? AND type <> ? LIMIT 1", id, inferred
        ) { _ in true }
        guard isUsed == nil else { return }
        try connection.run(
            "DELETE FROM EventPath WHERE event_id IN (SELECT id FROM Event WHERE artifact_id = ?)", id)
        try connection.run("DELETE FROM Event WHERE artifact_id = ?", id)
        try connection.run("DELETE FROM ArtifactProperty WHERE artifact_id = ?", id)
        try connection.run("DELETE FROM Attribution WHERE artifact_id = ?", id)
        try connection.run("DELETE FROM Artifact WHERE id = ?", id)
    }

    /// Artifacts below folders.
    /// - Throws: ``StatusError``.
    public func findBelow(_ request: Kfmd_V1_FindBelowRequest) throws -> Kfmd_V1_FindBelowResponse {
        try StoreLimits.check(elements: request.uris.count)
        let limit = min(max(Int(request.limit), 0), 100)
        var ids: [Int64] = []
        for uri in request.uris.uniqued() {
            // "0" comes after "/".
            ids += try connection.rows(
                "SELECT id FROM Artifact WHERE uri >= ? AND uri < ? ORDER BY uri LIMIT ?", uri + "/", uri + "0",
                Int64(limit)
            ) { $0.integer(0) }
        }
        let nodes: [MlMetadata_Artifact] = try nodes(ids: ids)
        return .with { $0.artifacts = nodes }
    }
}
