import FoundationEssentials
import Lineage
import MetadataAPI

/// Which artifact each input and output of a batch is: one of the store's, or a new one.
///
/// A pure value: it is given what the store knows under the batch's uris, and decides.
struct ArtifactPlan {
    /// An artifact, as it was in the store and as it shall be.
    struct Entry {
        var node: MlMetadata_Artifact
        /// Whether the store has it already.
        var isStored: Bool
        /// When it was written; `nil` where nobody said.
        var produced: Date?
        /// When it was first read, for one that nobody was seen to write.
        var firstRead: Date?
        /// Whether its content was not known to be written by anybody.
        var isUnproduced: Bool { firstRead != nil }
        /// The execution of this batch that wrote it, by external id.
        var producer: String?
        /// Whether it is new to its run, and so belongs to it.
        var belongsToRun = false
    }

    private(set) var entries: [Entry] = []
    private var byURI: [String: [Int]] = [:]
    private var byExternalID: [String: Int] = [:]
    private var byID: [Int64: Int] = [:]
    private let typeIDs: [TypeRegistry.Key: Int64]

    /// The clocks of two nodes, and the seconds that Kubernetes rounds to.
    private static let tolerance: TimeInterval = 2

    init(stored: [MlMetadata_Artifact], typeIDs: [TypeRegistry.Key: Int64]) {
        self.typeIDs = typeIDs
        for node in stored where byID[node.id] == nil {
            let time = node.customProperties[PropertyName.producedTime]?.stringValue
            let read = node.customProperties[PropertyName.readTime]?.stringValue
            append(
                Entry(
                    node: node, isStored: true, produced: time.flatMap(Timestamp.parse),
                    firstRead: read.flatMap(Timestamp.parse)))
        }
    }

    private mutating func append(_ entry: Entry) {
        let index = entries.count
        entries.append(entry)
        if !entry.node.uri.isEmpty { byURI[entry.node.uri, default: []].append(index) }
        if entry.node.hasExternalID { byExternalID[entry.node.externalID] = index }
        if entry.isStored { byID[entry.node.id] = index }
    }

    func index(ofStored id: Int64) -> Int? { byID[id] }

    // MARK: Outputs

    /// The artifact that an execution wrote.
    /// - Parameter written: the artifacts that the store has as this execution's outputs.
    mutating func output(_ use: ArtifactUse, of execution: Execution, written: Own) -> Int {
        // A step served from a cache has the artifacts of the original.
        if execution.state == .cached,
            let index = known(use, in: written) ?? candidate(for: use, readBy: execution),
            !entries[index].isUnproduced
        {
            update(index, with: use, externalID: nil, of: execution)
            entries[index].belongsToRun = true
            return index
        }
        let content = Identity.content(of: use.artifact)
        let identity = content ?? Identity.output(of: execution.id, use: use)
        let index =
            known(use, in: written) ?? byExternalID[identity]
            ?? (content == nil ? unclaimed(use, writtenBy: execution) : nil)
        guard let index else {
            return add(use, identity, of: execution) { entry in
                entry.produced = execution.end ?? execution.start
                entry.producer = execution.id
            }
        }
        let claimed = entries[index].isUnproduced ? identity : nil
        update(index, with: use, externalID: claimed, of: execution, isWriter: true)
        // The same content may be written again: the first time counts.
        if entries[index].produced == nil { entries[index].produced = execution.end ?? execution.start }
        entries[index].firstRead = nil
        entries[index].node.customProperties[PropertyName.readTime] = nil
        entries[index].producer = execution.id
        entries[index].belongsToRun = true
        setProducedTime(index)
        return index
    }

    /// The artifacts that the store has as an execution's own, found by what a use tells: each use looks at few of them.
    struct Own {
        fileprivate var all: Set<Int> = []
        fileprivate var byURI: [String: [Int]] = [:]
        /// Those without a uri.
        fileprivate var byTitle: [String: [Int]] = [:]
        /// Those of which only the key is told.
        fileprivate var incomplete: [Int] = []

        init(_ ids: [Int64], in plan: ArtifactPlan) {
            for index in ids.compactMap({ plan.byID[$0] }) where all.insert(index).inserted {
                let node = plan.entries[index].node
                if node.uri.isEmpty {
                    byTitle[node.title, default: []].append(index)
                } else {
                    byURI[node.uri, default: []].append(index)
                    if !Artifact.isComplete(node.uri) { incomplete.append(index) }
                }
            }
        }
    }

    /// The one of an execution's own artifacts that a use means, by uri, else by name.
    private func known(_ use: ArtifactUse, in own: Own) -> Int? {
        // Of several versions under one uri each is itself.
        if let content = Identity.content(of: use.artifact), let index = byExternalID[content],
            own.all.contains(index)
        {
            return index
        }
        func first(_ indexes: [Int]) -> Int? {
            let alike = indexes.filter { !differs(entries[$0].node, from: use.artifact) }
            return alike.first { !Identity.isContent(entries[$0].node.externalID) } ?? alike.first
        }
        if let uri = use.artifact.uri {
            return first(own.byURI[uri] ?? [])
                // It may have been completed meanwhile.
                ?? first(
                    own.incomplete.filter { entries[$0].node.uri == uri || Self.completes(uri, entries[$0].node.uri) })
        }
        return first(use.artifact.name.flatMap { own.byTitle[$0] } ?? [])
    }

    /// Whether version or digest say that a stored artifact is another.
    private func differs(_ node: MlMetadata_Artifact, from artifact: Artifact) -> Bool {
        func differ(_ name: String, _ value: String?) -> Bool {
            guard let value, let stored = node.customProperties[name]?.stringValue else { return false }
            return stored != value
        }
        return differ(PropertyName.version, artifact.version) || differ(PropertyName.digest, artifact.digest)
    }

    /// Whether a uri is a stored one with its bucket: `s3://b/key` for `s3:///key`.
    private static func completes(_ uri: String, _ stored: String) -> Bool {
        guard !Artifact.isComplete(stored), Artifact.isComplete(uri), let colon = stored.firstRange(of: "://")
        else { return false }
        return uri.hasSuffix(stored[colon.upperBound...])
    }

    /// An artifact that was read, not before this execution began, and that nobody else wrote.
    private func unclaimed(_ use: ArtifactUse, writtenBy execution: Execution) -> Int? {
        guard let uri = use.artifact.uri else { return nil }
        return byURI[uri]?.first { index in
            guard let read = entries[index].firstRead else { return false }
            guard let time = execution.end ?? execution.start else { return true }
            return read.addingTimeInterval(Self.tolerance) >= time
        }
    }

    // MARK: Inputs

    /// The artifact that an execution read.
    /// - Parameter read: the artifacts that the store has as this execution's inputs.
    mutating func input(_ use: ArtifactUse, of execution: Execution, read: Own) -> Int {
        let content = Identity.content(of: use.artifact)
        if let index = known(use, in: read) ?? content.flatMap({ byExternalID[$0] })
            ?? candidate(for: use, readBy: execution)
        {
            update(index, with: use, externalID: nil, of: execution)
            noteRead(index, execution)
            return index
        }
        // Something is known under the uri, but written later: what was read is older.
        let isOlder = use.artifact.uri.map { !(byURI[$0] ?? []).isEmpty } ?? false
        let identity = content ?? Identity.unproduced(use.artifact, before: isOlder ? execution.id : nil)
        if let index = byExternalID[identity] {
            update(index, with: use, externalID: nil, of: execution)
            noteRead(index, execution)
            return index
        }
        return add(use, identity, of: execution) { entry in
            let time = execution.start ?? Date()
            entry.firstRead = time
            entry.node.customProperties[PropertyName.readTime] = MlMetadata_Value(
                .string(Timestamp.format(time)))
        }
    }

    private mutating func noteRead(_ index: Int, _ execution: Execution) {
        guard let first = entries[index].firstRead, let start = execution.start, start < first else { return }
        entries[index].firstRead = start
        entries[index].node.customProperties[PropertyName.readTime] = MlMetadata_Value(
            .string(Timestamp.format(start)))
    }

    /// Of the artifacts under the uri: the one with the digest or version, else the newest that was
    /// there when the execution started.
    private func candidate(for use: ArtifactUse, readBy execution: Execution) -> Int? {
        guard let uri = use.artifact.uri else { return nil }
        if let found = candidate(uri, use, execution) { return found }
        // Written another way, but surely written.
        return Identity.equivalents(of: uri).lazy.compactMap { candidate($0, use, execution) }
            .first { !entries[$0].isUnproduced }
    }

    private func candidate(_ uri: String, _ use: ArtifactUse, _ execution: Execution) -> Int? {
        let all = (byURI[uri] ?? []).filter { entries[$0].producer != execution.id }
        func property(_ index: Int, _ name: String) -> String? {
            entries[index].node.customProperties[name]?.stringValue
        }
        var matching = all
        if let digest = use.artifact.digest {
            if let same = all.first(where: { property($0, PropertyName.digest) == digest }) { return same }
            matching = matching.filter { property($0, PropertyName.digest) == nil }
        }
        if let version = use.artifact.version {
            if let same = all.first(where: { property($0, PropertyName.version) == version }) { return same }
            matching = matching.filter { property($0, PropertyName.version) == nil }
        }
        let limit = execution.start.map { $0.addingTimeInterval(Self.tolerance) } ?? .distantFuture
        let written = matching.filter { index in
            guard !entries[index].isUnproduced, let time = entries[index].produced else { return false }
            return time <= limit
        }
        if let newest = written.max(by: { earlier($0, $1) }) { return newest }
        if let waiting = matching.first(where: { entries[$0].isUnproduced }) { return waiting }
        // Written by other clients, who don't say when: the newest.
        return matching.filter { entries[$0].produced == nil }.max { earlier($0, $1) }
    }

    private func earlier(_ left: Int, _ right: Int) -> Bool {
        let (one, two) = (entries[left], entries[right])
        let times = (one.produced ?? .distantPast, two.produced ?? .distantPast)
        if times.0 != times.1 { return times.0 < times.1 }
        // New ones have no id yet; they are newer than those that have.
        return (one.isStored ? one.node.id : .max) < (two.isStored ? two.node.id : .max)
    }

    // MARK: Entries

    private mutating func add(
        _ use: ArtifactUse, _ externalID: String, of execution: Execution, _ fill: (inout Entry) -> Void
    ) -> Int {
        let type = TypeRegistry.Key(kind: .artifact, name: use.artifact.type)
        let node = LineageMapping.node(
            of: use.artifact, externalID: externalID, typeID: typeIDs[type] ?? 0, over: nil,
            workspace: execution.workspace, run: execution.run)
        var entry = Entry(node: node, isStored: false, belongsToRun: true)
        fill(&entry)
        append(entry)
        setProducedTime(entries.count - 1)
        return entries.count - 1
    }

    private mutating func update(
        _ index: Int, with use: ArtifactUse, externalID: String?, of execution: Execution,
        isWriter: Bool = false
    ) {
        let old = entries[index].node
        var node = LineageMapping.node(
            of: use.artifact, externalID: externalID, typeID: old.typeID, over: old,
            workspace: execution.workspace, run: execution.run)
        // What is known already stays: a reader's description does not outweigh the writer's. What the
        // writer declares outweighs what was inferred before.
        let declares = isWriter && use.artifact.isTypeDeclared
        node.properties.merge(old.properties) { declares ? $0 : $1 }
        node.customProperties.merge(old.customProperties) { declares ? $0 : $1 }
        if let uri = use.artifact.uri, Self.completes(uri, old.uri) { node.uri = uri }
        if let externalID { byExternalID[externalID] = index }
        // Only the writer's system says that an artifact is gone, or there again.
        if !isWriter, old.hasState, use.artifact.state != .deleted { node.state = old.state }
        entries[index].node = node
    }

    private mutating func setProducedTime(_ index: Int) {
        guard let time = entries[index].produced else { return }
        entries[index].node.customProperties[PropertyName.producedTime] = MlMetadata_Value(
            .string(Timestamp.format(time)))
    }
}
