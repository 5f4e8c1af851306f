import Lineage
import MetadataAPI

extension BatchWriter {
    /// Keeps with the contexts of runs how far these have come. Contexts that are not there are made.
    func writeRuns(_ runs: ArraySlice<Execution>) async throws -> [String: Outcome] {
        let contexts = try await types.contexts(of: Set(runs.map(\.membership)))
        let ids = Set(runs.compactMap { contexts[$0.membership]?.run }).sorted()
        let response = try await backend.getContextsByID(.with { $0.contextIds = ids })
        var nodes: [Int64: MlMetadata_Context] = [:]
        for node in response.contexts { nodes[node.id] = node }
        // The ids that we remember may be those of another store.
        guard nodes.count == ids.count else {
            throw StatusError(.notFound, "the store has not all contexts of these runs")
        }
        let stored = nodes
        var outcomes: [String: Outcome] = [:]
        for run in runs {
            guard let id = contexts[run.membership]?.run, let node = nodes[id] else { continue }
            nodes[id] = LineageMapping.context(of: run, over: node, isNewest: isLive)
            outcomes[run.id] = .recorded(Receipt(executionID: 0, runID: id, inputs: [], outputs: []))
        }
        let changed = nodes.values.filter { $0 != stored[$0.id] }.sorted { $0.id < $1.id }
        if !changed.isEmpty { _ = try await backend.putContexts(.with { $0.contexts = changed }) }
        return outcomes
    }
}
