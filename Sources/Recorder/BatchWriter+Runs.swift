import Lineage
import MetadataAPI

extension BatchWriter {
    /// Keeps with the contexts of runs how far these have come. Contexts that are not there are made.
    func writeRuns(_ items: ArraySlice<Item>) async throws -> [String: Outcome] {
        let canAmend = try await amending.isSupported()
        let runs = items.map(\.current)
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
        for item in items {
            let run = item.current
            guard let id = contexts[run.membership]?.run, let node = nodes[id] else { continue }
            let stored = KeptFacts.record(node.customProperties, of: item.id)
            var record = stored ?? LineageMapping.former(node, of: run).map(Record.init) ?? item.record
            record.add(item.record, isLive: isLive)
            nodes[id] = LineageMapping.context(
                of: record.current, over: node, before: stored?.current,
                sights: KeptFacts.value(of: record, isText: !canAmend))
            outcomes[run.id] = .recorded(Receipt(executionID: 0, runID: id, inputs: [], outputs: []))
        }
        let changed = nodes.values.filter { $0 != stored[$0.id] }.sorted { $0.id < $1.id }
        if canAmend, !changed.isEmpty {
            _ = try await backend.amend(
                .with {
                    $0.graph.contexts = changed
                    $0.basis.contexts = changed.compactMap { stored[$0.id] }.map(Kfmd_V1_Expectation.init)
                })
        } else if !changed.isEmpty {
            _ = try await backend.putContexts(.with { $0.contexts = changed })
        }
        return outcomes
    }
}
