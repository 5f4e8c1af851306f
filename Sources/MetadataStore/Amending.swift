import Lineage
public import MetadataAPI
import SQLite

/// Corrections that ML Metadata's protocol has no call for: `kfmd.v1.Amending`, which our own recorder uses.
extension Transaction {
    /// Corrects, puts a graph and takes back, all or nothing; what is to be taken back and is not there is passed over.
    /// - Throws: ``StatusError``: ABORTED where something that the request rests on is not as it was read.
    public func amend(_ request: Kfmd_V1_AmendRequest) throws -> Kfmd_V1_AmendResponse {
        try StoreLimits.check(elements: request.elements)
        try check(request.basis)
        try lock(.artifact, request.artifacts.map(\.nodeID))
        try lock(.execution, request.executions.map(\.nodeID))
        for retyping in request.artifacts { try retype(retyping, .artifact) }
        for retyping in request.executions { try retype(retyping, .execution) }
        for event in request.renamed { try delete(event) }
        var response = Kfmd_V1_AmendResponse()
        if request.hasGraph { response.graph = try putLineageSubgraph(request.graph) }
        for event in request.events { try delete(event) }
        try touch(request)
        for link in request.associations {
            try connection.run(
                "DELETE FROM Association WHERE execution_id = ? AND context_id = ?", link.nodeID, link.contextID)
            try unlinkRuns(from: link.contextID, of: link.nodeID)
        }
        for link in request.attributions { try unlink(link) }
        for id in request.orphans { try deleteOrphan(id) }
        try place(request.executionsPlaced, .execution, response.graph.executionIds)
        try place(request.artifactsPlaced, .artifact, response.graph.artifactIds)
        return response
    }

    /// Marks nodes that were there before as changed where they have another event now: who read their events meanwhile
    /// is told, although nothing else of them changed.
    private func touch(_ request: Kfmd_V1_AmendRequest) throws {
        let taken = request.events + request.renamed
        var artifacts = Set(taken.map(\.artifactID))
        var executions = Set(taken.map(\.executionID))
        for edge in request.graph.eventEdges {
            let artifact = edge.hasArtifactIndex ? request.graph.artifacts[Int(edge.artifactIndex)] : nil
            let execution = edge.hasExecutionIndex ? request.graph.executions[Int(edge.executionIndex)] : nil
            artifacts.insert(artifact?.id ?? edge.event.artifactID)
            executions.insert(execution?.id ?? edge.event.executionID)
        }
        for (kind, ids) in [(NodeKind.artifact, artifacts), (.execution, executions)] {
            // New ones have no id in the request, and nobody has read them.
            for id in ids where id > 0 {
                try connection.run(
                    """
                    UPDATE \(kind.table) SET last_update_time_since_epoch = \(connection.dialect.greatest)(?, last_update_time_since_epoch + 1)
                    WHERE id = ?
                    """, now, id)
            }
        }
    }

    /// Links nodes that were put with contexts.
    private func place(_ placings: [Kfmd_V1_Placing], _ kind: NodeKind, _ ids: [Int64]) throws {
        var known: Set<Int64> = []
        for placing in placings {
            guard ids.indices.contains(Int(placing.index)) else {
                throw StatusError.invalidArgument("The request puts no \(kind.word) with the index \(placing.index).")
            }
            if !known.contains(placing.contextID) {
                guard try exists(.context, placing.contextID) else {
                    throw StatusError.invalidArgument("Context id not found.")
                }
                known.insert(placing.contextID)
            }
            try link(kind, ids[Int(placing.index)], toContext: placing.contextID)
        }
    }

    /// Takes an artifact out of a context in which nobody is linked with it any more.
    private func unlink(_ link: Kfmd_V1_Link) throws {
        try connection.run(
            """
            DELETE FROM Attribution WHERE artifact_id = ? AND context_id = ? AND NOT EXISTS
            (SELECT 1 FROM Event JOIN Association ON Association.execution_id = Event.execution_id
            WHERE Event.artifact_id = Attribution.artifact_id
            AND Association.context_id = Attribution.context_id AND Event.type <> ?
            AND (NOT ? OR Event.type IN (?, ?)))
            """, link.nodeID, link.contextID,
            Int64(MlMetadata_Event.TypeEnum.internalOutput.rawValue), link.isWritten,
            Int64(MlMetadata_Event.TypeEnum.output.rawValue),
            Int64(MlMetadata_Event.TypeEnum.declaredOutput.rawValue))
    }

    private func retype(_ retyping: Kfmd_V1_Retyping, _ kind: NodeKind) throws {
        let isThere = try connection.first(
            "SELECT 1 FROM Type WHERE id = ? AND type_kind = ?", retyping.typeID, kind.rawValue
        ) { _ in true }
        guard isThere == true else {
            throw StatusError.invalidArgument("No \(kind.word) type with the id \(retyping.typeID) is there.")
        }
        try unique("The \(kind.word) \(retyping.nodeID) cannot get the type \(retyping.typeID)") {
            try connection.run(
                """
                UPDATE \(kind.table) SET type_id = ?,
                last_update_time_since_epoch = \(connection.dialect.greatest)(?, last_update_time_since_epoch + 1) WHERE id = ?
                """, retyping.typeID, now, retyping.nodeID)
        }
        // A custom property of the same name stays.
        let names = try connection.rows(
            "SELECT name, is_custom_property FROM \(kind.propertyTable) WHERE \(kind.propertyKey) = ?", retyping.nodeID
        ) { (name: ExactText($0.text(0)), isCustom: $0.integer(1) != 0) }
        let isTyped = "WHERE \(kind.propertyKey) = ? AND is_custom_property = FALSE AND name IN ({list})"
        let (kept, custom) = (names.filter { !$0.isCustom }.map(\.name), Set(names.filter(\.isCustom).map(\.name)))
        let id: [SQLValue] = [.integer(retyping.nodeID)]
        try connection.run(
            "DELETE FROM \(kind.propertyTable) \(isTyped)", id, list: kept.filter(custom.contains).map(\.text))
        try connection.run(
            "UPDATE \(kind.propertyTable) SET is_custom_property = TRUE \(isTyped)", id,
            list: kept.filter { !custom.contains($0) }.map(\.text))
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
        // Who puts an event of it now is waited for.
        try lock(.artifact, [id])
        // Only what the recorder made: another's may have no event.
        let name = try connection.first("SELECT external_id FROM Artifact WHERE id = ?", id) { $0.text(0) } ?? ""
        guard name.hasPrefix("kfmd://") || name.hasPrefix("k8s://") else { return }
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

    /// Artifacts at locations, however these are written.
    /// - Throws: ``StatusError``.
    public func findAt(_ request: Kfmd_V1_FindAtRequest) throws -> Kfmd_V1_FindAtResponse {
        try StoreLimits.check(elements: request.uris.count)
        for uri in request.uris { try StoreLimits.check(uri, StoreLimits.uri, "A location") }
        // First: what comes after it is told of twice rather than not at all.
        let newest = try connection.first("SELECT max(id) FROM Artifact") { $0.integer(0) } ?? 0
        let update =
            try connection.first("SELECT max(last_update_time_since_epoch) FROM Artifact") { $0.integer(0) } ?? 0
        let spellings = request.uris.uniqued().flatMap { Location.spellings(of: $0) }.uniqued()
        let nodes: [MlMetadata_Artifact] = try nodes(where: connection.dialect.textIsAmong("n.uri"), list: spellings)
        return .with { ($0.artifacts, $0.newestArtifact, $0.newestUpdate) = (nodes, newest, update) }
    }

    /// Artifacts below folders.
    /// - Throws: ``StatusError``.
    public func findBelow(_ request: Kfmd_V1_FindBelowRequest) throws -> Kfmd_V1_FindBelowResponse {
        try StoreLimits.check(elements: request.uris.count)
        let limit = min(max(Int(request.limit), 0), 100)
        var ids: [Int64] = []
        for uri in request.uris.uniqued() {
            let condition = connection.dialect.isBelow("uri", uri)
            ids += try connection.rows(
                "SELECT id FROM Artifact WHERE \(condition.text) ORDER BY \(connection.dialect.orderBelow("uri")) LIMIT ?",
                values: condition.values + [.integer(Int64(limit))]
            ) { $0.integer(0) }
            try StoreLimits.check(elements: ids.count)
        }
        let nodes: [MlMetadata_Artifact] = try nodes(ids: ids)
        return .with { $0.artifacts = nodes }
    }

    /// When artifacts were read last, and what is inferred of them.
    /// - Throws: ``StatusError``.
    public func lastReads(_ request: Kfmd_V1_LastReadsRequest) throws -> Kfmd_V1_LastReadsResponse {
        try StoreLimits.check(
            elements: request.artifactIds.count + request.exceptExecutionIds.count + request.exceptEvents.count)
        let others = Set(request.exceptExecutionIds)
        let outdated = Set(request.exceptEvents)
        var response = Kfmd_V1_LastReadsResponse()
        for id in request.artifactIds.uniqued() {
            var artifact = Kfmd_V1_LastReadsResponse.Artifact()
            artifact.id = id
            let (input, inferred) = (
                Int64(MlMetadata_Event.TypeEnum.input.rawValue),
                Int64(MlMetadata_Event.TypeEnum.internalOutput.rawValue)
            )
            let events = try connection.rows(
                """
                SELECT execution_id, type, milliseconds_since_epoch FROM Event
                WHERE artifact_id = ? AND type IN (?, ?)
                """, id, input, inferred
            ) { ($0.integer(0), $0.integer(1), $0.integer(2)) }
            for (execution, type, time) in events {
                let key = Kfmd_V1_EventKey.with {
                    ($0.executionID, $0.artifactID) = (execution, id)
                    $0.type = type == input ? .input : .internalOutput
                }
                if outdated.contains(key) || type == input && others.contains(execution) { continue }
                if type == input {
                    artifact.millisecondsSinceEpoch =
                        artifact.hasMillisecondsSinceEpoch ? max(artifact.millisecondsSinceEpoch, time) : time
                } else {
                    artifact.inferred.append(
                        .with {
                            ($0.artifactID, $0.executionID, $0.type) = (id, execution, .internalOutput)
                            $0.millisecondsSinceEpoch = time
                        })
                }
            }
            response.artifacts.append(artifact)
        }
        return response
    }
}
