import FoundationEssentials
import Lineage
import MetadataAPI

/// Which artifact each input and output of a batch is: one of the store's, or a new one.
///
/// A pure value: it is given what the store knows under the batch's locations, and decides. What an input means is a
/// function of what was written there, and when; not of what was known when it was read first.
struct ArtifactPlan {
    /// An artifact, as it was in the store and as it shall be.
    struct Entry {
        /// As it is in the store; empty for a new one.
        var node: MlMetadata_Artifact
        /// Whether the store has it already.
        var isStored: Bool
        /// What executions say of it.
        var statements: ArtifactStatements
        /// What was shown of it when it was written last; `nil` for a new one, and for one of another recorder.
        var before: Artifact?
        /// The name of the type that it has in the store; `nil` for a new one, and where the store does not tell.
        var storedType: String?
        var externalID: String?
        /// The executions of this batch that wrote it, by external id.
        var producers: Set<String> = []
        /// Whether somebody says no more of it what he said.
        var hasLostVoice = false
        /// Whether anything is said of it now.
        var isTouched = false

        /// What the store has of ``statements``.
        var stored = ArtifactStatements()
        /// Whether it was only read when it was written to the store last, and now somebody was seen to write it.
        var wasClaimed: Bool { isStored && stored.firstRead != nil && !isUnproduced }
        /// Whether somebody was seen to write it when it was written to the store last, and now nobody was.
        var wasDisowned: Bool { isStored && !stored.isEmpty && stored.firstRead == nil && isUnproduced }
        /// When it was written as far as the store knows.
        var storedProduced: Date? { stored.produced }
        /// When it was written; `nil` where nobody said.
        var produced: Date? { statements.produced }
        /// When it was first read, for one that nobody was seen to write.
        var firstRead: Date? { statements.firstRead }
        /// Whether its content was not known to be written by anybody.
        var isUnproduced: Bool { firstRead != nil }
        /// Where it is, and within what that means one place.
        var uri: String? { statements.all.lazy.compactMap(\.artifact.uri).first ?? (node.uri.isEmpty ? nil : node.uri) }
        var scope: String? { statements.all.lazy.compactMap(\.artifact.scope).first }

        /// What those who wrote it say: what a reader says of it is only his.
        func written(_ path: KeyPath<Artifact, String?>) -> [String] {
            statements.all.filter(\.isWriter).compactMap { $0.artifact[keyPath: path] }
        }

        /// Whether somebody says of it the version or content that another has.
        func isSaidToBe(_ other: Entry) -> Bool {
            [\Artifact.version, \Artifact.digest].contains { path in
                let its = other.written(path)
                return statements.all.contains { $0.artifact[keyPath: path].map(its.contains) ?? false }
            }
        }
    }

    private(set) var entries: [Entry] = []
    /// By what is the same for all spellings of a location.
    private var byLocation: [String: [Int]] = [:]
    private var byExternalID: [String: Int] = [:]
    private var byID: [Int64: Int] = [:]

    /// The clocks of two nodes, and the seconds that Kubernetes rounds to.
    static let tolerance: TimeInterval = 2

    init(stored: [MlMetadata_Artifact]) {
        for node in stored where byID[node.id] == nil {
            let type = node.type
            if var statements = KeptFacts.statements(node.customProperties) {
                // Another's is as he says now.
                if statements.isOthers { statements.state(Self.former(node, type: type).all[0]) }
                append(
                    Entry(
                        node: node, isStored: true, statements: statements, before: statements.shown,
                        storedType: type.isEmpty ? nil : type,
                        externalID: node.hasExternalID ? node.externalID : nil))
            } else {
                append(
                    Entry(
                        node: node, isStored: true, statements: Self.former(node, type: type), before: nil,
                        storedType: type.isEmpty ? nil : type, externalID: node.hasExternalID ? node.externalID : nil))
            }
        }
    }

    /// What a node says of which no statements are kept: one of kfmd 0.1, or another's.
    private static func former(_ node: MlMetadata_Artifact, type: String) -> ArtifactStatements {
        func time(_ name: String) -> Date? { Timestamp.parse(node.customProperties[name]?.stringValue ?? "") }
        let isOurs = node.externalID.hasPrefix("kfmd://") || node.externalID.hasPrefix("k8s://")
        let read = time(PropertyName.readTime)
        var artifact = LineageMapping.former(node, type: type)
        artifact.isTypeDeclared = !isOurs
        return ArtifactStatements([
            .init(
                place: "", execution: isOurs ? "" : ArtifactStatements.others, isWriter: read == nil,
                time: read ?? time(PropertyName.producedTime),
                workspace: node.customProperties[PropertyName.workspace]?.stringValue ?? "",
                run: node.customProperties[PropertyName.run]?.stringValue ?? "", artifact: artifact)
        ])
    }

    private mutating func append(_ entry: Entry) {
        var entry = entry
        if entry.isStored { entry.stored = entry.statements }
        let index = entries.count
        entries.append(entry)
        if let uri = entry.uri { byLocation[Location.key(of: uri), default: []].append(index) }
        if let id = entry.externalID { byExternalID[id] = index }
        if entry.isStored { byID[entry.node.id] = index }
    }

    func index(ofStored id: Int64) -> Int? { byID[id] }

    /// The artifacts at a place.
    func indexes(at uri: String) -> [Int] { byLocation[Location.key(of: uri)] ?? [] }

    // MARK: Outputs

    /// The artifact that an execution wrote.
    /// - Parameter written: the artifacts that the store has as this execution's outputs.
    mutating func output(_ use: ArtifactUse, of execution: Execution, written: Own) -> Int {
        // A step served from a cache has the artifacts of the original.
        if execution.state == .cached { return read(use, of: execution, among: written, isCached: true) }
        let place = execution.place
        let content = Identity.content(of: use.artifact, in: place)
        let identity = content ?? Identity.output(of: execution.id, use: use)
        // What others wrote too is theirs: of one content, when this execution has another now.
        let own = known(use, in: written).flatMap { isOnly(execution, $0) ? $0 : nil }
        let same = byExternalID[identity] ?? formerContent(use, of: execution)
        let index =
            (written.arePreferred ? own ?? same : same ?? own)
            ?? (content == nil ? unclaimed(use, writtenBy: execution) : nil)
        guard let index else { return add(use, identity, of: execution, isWriter: true) }
        // Another's keeps its name.
        if !isAnothers(index), entries[index].externalID != identity, byExternalID[identity] == nil {
            if let old = entries[index].externalID, byExternalID[old] == index { byExternalID[old] = nil }
            entries[index].externalID = identity
            byExternalID[identity] = index
        }
        entries[index].producers.insert(execution.id)
        state(index, use, of: execution, isWriter: true)
        return index
    }

    /// Whether no other execution wrote it, as far as is told.
    private func isOnly(_ execution: Execution, _ index: Int) -> Bool {
        entries[index].statements.all.allSatisfy {
            !$0.isWriter || $0.execution == execution.id || $0.place.isEmpty && !isAnothers(index)
        }
    }

    private func isAnothers(_ index: Int) -> Bool { entries[index].statements.isOthers }

    /// The artifacts that the store has as an execution's own, found by what a use tells: each use looks at few of them.
    struct Own {
        fileprivate var all: Set<Int> = []
        fileprivate var byLocation: [String: [Int]] = [:]
        /// Those without a uri.
        fileprivate var byTitle: [String: [Int]] = [:]
        /// Those of which only the key is told.
        fileprivate var incomplete: [Int] = []
        /// Whether they stay its own whatever else there is: links that kfmd 0.1 or another put cannot be told from
        /// ours, and are not taken back.
        fileprivate let arePreferred: Bool

        init(_ ids: [Int64], in plan: ArtifactPlan, arePreferred: Bool) {
            self.arePreferred = arePreferred
            for index in ids.compactMap({ plan.byID[$0] }) where all.insert(index).inserted {
                let entry = plan.entries[index]
                if let uri = entry.uri {
                    byLocation[Location.key(of: uri), default: []].append(index)
                    if !Artifact.isComplete(uri) { incomplete.append(index) }
                } else {
                    byTitle[entry.node.title, default: []].append(index)
                }
            }
        }
    }

    /// The one of an execution's own artifacts that a use means, by uri, else by name.
    private func known(_ use: ArtifactUse, in own: Own) -> Int? {
        if own.all.isEmpty { return nil }
        func first(_ indexes: [Int]) -> Int? {
            let alike = indexes.filter { !differs($0, from: use.artifact, isAnywhere: own.arePreferred) }
            // Of several versions under one uri each is itself.
            return alike.first { isSameContent($0, use.artifact) }
                ?? alike.first { !Identity.isContent(entries[$0].externalID ?? "") } ?? alike.first
        }
        if let uri = use.artifact.uri {
            return first(own.byLocation[Location.key(of: uri)] ?? [])
                // It may have been completed meanwhile.
                ?? first(own.incomplete.filter { Self.completes(uri, entries[$0].uri ?? "") })
        }
        return first(use.artifact.name.flatMap { own.byTitle[$0] } ?? [])
    }

    private func isSameContent(_ index: Int, _ artifact: Artifact) -> Bool {
        artifact.digest.map { entries[index].written(\.digest).contains($0) } ?? false
            || artifact.version.map { entries[index].written(\.version).contains($0) } ?? false
    }

    /// Whether version, digest or scope say that a stored artifact is another.
    private func differs(_ index: Int, from artifact: Artifact, isAnywhere: Bool = false) -> Bool {
        func differ(_ path: KeyPath<Artifact, String?>) -> Bool {
            guard let value = artifact[keyPath: path] else { return false }
            let stored = entries[index].written(path)
            return !stored.isEmpty && !stored.contains(value)
        }
        return differ(\.version) || differ(\.digest) || !isAnywhere && isElsewhere(index, artifact)
    }

    private func isElsewhere(_ index: Int, _ artifact: Artifact) -> Bool {
        guard let scope = artifact.scope, let its = entries[index].scope else { return false }
        return scope != its
    }

    /// Whether a uri is a stored one with its bucket: `s3://b/key` for `s3:///key`.
    private static func completes(_ uri: String, _ stored: String) -> Bool {
        guard !Artifact.isComplete(stored), Artifact.isComplete(uri), let colon = stored.firstRange(of: "://")
        else { return false }
        return uri.hasSuffix(stored[colon.upperBound...])
    }

    /// What kfmd 0.1 called by content, found only where it is of this namespace.
    private func formerContent(_ use: ArtifactUse, of execution: Execution) -> Int? {
        guard let name = Identity.formerContent(of: use.artifact), let index = byExternalID[name],
            entries[index].statements.all.contains(where: { $0.place.isEmpty }),
            use.artifact.uri != nil || isOf(execution, index)
        else { return nil }
        return index
    }

    private func isOf(_ execution: Execution, _ index: Int) -> Bool {
        let workspace = entries[index].node.customProperties[PropertyName.workspace]?.stringValue
        return workspace == nil || workspace == execution.workspace.name
    }

    /// An artifact that was read, not before this execution began, and that nobody else wrote.
    private func unclaimed(_ use: ArtifactUse, writtenBy execution: Execution) -> Int? {
        guard let uri = use.artifact.uri else { return nil }
        return indexes(at: uri).first { index in
            guard let read = entries[index].firstRead, !isElsewhere(index, use.artifact) else { return false }
            // One that is told by content is whoever's wrote that.
            if Identity.isContent(entries[index].externalID ?? "") { return false }
            guard let time = execution.end ?? execution.start else { return true }
            return read.addingTimeInterval(Self.tolerance) >= time
        }
    }

    // MARK: Inputs

    /// The artifact that an execution read.
    /// - Parameter read: the artifacts that the store has as this execution's inputs; where it can take none back,
    ///   they stay.
    mutating func input(_ use: ArtifactUse, of execution: Execution, read own: Own) -> Int {
        read(use, of: execution, among: own, isCached: false)
    }

    private mutating func read(_ use: ArtifactUse, of execution: Execution, among own: Own, isCached: Bool) -> Int {
        let place = execution.place
        let content = Identity.content(of: use.artifact, in: place)
        let same = content.flatMap { byExternalID[$0] }
        // One of which nobody says anything any more is neither.
        let written = same.flatMap { entries[$0].statements.all.contains(where: \.isWriter) ? $0 : nil }
        let found = own.arePreferred ? nil : written ?? candidate(for: use, readBy: execution)
        if let index = found ?? (own.arePreferred ? known(use, in: own) : nil) ?? same ?? candidate(
            for: use, readBy: execution)
            ?? formerContent(use, of: execution)
        {
            state(index, use, of: execution, isWriter: false, isCached: isCached)
            return index
        }
        var identity = content ?? Identity.unproduced(use.artifact, in: place)
        if let other = byExternalID[identity], isElsewhere(other, use.artifact) {
            identity = Identity.unproduced(use.artifact, in: place, isScoped: true)
        }
        if let index = byExternalID[identity] ?? formerUnproduced(use, of: execution) {
            state(index, use, of: execution, isWriter: false, isCached: isCached)
            return index
        }
        return add(use, identity, of: execution, isWriter: false, isCached: isCached)
    }

    private func formerUnproduced(_ use: ArtifactUse, of execution: Execution) -> Int? {
        guard use.artifact.uri == nil, let index = byExternalID[Identity.formerUnproduced(use.artifact)],
            isOf(execution, index)
        else { return nil }
        return index
    }

    /// Of the artifacts under the uri: the one with the digest or version, else the newest that was
    /// there when the execution started.
    private func candidate(for use: ArtifactUse, readBy execution: Execution) -> Int? {
        guard let uri = use.artifact.uri else { return nil }
        let all = indexes(at: uri).filter {
            !entries[$0].statements.isEmpty && !entries[$0].statements.isOnlyWritten(by: execution.id)
                && !isElsewhere($0, use.artifact)
        }
        let hasContent = use.artifact.digest != nil || use.artifact.version != nil
        if hasContent, let same = all.filter({ isSameContent($0, use.artifact) }).min(by: { earlier($0, $1) }) {
            return same
        }
        let matching = all.filter { !differs($0, from: use.artifact) }
        let limit = execution.start.map { $0.addingTimeInterval(Self.tolerance) } ?? .distantFuture
        let written = matching.filter { index in
            guard !entries[index].isUnproduced, let time = entries[index].produced else { return false }
            return time <= limit
        }
        if let newest = written.max(by: { earlier($0, $1) }) { return newest }
        // What nobody was seen to write is told apart by what its readers say of its content.
        let waiting = matching.filter { index in
            guard entries[index].isUnproduced, let id = entries[index].externalID else { return false }
            return !hasContent && !Identity.isContent(id)
        }
        if let first = waiting.min(by: { earlier($0, $1) }) { return first }
        // Written by other clients, who don't say when: the newest.
        return matching.filter { entries[$0].produced == nil && !entries[$0].isUnproduced }.max { earlier($0, $1) }
    }

    private func earlier(_ left: Int, _ right: Int) -> Bool {
        let (one, two) = (entries[left], entries[right])
        let times = (one.produced ?? .distantPast, two.produced ?? .distantPast)
        if times.0 != times.1 { return times.0 < times.1 }
        // Written at once: by identity, whichever was seen first.
        return (one.externalID ?? "", one.node.id) < (two.externalID ?? "", two.node.id)
    }

    // MARK: Entries

    private mutating func add(
        _ use: ArtifactUse, _ externalID: String, of execution: Execution, isWriter: Bool, isCached: Bool = false
    ) -> Int {
        var entry = Entry(
            node: .init(), isStored: false, statements: .init(), before: nil, storedType: nil, externalID: externalID)
        entry.statements.state(statement(use, of: execution, isWriter: isWriter, isCached))
        entry.isTouched = true
        if isWriter { entry.producers = [execution.id] }
        append(entry)
        return entries.count - 1
    }

    private mutating func state(
        _ index: Int, _ use: ArtifactUse, of execution: Execution, isWriter: Bool, isCached: Bool = false
    ) {
        entries[index].statements.state(statement(use, of: execution, isWriter: isWriter, isCached))
        entries[index].isTouched = true
    }

    /// What a cached step has as its output it may read too.
    private static let cached = " (cached)"

    private func statement(
        _ use: ArtifactUse, of execution: Execution, isWriter: Bool, _ isCached: Bool
    ) -> ArtifactStatements.Statement {
        .init(
            place: execution.place, execution: execution.id + (isCached ? Self.cached : ""), isWriter: isWriter,
            time: isWriter ? execution.end ?? execution.start : execution.start ?? execution.end,
            workspace: execution.workspace.name, run: execution.run.name, artifact: use.artifact)
    }

    /// An execution says no more of an artifact what it said before.
    mutating func withdraw(_ index: Int, _ execution: String, isWriter: Bool) {
        let before = entries[index].statements.all.count
        entries[index].statements.withdraw(execution, isWriter: isWriter)
        if isWriter { entries[index].statements.withdraw(execution + Self.cached, isWriter: false) }
        entries[index].isTouched = true
        // Others may have said the same, and were not kept for it.
        if entries[index].statements.all.count < before { entries[index].hasLostVoice = true }
    }
}

extension Execution {
    /// Cluster and namespace, whose word it has: what its identity begins with.
    var place: String {
        let parts = id.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false)
        return parts.count >= 4 ? "\(parts[2])/\(parts[3])" : "default/\(namespace)"
    }
}

extension ArtifactPlan.Entry {
    /// The node to be put.
    /// - Parameter typeID: of the type that is shown, or of the one that it has where that cannot be changed.
    func node(typeID: Int64, canAmend: Bool) -> MlMetadata_Artifact {
        guard var shown = statements.shown else { return node }
        let declared = shown.isTypeDeclared ? shown.type : nil
        let isOthers = statements.isOthers
        let isLate = isStored && !canAmend && storedType != nil && storedType != shown.type
        if isLate, let storedType { shown.type = storedType }
        var more: [String: PropertyValue?] = [:]
        if isLate, let declared { more[PropertyName.declaredType] = .some(.string(declared)) }
        if !isOthers {
            more[PropertyName.producedTime] = .some(produced.map { .string(Timestamp.format($0)) })
            more[PropertyName.readTime] = .some(
                isUnproduced ? firstRead.flatMap { $0 == .distantFuture ? nil : .string(Timestamp.format($0)) } : nil)
            if let owner = statements.owner {
                more[PropertyName.workspace] = .some(.string(owner.workspace))
                more[PropertyName.run] = .some(.string(owner.run))
            }
        }
        var result = LineageMapping.node(
            of: shown, externalID: isOthers && node.hasExternalID ? node.externalID : externalID, typeID: typeID,
            over: isStored ? node : nil, before: before, more: more, hasType: !isLate)
        result.customProperties[PropertyName.statements] = KeptFacts.value(of: statements, isText: !canAmend)
        guard isOthers, isStored else { return result }
        // What another says of it stays as it is, and is not added to: it would be taken for his.
        var kept = node
        kept.customProperties[PropertyName.statements] = result.customProperties[PropertyName.statements]
        return kept
    }
}
