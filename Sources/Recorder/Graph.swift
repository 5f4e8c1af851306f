import FoundationEssentials
import Lineage
import MetadataAPI

/// An execution that is written, over what the store has of it.
struct Target: Sendable {
    var execution: Execution
    /// What was known of it when it was written last; `nil` for a new one, and for one that kfmd 0.1 or another wrote.
    var before: Execution?
    var node: MlMetadata_Execution?
    /// All that was seen of it, as it is kept.
    var sights: MlMetadata_Value?
    /// Whether it was repeated, and stands beside the attempt that is current.
    var isAttempt = false
    /// Whether nothing was told of it, and it only has another link now.
    var isVisitor = false
}

/// What a batch comes to: executions, artifacts, and the links between them.
struct Graph {
    /// An input or output of an execution.
    struct Link {
        enum Kind {
            case input, output
            /// An output that contains what it wrote: a folder of files. Nobody said so.
            case inferred
        }

        var target: Int
        /// An index into the plan, later into the compact entries.
        var artifact: Int
        var kind: Kind
        var name: String
        /// Whether the store has the event.
        var isStored: Bool
    }

    private(set) var targets: [Target]
    private(set) var links: [Link] = []
    private var events: [Int64: [MlMetadata_Event]]
    let canAmend: Bool
    /// Events that are taken back.
    private(set) var taken: [Kfmd_V1_EventKey] = []
    /// Events that are put anew with another name or time.
    private(set) var renamed: [Kfmd_V1_EventKey] = []
    private(set) var orphans: Set<Int64> = []
    /// Artifacts that may be of a run no more: because an execution of it is not linked with them, or because they were
    /// seen to be written elsewhere.
    private(set) var unlinked: [(artifact: Int64, membership: TypeRegistry.Membership)] = []

    init(targets: [Target], events: [Int64: [MlMetadata_Event]], canAmend: Bool) {
        self.targets = targets
        self.events = events
        self.canAmend = canAmend
    }

    // MARK: Resolving

    /// Outputs of the whole batch first, so that inputs find them.
    mutating func resolve(_ plan: inout ArtifactPlan) {
        let stored = targets.map { target in target.node.flatMap { events[$0.id] } ?? [] }
        for isInput in [false, true] {
            for (number, target) in targets.enumerated() {
                let execution = target.execution
                let ids = stored[number].filter { $0.isInput == isInput && !$0.isInferred }.map(\.artifactID)
                // What is read is decided when the step starts: before, its producer may not be known, and what never
                // started read nothing.
                let isOpen =
                    isInput && execution.start == nil && (!execution.state.isFinal || execution.state == .canceled)
                let own = ArtifactPlan.Own(
                    ids, in: plan, arePreferred: !canAmend || target.node != nil && target.before == nil)
                let known = Set(ids)
                var linked: Set<Int> = []
                for use in isOpen ? [] : isInput ? execution.inputs : execution.outputs {
                    // Only the key is known, and the Workflow will say the rest.
                    if let uri = use.artifact.uri, !Artifact.isComplete(uri), execution.authority < .workflow {
                        continue
                    }
                    let artifact =
                        isInput
                        ? plan.input(use, of: execution, read: own) : plan.output(use, of: execution, written: own)
                    link(number, artifact, isInput ? .input : .output, use.name, known, &linked, plan)
                }
                if canAmend, target.before != nil { takeBack(ids, except: linked, of: number, isInput, &plan) }
            }
        }
    }

    private mutating func link(
        _ number: Int, _ artifact: Int, _ kind: Link.Kind, _ name: String, _ ids: Set<Int64>, _ linked: inout Set<Int>,
        _ plan: ArtifactPlan
    ) {
        guard linked.insert(artifact).inserted else { return }
        let entry = plan.entries[artifact]
        let target = targets[number]
        let isStored =
            entry.isStored && ids.contains(entry.node.id) && isStored(kind, name, of: target, entry.node.id)
        if kind == .input, entry.wasClaimed { unlinked.append((entry.node.id, target.execution.membership)) }
        links.append(Link(target: number, artifact: artifact, kind: kind, name: name, isStored: isStored))
    }

    /// Whether an event that the store has can stay. It has its name and time from what was known when it was put: where
    /// that is otherwise now, it is put anew.
    private mutating func isStored(
        _ kind: Link.Kind, _ name: String, of target: Target, _ artifact: Int64
    ) -> Bool {
        guard canAmend, target.before != nil, let node = target.node,
            let event = events[node.id]?.first(where: { $0.artifactID == artifact && $0.type == kind.event })
        else { return true }
        let wanted = Self.event(kind, name, target.execution)
        let isSameTime =
            !wanted.hasMillisecondsSinceEpoch || event.millisecondsSinceEpoch == wanted.millisecondsSinceEpoch
        if event.path == wanted.path, isSameTime { return true }
        renamed.append(.init(event))
        return false
    }

    private static func event(_ kind: Link.Kind, _ name: String, _ execution: Execution) -> MlMetadata_Event {
        LineageMapping.event(
            kind.event, name: name,
            time: kind == .input ? execution.start ?? execution.end : execution.end ?? execution.start)
    }

    /// Takes back events that the execution's facts do not tell any more.
    private mutating func takeBack(
        _ ids: [Int64], except linked: Set<Int>, of number: Int, _ isInput: Bool, _ plan: inout ArtifactPlan
    ) {
        guard let node = targets[number].node else { return }
        for id in ids {
            guard let index = plan.index(ofStored: id), !linked.contains(index) else { continue }
            take(node.id, plan.entries[index], isInput ? .input : .output, targets[number].execution)
            plan.withdraw(index, targets[number].execution.id, isWriter: !isInput)
        }
    }

    private mutating func take(
        _ id: Int64, _ entry: ArtifactPlan.Entry, _ type: MlMetadata_Event.TypeEnum, _ execution: Execution
    ) {
        let artifact = entry.node.id
        taken.append(.init(execution: id, artifact: artifact, type))
        // Another's stays, whoever read it.
        if !entry.statements.isOthers { orphans.insert(artifact) }
        unlinked.append((artifact, execution.membership))
    }

    /// Artifacts of which others' inputs may mean another now: what is at a location that this batch wrote to.
    func suspects(_ plan: ArtifactPlan) -> [Int64: Date?] {
        var result: [Int64: Date?] = [:]
        for entry in plan.entries where !entry.producers.isEmpty || entry.hasLostVoice {
            guard let uri = entry.uri else { continue }
            let time = entry.produced
            let here = plan.indexes(at: uri).filter { plan.entries[$0].isStored }
            // Of those that were written before, only the last may have readers that mean this one now; newer ones are what
            // their readers read already.
            let before = here.filter { index in
                let other = plan.entries[index]
                guard !other.isUnproduced, let its = other.produced, let time else { return false }
                return its <= time && other.externalID != entry.externalID
            }.max { (plan.entries[$0].produced ?? .distantPast) < (plan.entries[$1].produced ?? .distantPast) }
            for index in here {
                let other = plan.entries[index]
                let isItself = other.externalID == entry.externalID
                let isKnown = !other.isUnproduced && other.produced != nil && time != nil
                // Who says which version or content he read means that, whenever it was written.
                let isMeant = !isItself && other.isSaidToBe(entry)
                if !isItself, isKnown, index != before, !isMeant { continue }
                let isClaimed = isItself && (other.wasClaimed || other.hasLostVoice)
                let known = result[other.node.id]
                // Of what was only read until now, all readers.
                // Of what is known to be written at another time, also those that began meanwhile.
                let earlier = isItself ? other.storedProduced : nil
                let isAnyTime = isClaimed || isMeant || other.isUnproduced
                let since = isAnyTime ? nil : [earlier, time].compactMap { $0 }.min()
                result[other.node.id] = .some(known.map { $0.flatMap { old in since.map { min(old, $0) } } } ?? since)
            }
        }
        return result
    }

    /// Takes back that files are parts of folders which were seen to be written as a whole.
    mutating func takeInferred(_ events: [MlMetadata_Event], _ plan: ArtifactPlan) {
        for event in events where event.isInferred {
            guard let index = plan.index(ofStored: event.artifactID), plan.entries[index].wasClaimed else { continue }
            take(event)
        }
    }

    /// Takes back an event; nothing else follows of it.
    mutating func take(_ event: MlMetadata_Event) { taken.append(.init(event)) }

    /// Events that are not so any more, whatever the store says: of the executions of this batch all that they read, which
    /// they say anew, of others what is taken back.
    var outdated: (executions: [Int64], events: [Kfmd_V1_EventKey]) {
        (targets.filter { !$0.isVisitor }.compactMap { $0.node?.id }.sorted(), taken + renamed)
    }

    /// Artifacts of the store that somebody does not read any more, or read at another time.
    var unread: Set<Int64> { Set((taken + renamed).filter { $0.type == .input }.map(\.artifactID)) }

    /// Resolves inputs of executions of the store anew.
    /// - Parameters:
    ///   - visitors: with what was recorded of them.
    ///   - events: all of these.
    mutating func relink(
        _ visitors: [(node: MlMetadata_Execution, execution: Execution)], _ events: [Int64: [MlMetadata_Event]],
        _ plan: inout ArtifactPlan
    ) {
        // Those that become targets are known with all their events: none is put twice.
        note(events)
        for (node, execution) in visitors {
            var new: [Link] = []
            for isInput in [true, false] where isInput || execution.state == .cached {
                let uses = (isInput ? execution.inputs : execution.outputs).filter { $0.artifact.uri != nil }
                let places = Set(uses.compactMap(\.artifact.uri).flatMap { plan.indexes(at: $0) })
                let old = (events[node.id] ?? []).filter { event in
                    guard event.isInput == isInput, !event.isInferred else { return false }
                    return plan.index(ofStored: event.artifactID).map(places.contains) ?? false
                }
                guard !old.isEmpty else { continue }
                let none = ArtifactPlan.Own([], in: plan, arePreferred: false)
                var linked: Set<Int> = []
                for use in uses {
                    let artifact =
                        isInput
                        ? plan.input(use, of: execution, read: none) : plan.output(use, of: execution, written: none)
                    guard linked.insert(artifact).inserted else { continue }
                    let entry = plan.entries[artifact]
                    let isKept = entry.isStored && old.contains { $0.artifactID == entry.node.id }
                    // It was of its readers' runs until it was seen to be written.
                    if isKept, isInput, !entry.isUnproduced {
                        unlinked.append((entry.node.id, execution.membership))
                    }
                    // It is of its readers' runs again since nobody was seen to write it.
                    if isKept, !isInput || !entry.wasDisowned { continue }
                    new.append(
                        Link(
                            target: targets.count, artifact: artifact, kind: isInput ? .input : .output,
                            name: use.name, isStored: isKept))
                }
                for event in old {
                    guard let index = plan.index(ofStored: event.artifactID), !linked.contains(index) else { continue }
                    take(node.id, plan.entries[index], event.type, execution)
                    plan.withdraw(index, execution.id, isWriter: !isInput)
                }
            }
            if new.isEmpty { continue }
            targets.append(
                Target(
                    execution: execution, before: execution, node: node,
                    sights: node.customProperties[PropertyName.sights], isAttempt: true, isVisitor: true))
            links += new
        }
    }

    /// Notes the events of an execution of the store that is no target.
    mutating func note(_ more: [Int64: [MlMetadata_Event]]) { events.merge(more) { $1 } }

    /// Says of an execution that a folder contains what it wrote.
    mutating func infer(_ folder: Int, from target: Int, name: String, _ plan: ArtifactPlan) {
        // It may read the folder too.
        guard !links.contains(where: { $0.target == target && $0.artifact == folder && $0.kind == .inferred }) else {
            return
        }
        let (its, id) = (targets[target], plan.entries[folder].node.id)
        let isKnown = its.node.flatMap { events[$0.id] }?.contains { $0.artifactID == id && $0.isInferred } ?? false
        let isStored = isKnown && isStored(.inferred, name, of: its, id)
        links.append(Link(target: target, artifact: folder, kind: .inferred, name: name, isStored: isStored))
    }

    /// Takes back what executions of this batch are not parts of any more.
    mutating func takeBackInferred(_ plan: ArtifactPlan) {
        for (number, target) in targets.enumerated() where target.before != nil && !target.isVisitor {
            guard let node = target.node else { continue }
            for event in events[node.id] ?? [] where event.isInferred {
                let isKept = links.contains {
                    $0.target == number && $0.kind == .inferred && plan.index(ofStored: event.artifactID) == $0.artifact
                }
                if !isKept { take(event) }
            }
        }
    }

    /// Adds an execution of the store that is written as it is, for a link of it.
    mutating func add(_ node: MlMetadata_Execution, _ execution: Execution) -> Int {
        if let index = targets.firstIndex(where: { $0.node?.id == node.id }) { return index }
        targets.append(
            Target(
                execution: execution, before: execution, node: node,
                sights: node.customProperties[PropertyName.sights], isAttempt: true, isVisitor: true))
        return targets.count - 1
    }

    // MARK: The requests

    /// The types of all that is written.
    func types(_ entries: [ArtifactPlan.Entry]) -> [TypeRegistry.Key: LineageMapping.Properties] {
        var result: [TypeRegistry.Key: LineageMapping.Properties] = [:]
        for target in targets {
            let key = TypeRegistry.Key(kind: .execution, name: target.execution.type)
            result[key, default: [:]].merge(LineageMapping.properties(ofExecution: target.execution)) { first, _ in
                first
            }
        }
        // Another's keeps its type.
        for entry in entries where !entry.statements.isOthers {
            guard let shown = entry.statements.shown else { continue }
            let key = TypeRegistry.Key(kind: .artifact, name: shown.type)
            result[key, default: [:]].merge(LineageMapping.properties(ofArtifact: shown)) { first, _ in first }
        }
        return result
    }

    /// The entries that are linked or changed, with the links' indexes made to fit.
    mutating func compact(_ plan: ArtifactPlan) -> [ArtifactPlan.Entry] {
        var positions: [Int: Int] = [:]
        var entries: [ArtifactPlan.Entry] = []
        func position(of old: Int) -> Int {
            if let position = positions[old] { return position }
            positions[old] = entries.count
            var entry = plan.entries[old]
            // All is said now.
            entry.statements = entry.statements.normalized
            entries.append(entry)
            return entries.count - 1
        }
        for index in links.indices { links[index].artifact = position(of: links[index].artifact) }
        // What somebody says no more of is written too, unless nothing is left of it.
        for index in plan.entries.indices where plan.entries[index].isTouched && plan.entries[index].isStored {
            if !plan.entries[index].statements.isEmpty { _ = position(of: index) }
        }
        return entries
    }

    /// What the store has to correct before the rest is written.
    func corrections(_ entries: [ArtifactPlan.Entry], _ typeIDs: [TypeRegistry.Key: Int64]) -> Kfmd_V1_AmendRequest {
        var request = Kfmd_V1_AmendRequest()
        for target in targets {
            guard let node = target.node, node.hasTypeID,
                let id = typeIDs[TypeRegistry.Key(kind: .execution, name: target.execution.type)], id != node.typeID
            else { continue }
            request.executions.append(.with { ($0.nodeID, $0.typeID) = (node.id, id) })
        }
        for entry in entries where entry.isStored && !entry.statements.isOthers {
            guard let shown = entry.statements.shown, shown.type != entry.storedType,
                let id = typeIDs[TypeRegistry.Key(kind: .artifact, name: shown.type)], id != entry.node.typeID
            else { continue }
            request.artifacts.append(.with { ($0.nodeID, $0.typeID) = (entry.node.id, id) })
        }
        request.renamed = renamed
        request.events = taken
        request.orphans = orphans.sorted()
        return request
    }

    /// Notes what was read. What is put back whole nobody may have changed meanwhile, nor what is at the same location and
    /// was not chosen.
    func note(_ plan: ArtifactPlan, in basis: inout Kfmd_V1_Basis) {
        guard canAmend else { return }
        basis.artifacts += plan.entries.filter(\.isStored).map { Kfmd_V1_Expectation($0.node) }
        basis.executions += targets.compactMap(\.node).map(Kfmd_V1_Expectation.init)
    }

    /// Which nodes of the request belong to which contexts.
    struct Placings {
        var executions: [Kfmd_V1_Placing] = []
        var artifacts: [Kfmd_V1_Placing] = []
    }

    /// Each execution, and each artifact that is of its run, belongs to its run and workspace.
    /// - Parameter contexts: by the execution's external id.
    func placings(_ contexts: [String: TypeRegistry.Contexts], _ entries: [ArtifactPlan.Entry]) -> Placings {
        var result = Placings()
        let links = linksByTarget()
        for (number, target) in targets.enumerated() {
            guard let context = contexts[target.execution.id] else { continue }
            for id in context.all {
                result.executions.append(.with { ($0.index, $0.contextID) = (Int32(number), id) })
                for link in links[number] where link.kind != .inferred {
                    // What somebody was seen to write is of his run.
                    let isOwn = link.kind == .output || entries[link.artifact].isUnproduced
                    guard isOwn else { continue }
                    result.artifacts.append(.with { ($0.index, $0.contextID) = (Int32(link.artifact), id) })
                }
            }
        }
        return result
    }

    func request(
        _ entries: [ArtifactPlan.Entry], _ typeIDs: [TypeRegistry.Key: Int64]
    ) -> MlMetadata_PutLineageSubgraphRequest {
        var request = MlMetadata_PutLineageSubgraphRequest()
        // Another may have made it meanwhile: our own store says so, and it is read again.
        request.options.reuseArtifactIfAlreadyExistByExternalID = !canAmend
        request.executions = targets.map { target in
            let id = typeIDs[TypeRegistry.Key(kind: .execution, name: target.execution.type)] ?? 0
            return LineageMapping.node(
                of: target.execution, typeID: canAmend ? id : target.node?.typeID ?? id, over: target.node,
                before: target.before, sights: target.sights,
                hasType: canAmend || target.node.map { $0.typeID == id } ?? true)
        }
        request.artifacts = entries.map { entry in
            let shown = entry.statements.isOthers ? nil : entry.statements.shown
            let id = shown.flatMap { typeIDs[TypeRegistry.Key(kind: .artifact, name: $0.type)] } ?? entry.node.typeID
            return entry.node(typeID: canAmend || !entry.isStored ? id : entry.node.typeID, canAmend: canAmend)
        }
        for link in links where !link.isStored {
            let execution = targets[link.target].execution
            request.eventEdges.append(
                .with {
                    $0.executionIndex = Int32(link.target)
                    $0.artifactIndex = Int32(link.artifact)
                    $0.event = Self.event(link.kind, link.name, execution)
                })
        }
        return request
    }

    /// By target.
    func linksByTarget() -> [[Link]] {
        var result = [[Link]](repeating: [], count: targets.count)
        for link in links { result[link.target].append(link) }
        return result
    }

    /// The stored artifacts that a target wrote.
    func written(by target: Target, _ entries: [ArtifactPlan.Entry]) -> [Int64] {
        entries.filter { $0.isStored && $0.producers.contains(target.execution.id) }.map(\.node.id)
    }
}

extension Graph.Link.Kind {
    /// What is inferred is told apart by ML Metadata's type of events that systems make for themselves; readers of
    /// lineage follow it as any output.
    fileprivate var event: MlMetadata_Event.TypeEnum {
        switch self {
        case .input: .input
        case .output: .output
        case .inferred: .internalOutput
        }
    }
}

extension Kfmd_V1_EventKey {
    init(execution: Int64, artifact: Int64, _ type: MlMetadata_Event.TypeEnum) {
        self.init()
        (executionID, artifactID, self.type) = (execution, artifact, type)
    }

    init(_ event: MlMetadata_Event) {
        self.init(execution: event.executionID, artifact: event.artifactID, event.type)
    }
}

extension Kfmd_V1_Expectation {
    init(_ node: MlMetadata_Artifact) { self.init(node.id, node.lastUpdateTimeSinceEpoch) }
    init(_ node: MlMetadata_Execution) { self.init(node.id, node.lastUpdateTimeSinceEpoch) }
    init(_ node: MlMetadata_Context) { self.init(node.id, node.lastUpdateTimeSinceEpoch) }

    private init(_ id: Int64, _ time: Int64) {
        self.init()
        (nodeID, lastUpdateTimeSinceEpoch) = (id, time)
    }
}
