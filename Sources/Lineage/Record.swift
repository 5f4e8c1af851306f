public import FoundationEssentials

/// All that was seen of one execution: the newest sight of each object that tells of it.
///
/// A set that only grows or gets newer. What it comes to (``executions()``) is a function of the set alone, so that
/// neither the order in which sights come, nor how they are spread over batches, commands, restarts and replicas
/// makes a difference. It is kept with the execution in the store.
public struct Record: Sendable, Hashable {
    /// What tells of an execution: an object, and of one that tells of several attempts, which.
    public struct Source: Sendable, Hashable, Comparable {
        public var kind: String
        /// The uid, else namespace and name.
        public var object: String
        /// When the attempt began, in milliseconds since 1970; 0 for objects that tell of one attempt only.
        public var attempt: Int64
        /// Whether it is the deletion of something that serves, which is no sight of how it went on.
        public var isDeletion: Bool

        public init(kind: String, object: String, attempt: Int64 = 0, isDeletion: Bool = false) {
            self.kind = kind
            self.object = object
            self.attempt = attempt
            self.isDeletion = isDeletion
        }

        public static func < (left: Source, right: Source) -> Bool {
            if left.attempt != right.attempt { return left.attempt < right.attempt }
            if left.kind != right.kind { return left.kind < right.kind }
            if left.object != right.object { return left.object < right.object }
            return !left.isDeletion && right.isDeletion
        }
    }

    /// The newest sight of a source.
    public struct Seen: Sendable, Hashable {
        public var sight: Execution
        /// Whether the object was missing in a whole list afterwards.
        public var isGone: Bool

        public init(sight: Execution, isGone: Bool = false) {
            self.sight = sight
            self.isGone = isGone
        }
    }

    /// The end of a revision of something that serves, which others have taken the place of.
    public struct Superseded: Sendable, Hashable {
        /// How old the sight is that said so.
        public var age: Age
        public var time: Date?

        public init(age: Age, time: Date?) {
            self.age = age
            self.time = time
        }
    }

    /// The kind of the source that stands for what a store held before anything was kept of its sights.
    public static let storeKind = "(store)"
    /// The same for a journal of kfmd 0.1.
    public static let journalKind = "(journal)"
    /// The most sources that are kept.
    public static let maximumSources = Budget.sources

    /// The identity in the store.
    public let id: String
    public private(set) var seen: [Source: Seen] = [:]
    /// Of what serves: when it first did.
    public private(set) var served: Date?
    public private(set) var superseded: Superseded?
    /// Whether sights have less in them than was seen: then what they do not say is not said to be otherwise.
    public var isSlim = false

    public init(_ sight: Execution) {
        id = sight.id
        add(sight)
    }

    /// For what is read back.
    public init(id: String, seen: [Source: Seen], served: Date?, superseded: Superseded?) {
        self.id = id
        self.seen = seen
        self.served = served
        self.superseded = superseded
    }

    /// The same with less in each sight, and marked so.
    public func slimmed(_ transform: (Execution) -> Execution) -> Record {
        var result = Record(
            id: id, seen: seen.mapValues { Seen(sight: transform($0.sight), isGone: $0.isGone) }, served: served,
            superseded: superseded)
        result.isSlim = true
        return result
    }

    // MARK: What is added

    /// Takes in a sight; one that is older than what is known of its object adds nothing.
    /// - Parameter isLive: whether sights come as things happen, so that of two of one age the later counts. Of
    ///   files that say different things at one age, the one that says more does.
    public mutating func add(_ sight: Execution, isLive: Bool = false) {
        add(Seen(sight: sight.aged), from: Source(of: sight), isLive: isLive)
    }

    /// Takes in all that another record of the same execution has.
    public mutating func add(_ other: Record, isLive: Bool = false) {
        for (source, seen) in other.seen { add(seen, from: source, isLive: isLive) }
        served = [served, other.served].compactMap { $0 }.min()
        isSlim = isSlim || other.isSlim
        if let replaced = other.superseded { supersede(at: replaced.age, time: replaced.time) }
    }

    private mutating func add(_ new: Seen, from source: Source, isLive: Bool) {
        if new.sight.role == .service, new.sight.state == .running, let start = new.sight.start {
            served = min(served ?? start, start)
        }
        guard let old = seen[source] else {
            seen[source] = new
            if seen.count > Self.maximumSources { dropOldest() }
            return
        }
        if new.sight == old.sight {
            seen[source]?.isGone = isLive ? new.isGone : new.isGone || old.isGone
            return
        }
        if old.sight.age != new.sight.age {
            if old.sight.age < new.sight.age { seen[source] = new }
        } else if isLive || new.sight.saysMore(than: old.sight) {
            seen[source] = new
        }
    }

    private mutating func dropOldest() {
        let oldest = seen.min { ($0.value.sight.age, $0.key) < ($1.value.sight.age, $1.key) }
        if let oldest { seen[oldest.key] = nil }
    }

    /// Notes that objects were missing in a whole list.
    /// - Returns: whether that is new.
    public mutating func note(gone objects: Set<Execution.Origin>) -> Bool {
        var isNew = false
        for (source, known) in seen where !known.isGone && known.sight.origins.values.contains(where: objects.contains)
        {
            seen[source]?.isGone = true
            isNew = true
        }
        return isNew
    }

    /// Notes that other revisions took its place. Of two sights that said so the newer counts.
    public mutating func supersede(at age: Age, time: Date?) {
        let new = Superseded(age: age, time: time)
        guard let old = superseded else { return superseded = new }
        if old.age < age || old.age == age && (time ?? .distantFuture) < (old.time ?? .distantFuture) {
            superseded = new
        }
    }

    // MARK: What it comes to

    /// Whether all that is known adds to an execution that was not seen itself.
    public var isFragment: Bool { seen.values.allSatisfy { $0.sight.isFragment } }

    /// The execution, and before it the attempts that it repeats, the first of them first.
    public func executions() -> [Execution] {
        let known = seen.sorted { $0.key < $1.key }
        switch known.lazy.map(\.value.sight.role).first(where: { $0 != .fragment }) ?? .fragment {
        case .service: return [service(known.map(\.value))]
        case .run: return [run(known.map(\.value))]
        case .step, .fragment:
            let attempts = Attempts.divide(known.map { ($0.key, $0.value) })
            var result = attempts.map(Self.step)
            for number in result.indices.dropLast() {
                result[number].id = Identity.attempt(number + 1, of: id)
                result[number].customProperties["repeated_by"] = .string(id)
                if !result[number].state.isFinal {
                    result[number].conclude(
                        object: result[number].mainOrigin?.description ?? id, field: "status", reason: "it was repeated"
                    )
                }
                result[number].recordedID = nil
                result[number].wantsWriteBack = false
                result[number].problems = result[number].allProblems
            }
            return result
        }
    }

    /// The execution as it is now: the last attempt.
    public var current: Execution {
        let all = executions()
        return all[all.count - 1]
    }

    /// One attempt of a step.
    private static func step(_ attempt: [Seen]) -> Execution {
        var result = Execution.merged(attempt.map(\.sight))
        // What only adds comes and goes.
        let telling = attempt.filter { !$0.sight.isFragment }
        if !result.state.isFinal, !telling.isEmpty, telling.allSatisfy(\.isGone) {
            result.conclude(
                object: result.mainOrigin?.description ?? result.id, field: "status", reason: "its object is gone")
        }
        if result.state != .canceled { result.conclusion = nil }
        return result
    }

    /// Something that serves: the newest sight says how it is.
    private func service(_ known: [Seen]) -> Execution {
        var result = Execution.merged(known.map(\.sight), newestLeads: true)
        let alive = known.filter { $0.sight.state != .canceled }.max { $0.sight.age < $1.sight.age }
        let newest = known.max { $0.sight.age < $1.sight.age }
        let start = [served, result.start].compactMap { $0 }.min()
        result.start = start
        result.role = .service
        let lastEnd = known.filter(\.sight.state.isFinal).max { $0.sight.age < $1.sight.age }?.sight.end
        var state = newest?.sight.state ?? result.state
        var end = newest?.sight.end ?? lastEnd
        switch state {
        // Not ready for a moment.
        case .new where served != nil: state = .running
        // Deleted: it had ended before, or ran until then, or never served.
        case .canceled:
            if let ended = alive, ended.sight.state.isFinal {
                (state, end) = (ended.sight.state, ended.sight.end ?? end)
            } else if start != nil {
                state = .complete
            }
        default: break
        }
        if !state.isFinal, known.allSatisfy(\.isGone) { state = start == nil ? .canceled : .complete }
        if !state.isFinal, let superseded, let newest, newest.sight.age < superseded.age {
            (state, end) = (start == nil ? .canceled : .complete, superseded.time)
        }
        result.state = state
        result.end = state.isFinal ? end : nil
        result.conclusion = nil
        result.problems = newest?.sight.problems ?? []
        return result
    }

    /// How far a run has come: the newest sight says it.
    private func run(_ known: [Seen]) -> Execution {
        var result = Execution.merged(known.map(\.sight), newestLeads: true)
        guard let newest = known.max(by: { $0.sight.age < $1.sight.age }) else { return result }
        (result.role, result.state, result.end) = (.run, newest.sight.state, newest.sight.end)
        result.start = newest.sight.start ?? result.start
        for name in ["message", "exit_code", "reason"] {
            result.customProperties[name] = newest.sight.customProperties[name]
        }
        result.problems = newest.sight.problems
        if !result.state.isFinal, known.allSatisfy(\.isGone) {
            result.conclude(
                object: result.mainOrigin?.description ?? id, field: "status", reason: "its object is gone")
        }
        return result
    }
}

extension Record.Source {
    /// A Workflow tells of each attempt of a step that was repeated by hand under one node.
    public init(of sight: Execution) {
        let origin = sight.origins.min { $0.key < $1.key }?.value
        let uid = origin?.uid ?? ""
        self.init(
            kind: origin?.kind ?? "", object: uid.isEmpty ? "\(origin?.namespace ?? "")/\(origin?.name ?? "")" : uid,
            attempt: sight.repeatsUnderOneIdentity ? sight.start.map(Timestamp.milliseconds) ?? 0 : 0,
            isDeletion: sight.role == .service && sight.state == .canceled)
    }
}

extension Execution {
    /// Whether its object tells of several attempts under one identity, one after the other.
    var repeatsUnderOneIdentity: Bool { role == .step && origins.count == 1 && origins["Workflow"] != nil }

    /// With the age that its own times tell at least.
    fileprivate var aged: Execution {
        var result = self
        result.age = age.atLeast(start).atLeast(end)
        return result
    }

    /// Which of two sights of one age counts: an order in which no two different ones are equal.
    fileprivate func saysMore(than other: Execution) -> Bool {
        if state.progress != other.state.progress { return state.progress > other.state.progress }
        func facts(_ it: Execution) -> Int {
            it.inputs.count + it.outputs.count + it.parameters.count + it.customProperties.count + it.properties.count
                + it.evidence.count + it.run.customProperties.count
        }
        let (one, two) = (facts(self), facts(other))
        if one != two { return one > two }
        return canonicalText > other.canonicalText
    }

    /// A text that is the same for the same facts.
    private var canonicalText: String {
        func sorted(_ properties: [String: PropertyValue]) -> String {
            properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ";")
        }
        func text(_ use: ArtifactUse) -> String {
            let artifact = use.artifact
            return "\(use.name) \(use.convention) \(artifact.type) \(artifact.isTypeDeclared) \(artifact.name ?? "") "
                + "\(artifact.uri ?? "") \(artifact.version ?? "") \(artifact.digest ?? "") \(artifact.state) "
                + sorted(artifact.properties) + sorted(artifact.customProperties)
        }
        return [
            type, name, state.rawValue, "\(start?.timeIntervalSince1970 ?? 0)", "\(end?.timeIntervalSince1970 ?? 0)",
            run.name, run.displayName, sorted(run.customProperties), workspace.name,
            parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ";"),
            inputs.map(text).joined(separator: ";"), outputs.map(text).joined(separator: ";"), sorted(properties),
            sorted(customProperties), problems.map(\.description).joined(separator: ";"),
            evidence.map { "\($0.convention) \($0.fact) \($0.field)" }.joined(separator: ";"),
        ].joined(separator: "\n")
    }
}
