import FoundationEssentials
import Lineage
import MetadataAPI

extension BatchWriter {
    /// Resolves inputs of the store anew that mean something which this batch wrote.
    func relink(_ graph: inout Graph, _ plan: inout ArtifactPlan, _ basis: inout Kfmd_V1_Basis) async throws {
        let suspects = graph.suspects(plan)
        if suspects.isEmpty { return }
        let known = Set(graph.targets.compactMap { $0.node?.id })
        let all = try await backend.getEventsByArtifactIDs(.with { $0.artifactIds = suspects.keys.sorted() }).events
        graph.takeInferred(all, plan)
        let events = all.filter { event in
            guard !known.contains(event.executionID), !event.isInferred else { return false }
            guard case .some(.some(let since)) = suspects[event.artifactID] else { return true }
            return event.millisecondsSinceEpoch
                >= Timestamp.milliseconds(since.addingTimeInterval(-2 * ArtifactPlan.tolerance))
        }
        let ids = Set(events.map(\.executionID)).sorted().prefix(Budget.visitors)
        if ids.isEmpty { return }
        let nodes = try await backend.getExecutionsByID(.with { $0.executionIds = Array(ids) }).executions
        basis.executions += nodes.map(Kfmd_V1_Expectation.init)
        let visitors = nodes.compactMap { node in
            Self.execution(of: node).map { (node: node, execution: $0) }
        }.sorted {
            ($0.execution.start ?? .distantPast, $0.execution.id) < (
                $1.execution.start ?? .distantPast, $1.execution.id
            )
        }
        graph.relink(visitors, try await storedEvents(of: visitors.map(\.node.id)), &plan)
    }

    /// What was recorded of an execution of the store; `nil` where nothing of it was kept.
    private static func execution(of node: MlMetadata_Execution) -> Execution? {
        KeptFacts.record(node.customProperties, of: node.externalID)?.executions().first { $0.id == node.externalID }
    }

    /// Links folders that were read to what wrote the files in them: nobody says so, but there is nothing else that it
    /// could have been.
    func findBelow(
        _ graph: inout Graph, _ plan: inout ArtifactPlan, _ basis: inout Kfmd_V1_Basis, canAmend: Bool
    ) async throws {
        // Folders that were read, and into which this batch wrote.
        var folders: Set<Int> = []
        for target in graph.targets where target.execution.state != .cached {
            for uri in target.execution.outputs.compactMap(\.artifact.uri) where Artifact.isComplete(uri) {
                for folder in Location.folders(of: uri, upTo: Location.maximumFolders) {
                    folders.formUnion(plan.indexes(at: folder).filter { plan.entries[$0].isUnproduced })
                }
            }
        }
        // Those that somebody reads no more.
        for id in graph.unread {
            if let index = plan.index(ofStored: id), plan.entries[index].isUnproduced { folders.insert(index) }
        }
        var lastReads = try await lastReads(folders, &graph, plan)
        func isPart(_ writer: Execution, of folder: Int) -> Bool {
            // Nobody wrote the folder itself, and the file was there when it was last read.
            let entry = plan.entries[folder]
            guard entry.isUnproduced, !entry.statements.isOthers, let end = writer.end ?? writer.start,
                let last = lastReads[folder]
            else { return false }
            return end <= last.addingTimeInterval(ArtifactPlan.tolerance)
        }
        // What this batch wrote into them; most write into none.
        for (number, target) in graph.targets.enumerated() where !folders.isEmpty {
            for use in target.execution.outputs where target.execution.state != .cached {
                guard let uri = use.artifact.uri, Artifact.isComplete(uri) else { continue }
                for folder in Location.folders(of: uri, upTo: Location.maximumFolders) {
                    for index in plan.indexes(at: folder) where isPart(target.execution, of: index) {
                        graph.infer(index, from: number, name: use.name, plan)
                    }
                }
            }
        }
        if canAmend { graph.takeBackInferred(plan) }
        // What was written into the folders that this batch reads.
        let wanted = Set(
            graph.links.filter { $0.kind == .input && plan.entries[$0.artifact].isUnproduced }.map(\.artifact))
        let uris = Set(wanted.compactMap { plan.entries[$0].uri }).filter(Artifact.isComplete)
        guard canAmend, !uris.isEmpty else { return }
        basis.folders = Set(uris.map(Location.key)).sorted()
        let spellings = Set(uris.flatMap(Location.spellings).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 })
        let found = try await backend.findBelow(
            .with {
                $0.uris = spellings.sorted()
                $0.limit = Int32(Budget.files)
            }
        ).artifacts
        if found.isEmpty { return }
        let read = Set(wanted).subtracting(folders)
        lastReads.merge(try await self.lastReads(read, &graph, plan)) { $1 }
        let events = try await backend.getEventsByArtifactIDs(.with { $0.artifactIds = found.map(\.id) }).events
            .filter { $0.type == .output }
        let nodes = try await backend.getExecutionsByID(
            .with { $0.executionIds = Set(events.map(\.executionID)).sorted() }
        ).executions
        basis.executions += nodes.map(Kfmd_V1_Expectation.init)
        graph.note(try await storedEvents(of: nodes.map(\.id)))
        // Those of this batch were looked at above, as they are now.
        let own = Set(graph.targets.filter { !$0.isVisitor }.compactMap { $0.node?.id })
        for node in nodes where !own.contains(node.id) {
            guard let execution = Self.execution(of: node), execution.state != .cached else { continue }
            for use in execution.outputs {
                guard let uri = use.artifact.uri else { continue }
                for folder in Location.folders(of: uri, upTo: Location.maximumFolders) {
                    for index in plan.indexes(at: folder)
                    where wanted.contains(index) && isPart(execution, of: index) {
                        let number = graph.add(node, execution)
                        graph.infer(index, from: number, name: use.name, plan)
                    }
                }
            }
        }
    }

    /// When each folder was read last of which nobody was seen to write the whole.
    /// - Parameter folders: indexes of those that something may be a part of.
    private func lastReads(_ folders: Set<Int>, _ graph: inout Graph, _ plan: ArtifactPlan) async throws -> [Int: Date]
    {
        var result: [Int: Date] = [:]
        func note(_ index: Int, _ time: Date) { result[index] = max(result[index] ?? time, time) }
        for link in graph.links where link.kind == .input && folders.contains(link.artifact) {
            let execution = graph.targets[link.target].execution
            note(link.artifact, execution.start ?? execution.end ?? .distantFuture)
        }
        let stored = folders.filter { plan.entries[$0].isStored }
        guard graph.canAmend, !stored.isEmpty else { return result }
        let response = try await backend.lastReads(
            .with {
                $0.artifactIds = stored.map { plan.entries[$0].node.id }.sorted()
                ($0.exceptExecutionIds, $0.exceptEvents) = graph.outdated
            })
        for artifact in response.artifacts {
            guard let index = plan.index(ofStored: artifact.id) else { continue }
            if artifact.hasMillisecondsSinceEpoch {
                note(index, Timestamp.date(milliseconds: artifact.millisecondsSinceEpoch))
            }
            // What was written after all who still read it was not read.
            let last = result[index].map { $0.addingTimeInterval(ArtifactPlan.tolerance) } ?? .distantPast
            for event in artifact.inferred where Timestamp.date(milliseconds: event.millisecondsSinceEpoch) > last {
                graph.take(event)
            }
        }
        return result
    }
}
