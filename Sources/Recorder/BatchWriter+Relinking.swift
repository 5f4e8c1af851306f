import FoundationEssentials
import Lineage
import MetadataAPI

extension BatchWriter {
    /// The most executions whose inputs are resolved anew for one batch.
    private static let maximumVisitors = 1_000
    /// The most files of a folder that are linked to it.
    private static let maximumFiles = 20

    /// Resolves inputs of the store anew that mean something which this batch wrote.
    func relink(_ graph: inout Graph, _ plan: inout ArtifactPlan) async throws {
        let suspects = graph.suspects(plan)
        if suspects.isEmpty { return }
        let known = Set(graph.targets.compactMap { $0.node?.id })
        let events = try await backend.getEventsByArtifactIDs(.with { $0.artifactIds = suspects.keys.sorted() }).events
            .filter { event in
                guard !known.contains(event.executionID), !event.isInferred else { return false }
                guard case .some(.some(let since)) = suspects[event.artifactID] else { return true }
                return event.millisecondsSinceEpoch
                    >= Timestamp.milliseconds(since.addingTimeInterval(-2 * ArtifactPlan.tolerance))
            }
        let ids = Set(events.map(\.executionID)).sorted().prefix(Self.maximumVisitors)
        if ids.isEmpty { return }
        let nodes = try await backend.getExecutionsByID(.with { $0.executionIds = Array(ids) }).executions
        let visitors = nodes.compactMap { node in
            Self.execution(of: node).map { (node: node, execution: $0) }
        }.sorted {
            ($0.execution.start ?? .distantPast, $0.execution.id) < (
                $1.execution.start ?? .distantPast, $1.execution.id
            )
        }
        graph.relink(visitors, events, &plan)
    }

    /// What was recorded of an execution of the store; `nil` where nothing of it was kept.
    private static func execution(of node: MlMetadata_Execution) -> Execution? {
        KeptFacts.record(node.customProperties)?.executions().first { $0.id == node.externalID }
    }

    /// Links folders that were read to what wrote the files in them: nobody says so, but there is nothing else that it
    /// could have been.
    func findBelow(_ graph: inout Graph, _ plan: inout ArtifactPlan, canAmend: Bool) async throws {
        // What this batch wrote into folders that were read.
        for (number, target) in graph.targets.enumerated() {
            for use in target.execution.outputs where target.execution.state != .cached {
                guard let uri = use.artifact.uri, Artifact.isComplete(uri) else { continue }
                for folder in Location.folders(of: uri, upTo: Graph.maximumFolders) {
                    for index in plan.indexes(at: folder) where isPart(target.execution, of: plan.entries[index]) {
                        graph.infer(
                            index, from: number, name: use.name, isStored: isLinked(target, plan.entries[index], graph))
                    }
                }
            }
        }
        // What was written into the folders that this batch reads.
        let wanted = graph.links.filter { $0.kind == .input && plan.entries[$0.artifact].isUnproduced }.map(\.artifact)
        let uris = Set(wanted.compactMap { plan.entries[$0].uri }).filter(Artifact.isComplete)
        guard canAmend, !uris.isEmpty else { return }
        let spellings = Set(uris.flatMap(Location.spellings).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 })
        let found = try await backend.findBelow(
            .with {
                $0.uris = spellings.sorted()
                $0.limit = Int32(Self.maximumFiles)
            }
        ).artifacts
        if found.isEmpty { return }
        let events = try await backend.getEventsByArtifactIDs(.with { $0.artifactIds = found.map(\.id) }).events
            .filter { $0.type == .output }
        let nodes = try await backend.getExecutionsByID(
            .with { $0.executionIds = Set(events.map(\.executionID)).sorted() }
        ).executions
        graph.note(try await storedEvents(of: nodes.map(\.id)))
        for node in nodes {
            guard let execution = Self.execution(of: node), execution.state != .cached else { continue }
            for use in execution.outputs {
                guard let uri = use.artifact.uri else { continue }
                for folder in Location.folders(of: uri, upTo: Graph.maximumFolders) {
                    for index in plan.indexes(at: folder)
                    where wanted.contains(index) && isPart(execution, of: plan.entries[index]) {
                        let number = graph.add(node, execution)
                        graph.infer(
                            index, from: number, name: use.name,
                            isStored: isLinked(graph.targets[number], plan.entries[index], graph))
                    }
                }
            }
        }
    }

    /// Whether a folder may have been read for what an execution wrote into it: nobody wrote the folder itself, and
    /// the file was there when it was last read.
    private func isPart(_ writer: Execution, of folder: ArtifactPlan.Entry) -> Bool {
        guard folder.isUnproduced, folder.statements.all.allSatisfy({ $0.execution != ArtifactStatements.others })
        else {
            return false
        }
        guard let end = writer.end ?? writer.start else { return false }
        let last = folder.statements.all.compactMap(\.time).max() ?? .distantFuture
        return end <= last.addingTimeInterval(ArtifactPlan.tolerance)
    }

    private func isLinked(_ target: Target, _ folder: ArtifactPlan.Entry, _ graph: Graph) -> Bool {
        guard let node = target.node, folder.isStored else { return false }
        return graph.hasInferred(node.id, folder.node.id)
    }
}
