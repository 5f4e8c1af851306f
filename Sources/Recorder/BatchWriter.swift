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
    }

    /// What became of one execution.
    public enum Outcome: Sendable {
        case recorded(Receipt)
        /// The store will never take it, for this reason.
        case refused(String)
    }

    let backend: any MetadataBackend
    let types: TypeRegistry
    /// Whether executions are told as they happen, and not from files of any age.
    let isLive: Bool

    public init(_ backend: any MetadataBackend, isLive: Bool = true) {
        self.isLive = isLive
        self.backend = backend
        types = TypeRegistry(backend)
    }

    /// Writes executions, in a few requests however many there are: the artifacts under their uris are
    /// looked up, the graph is written, then the links to runs. Two more make runs that are new, two more
    /// look up executions that the store may have.
    /// - Parameter unwritten: the ids of executions that are most likely not in the store: they are only
    ///   looked up when the store says that it has one.
    /// - Returns: the outcome by external id; none for an execution at which the store failed while it
    ///   took others.
    /// - Throws: ``StatusError`` when the store cannot be reached or is not well; then trying again is
    ///   right.
    public func write(
        _ executions: [Execution], unwritten: Set<String> = []
    ) async throws -> [String: Outcome] {
        var merged: [String: Execution] = [:]
        for execution in executions {
            merged[execution.id] = merged[execution.id]?.merging(execution) ?? execution
        }
        // Nothing else was told of these.
        merged = merged.filter { !$0.value.isFragment }
        // Producers before consumers, as far as times tell.
        let ordered = merged.values.sorted {
            ($0.start ?? .distantPast, $0.id) < ($1.start ?? .distantPast, $1.id)
        }
        var failure: StatusError?
        let steps = ordered.filter { $0.role != .run }
        var outcomes = try await write(steps[...], &failure) { batch, attempt in
            try await writeOnce(batch, attempt == 0 ? unwritten : [])
        }
        let runs = ordered.filter { $0.role == .run }
        outcomes.merge(try await write(runs[...], &failure) { batch, _ in try await writeRuns(batch) }) { $1 }
        // Nothing at all was taken: the store is not well, and trying again is right.
        if outcomes.isEmpty, let failure { throw failure }
        return outcomes
    }

    /// Which of these executions the store has with their end.
    /// - Throws: ``StatusError``.
    func ended(_ executions: [Execution]) async throws -> Set<String> {
        let wanted = executions.filter { $0.state.isFinal && $0.role == .step }
        let stored = try await storedExecutions(wanted)
        return Set(
            wanted.filter { step in
                switch stored[step.id]?.lastKnownState {
                case .complete, .failed, .cached: true
                // It may have been concluded from the absence of the step's objects.
                case .canceled: step.state == .canceled
                default: false
                }
            }.map(\.id))
    }

    /// Writes executions; those for which the store failed alone have no outcome.
    private func write(
        _ executions: ArraySlice<Execution>, _ failure: inout StatusError?,
        _ body: (ArraySlice<Execution>, _ attempt: Int) async throws -> [String: Outcome]
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
        for attempt in 0... {
            do {
                return try await body(attempt)
            } catch let error as StatusError {
                switch error.code {
                // Another recorder wrote the same between look-up and write: look again.
                case .alreadyExists where attempt < 3, .aborted where attempt < 3: continue
                // The ids that we remember may be those of another store.
                case .notFound where attempt < 1, .invalidArgument where attempt < 1:
                    await types.clear()
                default: throw error
                }
            }
        }
        return [:]
    }

    private func writeOnce(
        _ executions: ArraySlice<Execution>, _ unwritten: Set<String>
    ) async throws -> [String: Outcome] {
        let typeIDs = try await types.ids(of: wantedTypes(executions))
        let found = try await types.contexts(of: Set(executions.map(\.membership)))
        let contexts = executions.reduce(into: [:]) { $0[$1.id] = found[$1.membership] }
        // One that another recorder may have written is looked up always.
        let stored = try await storedExecutions(
            executions.filter { !unwritten.contains($0.id) || $0.recordedID != nil })
        let events = try await storedEvents(of: stored.values.map(\.id))
        let artifacts = try await storedArtifacts(executions, events: events.values.joined())
        var plan = ArtifactPlan(stored: artifacts, typeIDs: typeIDs)
        var links = Self.resolve(executions, stored, events, &plan)
        // Of all that the store has under the uris, only what this batch touches is written.
        let entries = Self.compact(&links, plan)
        let request = Self.request(executions, stored, typeIDs, links, entries)
        let response = try await backend.putLineageSubgraph(request)
        guard response.executionIds.count == executions.count,
            response.artifactIds.count == request.artifacts.count
        else { throw StatusError(.internalError, "the store answered fewer ids than it was sent nodes") }
        try await putLinks(executions, contexts, links, entries, response)
        return Self.receipts(executions, contexts, links, entries, response)
    }

    // MARK: What the store has

    private func wantedTypes(
        _ executions: ArraySlice<Execution>
    ) -> [TypeRegistry.Key: LineageMapping.Properties] {
        var result: [TypeRegistry.Key: LineageMapping.Properties] = [:]
        for execution in executions {
            let key = TypeRegistry.Key(kind: .execution, name: execution.type)
            result[key, default: [:]].merge(LineageMapping.properties(ofExecution: execution)) { first, _ in first }
            for use in execution.inputs + execution.outputs {
                let key = TypeRegistry.Key(kind: .artifact, name: use.artifact.type)
                result[key, default: [:]].merge(LineageMapping.properties(ofArtifact: use.artifact)) { first, _ in first
                }
            }
        }
        return result
    }

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

    private func storedEvents(of ids: [Int64]) async throws -> [Int64: [MlMetadata_Event]] {
        guard !ids.isEmpty else { return [:] }
        let response = try await backend.getEventsByExecutionIDs(.with { $0.executionIds = ids })
        return Dictionary(grouping: response.events, by: \.executionID)
    }

    private func storedArtifacts(
        _ executions: ArraySlice<Execution>, events: some Sequence<MlMetadata_Event>
    ) async throws -> [MlMetadata_Artifact] {
        let uses = executions.flatMap { $0.inputs + $0.outputs }.map(\.artifact)
        var result: [MlMetadata_Artifact] = []
        // What is read may be written otherwise than its writer wrote it.
        let read = executions.flatMap(\.inputs).compactMap(\.artifact.uri)
        let uris = Set(uses.compactMap(\.uri) + read.flatMap(Identity.equivalents)).sorted()
        if !uris.isEmpty {
            result += try await backend.getArtifactsByURI(.with { $0.uris = uris }).artifacts
        }
        // What has no uri is found by what it contains.
        let contents = uses.filter { $0.uri == nil }
            .map { Identity.content(of: $0) ?? Identity.unproduced($0, before: nil) }
        if !contents.isEmpty {
            do {
                result += try await backend.getArtifactsByExternalIds(
                    .with { $0.externalIds = Set(contents).sorted() }
                ).artifacts
            } catch let error as StatusError where error.code == .notFound {
                // None of them is known.
            }
        }
        let found = Set(result.map(\.id))
        let missing = Set(events.map(\.artifactID)).subtracting(found)
        if !missing.isEmpty {
            result += try await backend.getArtifactsByID(.with { $0.artifactIds = missing.sorted() }).artifacts
        }
        return result
    }

    // MARK: The request

    /// An input or output of an execution, as indexes into the plan.
    private struct UseLink {
        var execution: Int
        var artifact: Int
        var isInput: Bool
        var name: String
        /// Whether the store has the event.
        var isStored: Bool
    }

    /// Outputs of the whole batch first, so that inputs find them.
    private static func resolve(
        _ executions: ArraySlice<Execution>, _ stored: [String: MlMetadata_Execution],
        _ events: [Int64: [MlMetadata_Event]], _ plan: inout ArtifactPlan
    ) -> [UseLink] {
        var links: [UseLink] = []
        for isInput in [false, true] {
            for (number, execution) in executions.enumerated() {
                // What is read is decided when the step starts: before, its producer may not be known.
                if isInput, execution.start == nil, !execution.state.isFinal { continue }
                let known = stored[execution.id].flatMap { events[$0.id] } ?? []
                let ids = known.filter { $0.isInput == isInput }.map(\.artifactID)
                let stored = Set(ids.compactMap { plan.index(ofStored: $0) })
                let own = ArtifactPlan.Own(ids, in: plan)
                var linked: Set<Int> = []
                for use in isInput ? execution.inputs : execution.outputs {
                    // Only the key is known, and the Workflow will say the rest.
                    if let uri = use.artifact.uri, !Artifact.isComplete(uri), execution.authority < .workflow {
                        continue
                    }
                    let artifact =
                        isInput
                        ? plan.input(use, of: execution, read: own)
                        : plan.output(use, of: execution, written: own)
                    guard linked.insert(artifact).inserted else { continue }
                    links.append(
                        UseLink(
                            execution: number, artifact: artifact, isInput: isInput, name: use.name,
                            isStored: stored.contains(artifact)))
                }
            }
        }
        return links
    }

    /// The entries that are linked, with the links' indexes made to fit.
    private static func compact(_ links: inout [UseLink], _ plan: ArtifactPlan) -> [ArtifactPlan.Entry] {
        var positions: [Int: Int] = [:]
        var entries: [ArtifactPlan.Entry] = []
        for index in links.indices {
            let old = links[index].artifact
            let position = positions[old] ?? entries.count
            if position == entries.count {
                positions[old] = position
                entries.append(plan.entries[old])
            }
            links[index].artifact = position
        }
        return entries
    }

    private static func request(
        _ executions: ArraySlice<Execution>, _ stored: [String: MlMetadata_Execution],
        _ typeIDs: [TypeRegistry.Key: Int64], _ links: [UseLink], _ entries: [ArtifactPlan.Entry]
    ) -> MlMetadata_PutLineageSubgraphRequest {
        var request = MlMetadata_PutLineageSubgraphRequest()
        request.options.reuseArtifactIfAlreadyExistByExternalID = true
        request.executions = executions.map { execution in
            let type = TypeRegistry.Key(kind: .execution, name: execution.type)
            return LineageMapping.node(
                of: execution, typeID: typeIDs[type] ?? 0, over: stored[execution.id])
        }
        request.artifacts = entries.map(\.node)
        for link in links where !link.isStored {
            let execution = executions[executions.startIndex + link.execution]
            request.eventEdges.append(
                .with {
                    $0.executionIndex = Int32(link.execution)
                    $0.artifactIndex = Int32(link.artifact)
                    $0.event = LineageMapping.event(
                        link.isInput ? .input : .output, name: link.name,
                        time: link.isInput ? execution.start : execution.end ?? execution.start)
                })
        }
        return request
    }

    /// By execution.
    private static func grouped(_ links: [UseLink], _ executions: Int) -> [[UseLink]] {
        var result = [[UseLink]](repeating: [], count: executions)
        for link in links { result[link.execution].append(link) }
        return result
    }

    /// Each execution, and each artifact that is new to its run, belongs to its run and workspace.
    private func putLinks(
        _ executions: ArraySlice<Execution>, _ contexts: [String: TypeRegistry.Contexts],
        _ links: [UseLink], _ entries: [ArtifactPlan.Entry], _ response: MlMetadata_PutLineageSubgraphResponse
    ) async throws {
        var request = MlMetadata_PutAttributionsAndAssociationsRequest()
        let links = Self.grouped(links, executions.count)
        for (number, execution) in executions.enumerated() {
            guard let context = contexts[execution.id] else { continue }
            for id in context.all {
                request.associations.append(
                    .with { ($0.executionID, $0.contextID) = (response.executionIds[number], id) })
                for link in links[number] where entries[link.artifact].belongsToRun {
                    // Written elsewhere in this batch: it belongs there.
                    if link.isInput, entries[link.artifact].producer != nil { continue }
                    request.attributions.append(
                        .with { ($0.artifactID, $0.contextID) = (response.artifactIds[link.artifact], id) })
                }
            }
        }
        _ = try await backend.putAttributionsAndAssociations(request)
    }

    private static func receipts(
        _ executions: ArraySlice<Execution>, _ contexts: [String: TypeRegistry.Contexts],
        _ links: [UseLink], _ entries: [ArtifactPlan.Entry], _ response: MlMetadata_PutLineageSubgraphResponse
    ) -> [String: Outcome] {
        var result: [String: Outcome] = [:]
        let links = grouped(links, executions.count)
        for (number, execution) in executions.enumerated() {
            func found(_ isInput: Bool) -> [Link] {
                let uses = isInput ? execution.inputs : execution.outputs
                let types = Dictionary(uses.map { ($0.name, $0.artifact.type) }) { first, _ in first }
                return links[number].filter { $0.isInput == isInput }.map { link in
                    Link(
                        id: response.artifactIds[link.artifact], name: link.name,
                        uri: entries[link.artifact].node.uri,
                        type: types[link.name] ?? "")
                }
            }
            result[execution.id] = .recorded(
                Receipt(
                    executionID: response.executionIds[number], runID: contexts[execution.id]?.run ?? 0,
                    inputs: found(true), outputs: found(false)))
        }
        return result
    }
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
