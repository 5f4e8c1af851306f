import FoundationEssentials
public import Lineage
public import MetadataAPI

/// Writes executions with their artifacts, runs and workspaces to a store.
///
/// Writing the same executions again changes nothing: each is looked up by its external id first,
/// and what the store has of it is kept.
public struct BatchWriter: Sendable {
    /// An artifact as the store knows it.
    public struct Link: Sendable, Hashable {
        public var id: Int64
        public var name: String
        public var uri: String
        public var type: String
    }

    /// Where an execution was recorded.
    public struct Receipt: Sendable, Hashable {
        public var executionID: Int64
        public var runID: Int64
        public var inputs: [Link]
        public var outputs: [Link]
        /// Types that were declared after the artifact was in a store that changes none.
        public var lateTypes: [String] = []
    }

    /// What became of one execution.
    public enum Outcome: Sendable {
        case recorded(Receipt)
        /// The store will never take it, for this reason.
        case refused(String)
    }

    let backend: any MetadataBackend
    let types: TypeRegistry
    let amending: Amending
    /// Whether executions are told as they happen, and not from files of any age.
    let isLive: Bool

    public init(_ backend: any MetadataBackend, isLive: Bool = true) {
        self.isLive = isLive
        self.backend = backend
        types = TypeRegistry(backend)
        amending = Amending(backend)
    }

    /// Writes executions of which each was seen once.
    /// - Throws: as ``write(_:unwritten:)``.
    public func write(_ sights: [Execution], unwritten: Set<String> = []) async throws -> [String: Outcome] {
        try await write(sights.map(Record.init), unwritten: unwritten)
    }

    /// Writes executions, in a few requests however many there are: the artifacts at their locations are
    /// looked up, then the graph is written with the links to runs (in two requests to a store that is not ours). Two more make runs that are new, two more
    /// look up executions that the store may have. What the store knows of them is taken into account.
    /// - Parameter unwritten: the ids of executions that are most likely not in the store: they are only
    ///   looked up when the store says that it has one.
    /// - Returns: the outcome by external id; none for an execution at which the store failed while it
    ///   took others.
    /// - Throws: ``StatusError`` when the store cannot be reached or is not well; then trying again is
    ///   right.
    public func write(_ records: [Record], unwritten: Set<String> = []) async throws -> [String: Outcome] {
        var merged: [String: Record] = [:]
        for record in records {
            if merged[record.id] == nil {
                merged[record.id] = record
            } else {
                merged[record.id]?.add(record, isLive: isLive)
            }
        }
        // Producers before consumers, as far as times tell. Nothing else was told of fragments.
        let ordered = merged.values.filter { !$0.isFragment }.map(Item.init).sorted {
            ($0.current.start ?? .distantPast, $0.id) < ($1.current.start ?? .distantPast, $1.id)
        }
        var failure: StatusError?
        let steps = ordered.filter { $0.current.role != .run }
        var outcomes = try await write(steps[...], &failure) { batch, attempt in
            try await writeOnce(batch, attempt == 0 ? unwritten : [])
        }
        let runs = ordered.filter { $0.current.role == .run }
        outcomes.merge(try await write(runs[...], &failure) { batch, _ in try await writeRuns(batch) }) { $1 }
        // Nothing at all was taken: the store is not well, and trying again is right.
        if outcomes.isEmpty, let failure { throw failure }
        return outcomes
    }

    /// A record with what it comes to.
    struct Item: Sendable {
        let record: Record
        let executions: [Execution]

        init(_ record: Record) {
            self.record = record
            executions = record.executions()
        }

        var id: String { record.id }
        var current: Execution { executions[executions.count - 1] }
    }

    /// Which of these executions the store has with their end, and all that is known of them here.
    /// - Throws: ``StatusError``.
    func ended(_ records: [Record]) async throws -> Set<String> {
        let wanted = records.map(Item.init).filter { $0.current.state.isFinal && $0.current.role == .step }
        let stored = try await storedExecutions(wanted.map(\.current))
        return Set(
            wanted.filter { item in
                guard let node = stored[item.id] else { return false }
                guard let kept = KeptFacts.record(node.customProperties, of: item.id) else {
                    return node.isEnded(as: item.current.state)
                }
                var both = kept
                both.add(item.record, isLive: isLive)
                return both.executions() == kept.executions()
            }.map(\.id))
    }

    /// How often a batch is looked up again because others wrote meanwhile.
    private static let maximumAttempts = 9

    /// Writes executions; those for which the store failed alone have no outcome.
    private func write(
        _ executions: ArraySlice<Item>, _ failure: inout StatusError?,
        _ body: (ArraySlice<Item>, _ attempt: Int) async throws -> [String: Outcome]
    ) async throws -> [String: Outcome] {
        guard let first = executions.first else { return [:] }
        do {
            return try await retrying { try await body(executions, $0) }
        } catch let error as StatusError where error.isRefusal || error.mayBeOfOne {
            if executions.count == 1 {
                // By itself it is larger than the store takes.
                if error.isRefusal || error.code == .resourceExhausted && error.isAboutSize {
                    return [first.id: .refused(error.message)]
                }
                failure = error
                return [:]
            }
            // One bad execution must not hold up the others: halve until it stands alone.
            let middle = executions.startIndex + executions.count / 2
            let left = try await write(executions[..<middle], &failure, body)
            return try await left.merging(write(executions[middle...], &failure, body)) { $1 }
        }
    }

    private func retrying(_ body: (_ attempt: Int) async throws -> [String: Outcome]) async throws -> [String: Outcome]
    {
        var hasForgotten = false
        for attempt in 0... {
            do {
                return try await body(attempt)
            } catch let error as StatusError {
                switch error.code {
                // Another recorder wrote the same between look-up and write: look again. The others are as many as there
                // are replicas, and each gets its turn.
                case .alreadyExists where attempt < Self.maximumAttempts, .aborted where attempt < Self.maximumAttempts:
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...(2 << attempt))))
                // The ids that we remember may be those of another store.
                case .notFound where !hasForgotten, .invalidArgument where !hasForgotten,
                    .unimplemented where !hasForgotten:
                    hasForgotten = true
                    await types.clear()
                    await amending.forget()
                default: throw error
                }
            }
        }
        return [:]
    }

    private func writeOnce(_ items: ArraySlice<Item>, _ unwritten: Set<String>) async throws -> [String: Outcome] {
        let canAmend = try await amending.isSupported()
        // What was read and decides: our own store refuses where it is otherwise by then.
        var basis = Kfmd_V1_Basis()
        // One that another recorder may have written is looked up always.
        let targets = try await targets(of: items, unwritten, &basis, canAmend: canAmend)
        let executions = targets.map(\.execution)
        let events = try await storedEvents(of: targets.compactMap { $0.node?.id })
        let artifacts = try await storedArtifacts(
            executions, events: events.values.joined(), &basis, canAmend: canAmend)
        var plan = ArtifactPlan(stored: artifacts)
        var graph = Graph(targets: targets, events: events, canAmend: canAmend)
        graph.resolve(&plan)
        if canAmend { try await relink(&graph, &plan, &basis) }
        try await findBelow(&graph, &plan, &basis, canAmend: canAmend)
        graph.note(plan, in: &basis)
        // Of all that the store has under the uris, only what this batch touches is written.
        let entries = graph.compact(plan)
        let typeIDs = try await types.ids(of: graph.types(entries))
        let written = graph.targets.map(\.execution)
        let found = try await types.contexts(of: Set(written.map(\.membership)))
        let contexts = written.reduce(into: [:]) { $0[$1.id] = found[$1.membership] }
        let request = graph.request(entries, typeIDs)
        let links = graph.placings(contexts, entries)
        let response = try await put(request, graph, entries, typeIDs, basis, links)
        guard response.executionIds.count == request.executions.count,
            response.artifactIds.count == request.artifacts.count
        else { throw StatusError(.internalError, "the store answered fewer ids than it was sent nodes") }
        if !canAmend { try await putLinks(links, response) }
        return Self.receipts(graph, contexts, entries, response)
    }

    /// The executions that are written for records: what the store knows of each is taken into account.
    private func targets(
        of items: ArraySlice<Item>, _ unwritten: Set<String>, _ basis: inout Kfmd_V1_Basis, canAmend: Bool
    ) async throws -> [Target] {
        var stored = try await storedExecutions(
            items.map(\.current).filter { !unwritten.contains($0.id) || $0.recordedID != nil })
        var known: [(item: Item, before: [Execution])] = items.map { item in
            guard let node = stored[item.id] else { return (item, []) }
            let kept = KeptFacts.record(node.customProperties, of: item.id)
            var record = kept ?? Record(LineageMapping.former(node, of: item.current))
            record.add(item.record, isLive: isLive)
            // Of what was too large to be kept whole nothing is taken back.
            return (Item(record), kept.map { $0.isSlim ? [] : $0.executions() } ?? [])
        }
        try await supersede(&known, &stored, &basis)
        // Attempts that were repeated have nodes of their own.
        let attempts = known.flatMap { $0.item.executions.dropLast() }
        let others = attempts.isEmpty ? [:] : try await storedExecutions(attempts)
        return known.flatMap { item, before in
            item.executions.enumerated().map { number, execution in
                let isCurrent = number == item.executions.count - 1
                let old = before.first { $0.id == execution.id }
                return Target(
                    execution: execution, before: old, node: (isCurrent ? stored : others)[execution.id],
                    sights: KeptFacts.value(of: isCurrent ? item.record : Record(execution), isText: !canAmend),
                    isAttempt: !isCurrent)
            }
        }
    }

    /// Ends revisions of what serves which the store has, or which come late, where others took their place.
    private func supersede(
        _ known: inout [(item: Item, before: [Execution])], _ stored: inout [String: MlMetadata_Execution],
        _ basis: inout Kfmd_V1_Basis
    ) async throws {
        let services = known.indices.filter { known[$0].item.current.isServing }
        if services.isEmpty { return }
        let memberships = Set(services.map { known[$0].item.current.membership })
        let contexts = try await types.contexts(of: memberships)
        var siblings: [String: MlMetadata_Execution] = [:]
        for id in Set(contexts.values.map(\.run)).sorted() {
            let response = try await backend.getExecutionsByContext(
                .with {
                    $0.contextID = id
                    $0.options.maxResultSize = 100
                    // The newest: of older ones all are ended.
                    $0.options.orderByField.field = .id
                    $0.options.orderByField.isAsc = false
                })
            for node in response.executions where node.hasExternalID { siblings[node.externalID] = node }
            basis.members.append(
                .with { ($0.contextID, $0.newestExecution) = (id, response.executions.map(\.id).max() ?? 0) })
            basis.executions += response.executions.map(Kfmd_V1_Expectation.init)
        }
        let batch = Set(known.map(\.item.id))
        var all = known
        for (id, node) in siblings where !batch.contains(id) {
            guard let record = KeptFacts.record(node.customProperties, of: id) else { continue }
            all.append((Item(record), record.isSlim ? [] : record.executions()))
        }
        for index in all.indices where all[index].item.current.isServing {
            let item = all[index].item
            var record = item.record
            for other in all where other.item.id != item.id && other.item.service == item.service {
                for seen in other.item.record.seen.values {
                    // What both tell of goes on beside it.
                    guard let replacement = seen.sight.replacement,
                        !record.seen.values.contains(where: { $0.sight.age == seen.sight.age })
                    else { continue }
                    record.supersede(at: seen.sight.age, time: replacement.time)
                }
            }
            guard record != item.record else { continue }
            let changed = Item(record)
            if index < known.count {
                known[index].item = changed
            } else if changed.executions != item.executions {
                known.append((changed, all[index].before))
                stored[changed.id] = siblings[changed.id]
            }
        }
    }

    // MARK: What the store has

    /// By external id: ours, and those that another recorder of Kubeflow Pipelines left on the pod.
    private func storedExecutions(
        _ executions: [Execution]
    ) async throws -> [String: MlMetadata_Execution] {
        var result: [String: MlMetadata_Execution] = [:]
        guard !executions.isEmpty else { return result }
        do {
            let response = try await backend.getExecutionsByExternalIds(
                .with { $0.externalIds = executions.map(\.id) })
            for node in response.executions { result[node.externalID] = node }
        } catch let error as StatusError where error.code == .notFound {
            // None of them is known.
        }
        let hinted = executions.filter { result[$0.id] == nil && $0.recordedID != nil }
        guard !hinted.isEmpty else { return result }
        let response = try await backend.getExecutionsByID(
            .with { $0.executionIds = hinted.compactMap(\.recordedID) })
        for node in response.executions where !node.hasExternalID {
            // The id may be of a run that the step was copied from: the pod's name decides.
            let pod = node.customProperties[PropertyName.kfpPodName]?.stringValue
            if let execution = hinted.first(where: { $0.recordedID == node.id && $0.pod?.name == pod }) {
                result[execution.id] = node
            }
        }
        return result
    }

    func storedEvents(of ids: [Int64]) async throws -> [Int64: [MlMetadata_Event]] {
        guard !ids.isEmpty else { return [:] }
        let response = try await backend.getEventsByExecutionIDs(.with { $0.executionIds = ids })
        return Dictionary(grouping: response.events, by: \.executionID)
    }

    // MARK: Links

    /// Writes the graph; on our own store with its corrections and its places in one transaction.
    private func put(
        _ graphRequest: MlMetadata_PutLineageSubgraphRequest, _ graph: Graph, _ entries: [ArtifactPlan.Entry],
        _ typeIDs: [TypeRegistry.Key: Int64], _ basis: Kfmd_V1_Basis, _ links: Graph.Placings
    ) async throws -> MlMetadata_PutLineageSubgraphResponse {
        guard graph.canAmend else { return try await backend.putLineageSubgraph(graphRequest) }
        var request = graph.corrections(entries, typeIDs)
        request.basis = basis
        // Who left a workspace or a run leaves its context.
        let moved = graph.targets.filter { target in
            target.before.map { $0.membership != target.execution.membership } ?? false
        }
        if !moved.isEmpty {
            let now = try await types.contexts(of: Set(moved.map(\.execution.membership)))
            let then = try await types.contexts(of: Set(moved.compactMap { $0.before?.membership }))
            for target in moved {
                guard let node = target.node, let before = target.before, let old = then[before.membership] else {
                    continue
                }
                let new = Set(now[target.execution.membership]?.all ?? [])
                for id in old.all where !new.contains(id) {
                    request.associations.append(.with { ($0.nodeID, $0.contextID) = (node.id, id) })
                    for artifact in graph.written(by: target, entries) {
                        request.attributions.append(.with { ($0.nodeID, $0.contextID) = (artifact, id) })
                    }
                }
            }
        }
        if !graph.unlinked.isEmpty {
            let contexts = try await types.contexts(of: Set(graph.unlinked.map(\.membership)))
            let unproduced = Set(entries.filter(\.isUnproduced).map(\.node.id))
            for (artifact, membership) in graph.unlinked {
                for id in contexts[membership]?.all ?? [] {
                    request.attributions.append(
                        .with {
                            ($0.nodeID, $0.contextID) = (artifact, id)
                            // What was seen to be written is of no reader's run.
                            $0.isWritten = !unproduced.contains(artifact)
                        })
                }
            }
        }
        request.graph = graphRequest
        request.executionsPlaced = links.executions
        request.artifactsPlaced = links.artifacts
        return try await backend.amend(request).graph
    }

    /// Each execution, and each artifact that is of its run, belongs to its run and workspace.
    private func putLinks(
        _ links: Graph.Placings, _ response: MlMetadata_PutLineageSubgraphResponse
    ) async throws {
        _ = try await backend.putAttributionsAndAssociations(
            .with {
                $0.associations = links.executions.map { placing in
                    .with {
                        $0.executionID = response.executionIds[Int(placing.index)]
                        $0.contextID = placing.contextID
                    }
                }
                $0.attributions = links.artifacts.map { placing in
                    .with {
                        $0.artifactID = response.artifactIds[Int(placing.index)]
                        $0.contextID = placing.contextID
                    }
                }
            })
    }

    private static func receipts(
        _ graph: Graph, _ contexts: [String: TypeRegistry.Contexts], _ entries: [ArtifactPlan.Entry],
        _ response: MlMetadata_PutLineageSubgraphResponse
    ) -> [String: Outcome] {
        var result: [String: Outcome] = [:]
        let links = graph.linksByTarget()
        for (number, target) in graph.targets.enumerated() where !target.isAttempt {
            let execution = target.execution
            func found(_ kind: Graph.Link.Kind) -> [Link] {
                let uses = kind == .input ? execution.inputs : execution.outputs
                let types = Dictionary(uses.map { ($0.name, $0.artifact.type) }) { first, _ in first }
                return links[number].filter { $0.kind == kind }.map { link in
                    let entry = entries[link.artifact]
                    return Link(
                        id: response.artifactIds[link.artifact], name: link.name,
                        uri: entry.statements.shown?.uri ?? entry.node.uri, type: types[link.name] ?? "")
                }
            }
            result[execution.id] = .recorded(
                Receipt(
                    executionID: response.executionIds[number], runID: contexts[execution.id]?.run ?? 0,
                    inputs: found(.input), outputs: found(.output),
                    lateTypes: graph.canAmend ? [] : links[number].compactMap { entries[$0.artifact].lateType }))
        }
        return result
    }
}

extension ArtifactPlan.Entry {
    /// A type that was declared too late for a store that changes none.
    fileprivate var lateType: String? {
        guard isStored, let shown = statements.shown, shown.isTypeDeclared, let storedType, storedType != shown.type,
            !statements.isOthers
        else { return nil }
        return shown.type
    }
}

extension BatchWriter.Item {
    /// What the identities of all revisions of one service begin with.
    fileprivate var service: Substring { id[..<(id.lastIndex(of: "/") ?? id.endIndex)] }
}

extension Execution {
    var membership: TypeRegistry.Membership { .init(run: run, workspace: workspace) }
}

extension StatusError {
    /// Whether the request itself is at fault, so that sending it again is no use.
    fileprivate var isRefusal: Bool {
        switch code {
        case .invalidArgument, .outOfRange, .alreadyExists: true
        default: false
        }
    }

    /// Whether the request itself is too large, in the words of our service or of gRPC's implementations; a disk that
    /// is full and a limit of rates are RESOURCE_EXHAUSTED too, and pass.
    fileprivate var isAboutSize: Bool {
        ["takes up to", "read by one request", "Split it", "larger than max"].contains { message.contains($0) }
    }

    /// Whether the store may have failed at one execution of several: too long, of odd characters, too
    /// large together.
    fileprivate var mayBeOfOne: Bool {
        switch code {
        case .internalError, .unknown, .notFound, .resourceExhausted: true
        default: false
        }
    }
}

extension MlMetadata_Execution {
    /// Whether the end is known as well as here; one may have been concluded from the absence of the step's objects.
    fileprivate func isEnded(as state: Execution.State) -> Bool {
        switch lastKnownState {
        case .complete, .failed, .cached: true
        case .canceled: state == .canceled
        default: false
        }
    }
}
