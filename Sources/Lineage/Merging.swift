extension Execution {
    /// What sights of one attempt of an execution say together. None loses a fact; where they disagree, the more
    /// authoritative counts. The order in which they are given makes no difference.
    /// - Parameters:
    ///   - sights: at least one, of different objects.
    ///   - newestLeads: whether the newest counts instead, as of what serves.
    static func merged(_ sights: [Execution], newestLeads: Bool = false) -> Execution {
        // Beside whoever saw the step itself, that a sidecar runs says nothing of the step: its image may be missing.
        let isGuessed =
            sights.contains { $0.authority == .sidecar }
            && sights.contains { !$0.isFragment && $0.authority != .sidecar }
        let sights = isGuessed ? sights.map { $0.authority == .sidecar ? $0.withoutGuess : $0 } : sights
        let ordered = sights.sorted { left, right in
            if left.isFragment != right.isFragment { return right.isFragment }
            if newestLeads, left.age != right.age { return left.age > right.age }
            if left.authority != right.authority { return left.authority > right.authority }
            if left.age != right.age { return left.age > right.age }
            return Record.Source(of: left) < Record.Source(of: right)
        }
        var result = ordered[0]
        for sight in ordered.dropFirst() { result.add(sight) }
        let telling = ordered.filter { !$0.isFragment }
        // An end that one saw is an end, whoever saw it; one that was only concluded is none beside it.
        let furthest = telling.map(\.rank).max() ?? 0
        let ends = telling.filter { $0.rank == furthest }
        if let lead = ends.first {
            result.state = lead.state
            result.conclusion = lead.conclusion
            result.end = lead.state.isFinal ? (ends + telling).lazy.compactMap(\.end).first : nil
            if lead.state == .complete || lead.state == .cached, lead.customProperties["message"] == nil {
                result.customProperties["message"] = nil
            }
        }
        result.endSeenIn = Set(
            telling.filter { $0.state.isFinal && $0.conclusion == nil }.flatMap { Array($0.origins.keys) })
        result.completeOutputs()
        result.addDigests()
        return result
    }

    private var withoutGuess: Execution {
        guard !state.isFinal, !isFragment else { return self }
        var result = self
        (result.state, result.start) = (.new, nil)
        return result
    }

    /// How far along the way to an end, a concluded one before one that was seen.
    private var rank: Int { 2 * state.progress + (conclusion == nil ? 1 : 0) }

    /// Adds what a sight says that counts less.
    private mutating func add(_ rest: Execution) {
        start = start ?? rest.start
        let parameterNames = Set(parameters.map(\.name))
        parameters += rest.parameters.filter { !parameterNames.contains($0.name) }
        inputs = ArtifactUse.merge(inputs, rest.inputs)
        outputs = ArtifactUse.merge(outputs, rest.fragmentOutputs(for: self))
        properties.merge(rest.properties) { lead, _ in lead }
        customProperties.merge(rest.customProperties) { lead, _ in lead }
        let known = Set(evidence)
        evidence += rest.evidence.filter { !known.contains($0) }
        let told = Set(problems)
        problems += rest.problems.filter { !told.contains($0) }
        origins.merge(rest.origins) { lead, _ in lead }
        wantsWriteBack = wantsWriteBack || rest.wantsWriteBack
        recordedID = recordedID ?? rest.recordedID
        age = max(age, rest.age)
        // A name that people gave outweighs one that the system made.
        if !rest.run.displayName.isEmpty, run.displayName == run.name { run.displayName = rest.run.displayName }
        if rest.workspace.isDeclared, !workspace.isDeclared { workspace = rest.workspace }
        run.pipeline = run.pipeline ?? rest.run.pipeline
        run.properties.merge(rest.run.properties) { lead, _ in lead }
        run.customProperties.merge(rest.run.customProperties) { lead, _ in lead }
    }

    /// The custom property that says where outputs are of which only the key is told: `s3://bucket`.
    public static let archiveLocation = "archive_location"

    /// A location of which only the key is told is put into the archive as a whole, whatever kind it says.
    private mutating func completeOutputs() {
        guard !isFragment, let archive = customProperties[Self.archiveLocation]?.text else { return }
        for index in outputs.indices {
            guard let uri = outputs[index].artifact.uri, !Artifact.isComplete(uri),
                let colon = uri.firstRange(ofBytes: ":///")
            else { continue }
            outputs[index].artifact.uri = "\(archive)/\(uri[colon.upperBound...])"
        }
    }

    /// Custom properties that say what a sidecar found where an output was to be: `sha256:model`, `size:model` in bytes.
    public static let sha256Prefix = "sha256:"
    public static let sizePrefix = "size:"

    /// What was found of a file belongs to the output of its name too. It is no digest in the sense of an artifact's
    /// identity: with one that came later the artifact would be another.
    private mutating func addDigests() {
        guard !isFragment, !outputs.isEmpty, customProperties.keys.contains(where: { $0.hasPrefix(Self.sizePrefix) })
        else { return }
        func file(_ use: ArtifactUse) -> String { String((use.artifact.uri ?? "").split(separator: "/").last ?? "") }
        let names = customProperties.keys.filter { $0.hasPrefix(Self.sizePrefix) }.map {
            String($0.dropFirst(Self.sizePrefix.count))
        }
        for name in names.sorted() {
            let named = outputs.indices.filter { outputs[$0].name == name || outputs[$0].artifact.name == name }
            // By its file only where that is one output's alone.
            let found = named.isEmpty ? outputs.indices.filter { file(outputs[$0]) == name } : named
            guard found.count == 1, let index = found.first else { continue }
            // What somebody said of it stays.
            for (key, prefix) in [("size", Self.sizePrefix), ("sha256", Self.sha256Prefix)]
            where outputs[index].artifact.customProperties[key] == nil {
                outputs[index].artifact.customProperties[key] = customProperties[prefix + name]
            }
        }
    }

    /// Outputs as a step of Kubeflow Pipelines v1 names them; a task result does not know that it is one.
    private func fragmentOutputs(for lead: Execution) -> [ArtifactUse] {
        guard isFragment, authority == .taskResult, lead.wantsWriteBack else { return outputs }
        let prefix = (lead.customProperties["template"]?.text ?? "") + "-"
        return outputs.map { use in
            var use = use
            if use.name.hasPrefix(prefix) { use.name.removeFirst(prefix.count) }
            use.artifact.name = use.name
            if use.artifact.type == TypeName.argoArtifact { use.artifact.type = TypeName.kfpUntyped }
            return use
        }
    }
}

extension Execution.State {
    /// How far along the way to an end; a cached step outweighs one that merely succeeded.
    var progress: Int {
        switch self {
        case .new: 0
        case .running: 1
        // Whoever saw more of the end outweighs who only saw that it was there.
        case .unknown: 2
        // That a step was given up may be a conclusion; a seen end outweighs it.
        case .canceled: 3
        case .complete, .failed: 4
        case .cached: 5
        }
    }
}

extension ArtifactUse {
    /// The uses of both lists, each artifact once.
    ///
    /// Two uses are one when the same convention gave them the same name, or when two conventions
    /// found the same uri.
    public static func merge(_ lead: [ArtifactUse], _ rest: [ArtifactUse]) -> [ArtifactUse] {
        var result = lead
        // Most steps have a few: an index of them costs more than it saves.
        if lead.count + rest.count <= smallMerge {
            for use in rest {
                if let match = result.firstIndex(where: { isSame($0, use) }) {
                    result[match] = result[match].merging(use)
                } else {
                    result.append(use)
                }
            }
            return result
        }
        var index = UseIndex()
        for position in lead.indices { index.add(lead[position], at: position) }
        for use in rest {
            let match = index.candidates(for: use).filter { isSame(result[$0], use) }.min()
            if let match {
                result[match] = result[match].merging(use)
                index.add(result[match], at: match)
            } else {
                index.add(use, at: result.count)
                result.append(use)
            }
        }
        return result
    }

    private static let smallMerge = 16

    private static func isSame(_ one: ArtifactUse, _ other: ArtifactUse) -> Bool {
        if one.convention == other.convention {
            return one.name == other.name && !one.artifact.conflicts(with: other.artifact)
        }
        guard let uri = other.artifact.uri, let its = one.artifact.uri else { return false }
        return its == uri || Location.key(of: its) == Location.key(of: uri)
    }

    /// Where uses stand that may be the same as another, so that each is compared with few: a step may have a thousand
    /// of one name.
    private struct UseIndex {
        private struct Name: Hashable {
            var convention: String
            var name: String
        }

        private struct Place: Hashable {
            var name: Name
            var uri: String
        }

        private var byURI: [String: [Int]] = [:]
        private var byPlace: [Place: [Int]] = [:]
        /// Those without a whole uri, which may be the same as any of their name.
        private var loose: [Name: [Int]] = [:]
        private var byName: [Name: [Int]] = [:]

        mutating func add(_ use: ArtifactUse, at position: Int) {
            let name = Name(convention: use.convention, name: use.name)
            byName[name, default: []].append(position)
            guard let uri = use.artifact.uri else {
                loose[name, default: []].append(position)
                return
            }
            let key = Location.key(of: uri)
            byURI[key, default: []].append(position)
            if Artifact.isComplete(uri) {
                byPlace[Place(name: name, uri: key), default: []].append(position)
            } else {
                loose[name, default: []].append(position)
            }
        }

        func candidates(for use: ArtifactUse) -> [Int] {
            let name = Name(convention: use.convention, name: use.name)
            guard let uri = use.artifact.uri else { return byName[name] ?? [] }
            let key = Location.key(of: uri)
            let others = byURI[key] ?? []
            guard Artifact.isComplete(uri) else { return others + (byName[name] ?? []) }
            return others + (byPlace[Place(name: name, uri: key)] ?? []) + (loose[name] ?? [])
        }
    }

    private func merging(_ rest: ArtifactUse) -> ArtifactUse {
        var result = self
        // The system's own name of an input or output outweighs the annotation's.
        if convention == ArtifactUse.annotations, rest.convention != ArtifactUse.annotations {
            result.name = rest.name
            result.convention = rest.convention
        }
        result.artifact = artifact.merging(rest.artifact)
        return result
    }

    /// The name of the convention of our own annotations.
    public static let annotations = "annotations"
}

extension Artifact {
    /// What two descriptions of the same artifact say together; of two equals `self` leads.
    public func merging(_ other: Artifact) -> Artifact {
        let (lead, rest) =
            other.isTypeDeclared && !isTypeDeclared ? (other, self) : (self, other)
        var result = lead
        result.name = lead.name ?? rest.name
        result.uri = Self.fuller(lead.uri, rest.uri)
        result.version = lead.version ?? rest.version
        result.digest = lead.digest ?? rest.digest
        if rest.state == .deleted { result.state = .deleted }
        result.properties = rest.properties.merging(lead.properties) { $1 }
        result.customProperties = rest.customProperties.merging(lead.customProperties) { $1 }
        return result
    }

    /// Whether two descriptions cannot be of the same artifact.
    fileprivate func conflicts(with other: Artifact) -> Bool {
        func differ(_ one: String?, _ two: String?) -> Bool { one != nil && two != nil && one != two }
        if let uri, let theirs = other.uri, uri != theirs, Self.isComplete(uri), Self.isComplete(theirs),
            Location.key(of: uri) != Location.key(of: theirs)
        {
            return true
        }
        if differ(version, other.version) || differ(digest, other.digest) { return true }
        return isTypeDeclared && other.isTypeDeclared && type != other.type
    }

    /// Of two uris the one that names a bucket: `s3:///key` is all that a key-only location says.
    private static func fuller(_ lead: String?, _ rest: String?) -> String? {
        guard let lead else { return rest }
        guard let rest else { return lead }
        return isComplete(lead) || !isComplete(rest) ? lead : rest
    }

    /// Whether a uri names its bucket or host: `s3:///key` does not.
    public static func isComplete(_ uri: String) -> Bool {
        uri.utf8.starts(with: "file:".utf8) || uri.firstRange(ofBytes: ":///") == nil
    }
}
