extension Execution {
    /// What two sights of the same execution say together.
    ///
    /// Neither loses a fact; where they disagree the more authoritative counts, and of two
    /// equals the later sight (`other`).
    public func merging(_ other: Execution) -> Execution {
        // Told late: what comes after it is here.
        if authority == other.authority, other.isOfEarlierAttempt(than: self), role == other.role {
            return other.merging(self)
        }
        let otherLeads = isFragment == other.isFragment ? other.authority >= authority : isFragment
        let (lead, rest) = otherLeads ? (other, self) : (self, other)
        var result = lead
        // An end that one saw is an end, whoever saw it; nothing goes back from it.
        result.start = lead.start ?? rest.start
        result.end = lead.end ?? rest.end
        let isRepeated = isNewAttempt(other)
        if isRepeated {
            (result.state, result.start, result.end) = (other.state, other.start, other.end)
        } else if rest.isOfEarlierAttempt(than: lead) {
            result.end = lead.end
        } else if rest.state.progress > lead.state.progress {
            result.state = rest.state
            result.end = rest.end ?? lead.end
        }
        if role == .run || other.role == .run {
            // Only one object tells of it.
            (result.role, result.state, result.start, result.end) = (.run, other.state, other.start ?? start, other.end)
        }
        if isServing || other.isServing {
            result.role = .service
            result.start = [start, other.start].compactMap { $0 }.min()
            result.state = Self.serving(from: self, to: other)
            // What has ended is at times written once more.
            result.end = result.state.isFinal ? (state.isFinal ? end ?? other.end : other.end ?? end) : nil
        }
        let parameterNames = Set(lead.parameters.map(\.name))
        result.parameters =
            lead.parameters
            + rest.parameters.filter { old in !parameterNames.contains(old.name) }
        result.inputs = ArtifactUse.merge(lead.inputs, rest.inputs)
        result.outputs = ArtifactUse.merge(lead.outputs, rest.fragmentOutputs(for: lead))
        result.properties = rest.properties.merging(lead.properties) { $1 }
        result.customProperties = rest.customProperties.merging(lead.customProperties) { $1 }
        let evidence = Set(lead.evidence)
        result.evidence = lead.evidence + rest.evidence.filter { !evidence.contains($0) }
        let told = Set(lead.problems)
        result.problems = lead.problems + rest.problems.filter { !told.contains($0) }
        if result.state != .canceled { result.problems.removeAll { $0.reason.hasSuffix(Problem.unseenEnd) } }
        // Of an attempt that was repeated.
        let goesOn = role == .run && state.isFinal && !other.state.isFinal
        for name in ["message", "exit_code", "reason"] where isRepeated || goesOn {
            result.customProperties[name] = other.customProperties[name]
        }
        if lead.state == .complete, lead.customProperties["message"] == nil { result.customProperties["message"] = nil }
        // What was wrong with a service may be mended.
        if result.isServing || result.role == .run { result.problems = other.problems }
        result.completeOutputs()
        result.endSeenIn = isRepeated ? other.endSeenIn : lead.endSeenIn.union(rest.endSeenIn)
        result.origins = rest.origins.merging(lead.origins) { $1 }
        result.wantsWriteBack = lead.wantsWriteBack || rest.wantsWriteBack
        result.recordedID = lead.recordedID ?? rest.recordedID
        // A name that people gave outweighs one that the system made.
        if !rest.run.displayName.isEmpty, lead.run.displayName == lead.run.name {
            result.run.displayName = rest.run.displayName
        }
        if rest.workspace.isDeclared, !lead.workspace.isDeclared { result.workspace = rest.workspace }
        result.run.pipeline = lead.run.pipeline ?? rest.run.pipeline
        result.run.properties = rest.run.properties.merging(lead.run.properties) { $1 }
        result.run.customProperties = rest.run.customProperties.merging(
            lead.run.customProperties
        ) { $1 }
        return result
    }
}

extension Execution {
    /// Whether a later sight is of another attempt under the same identity, as `argo retry` makes: it began
    /// when this one had ended.
    private func isNewAttempt(_ later: Execution) -> Bool {
        // Told by the same kind of object: another's clock may be behind.
        guard later.role == role, role == .step, later.authority == authority, state.isFinal, let end,
            let begin = later.start
        else { return false }
        return begin > end && (start ?? .distantPast) < begin
    }

    /// Whether it tells the end of an attempt that another sight is not of: the pod of a step that was repeated
    /// may be deleted late.
    private func isOfEarlierAttempt(than lead: Execution) -> Bool {
        guard role == lead.role, role == .step || role == .run, state.isFinal, let end, let begin = lead.start
        else { return false }
        // Of two clocks one may be behind: what ends before it starts tells of no other attempt.
        return (start ?? end) <= end && end.addingTimeInterval(2) < begin
    }

    /// The state of something that serves after a later sight: it may stop, fail and go on again.
    private static func serving(from old: Execution, to new: Execution) -> State {
        switch (old.state, new.state) {
        // Not ready for a moment.
        case (.running, .new): .running
        case (_, .canceled) where old.state.isFinal: old.state
        // It ran before it was deleted.
        case (_, .canceled) where old.start != nil: .complete
        // It was stopped before it served.
        case (.new, .complete) where old.start == nil && new.start == nil: .canceled
        default: new.state
        }
    }

    /// The custom property that says where outputs are of which only the key is told: `s3://bucket`.
    public static let archiveLocation = "archive_location"

    /// A location of which only the key is told is put into the archive as a whole, whatever kind it says.
    private mutating func completeOutputs() {
        guard !isFragment, let archive = customProperties[Self.archiveLocation]?.text else { return }
        for index in outputs.indices {
            guard let uri = outputs[index].artifact.uri, !Artifact.isComplete(uri),
                let colon = uri.firstRange(of: ":///")
            else { continue }
            outputs[index].artifact.uri = "\(archive)/\(uri[colon.upperBound...])"
        }
    }

    /// Outputs as a step of Kubeflow Pipelines v1 names them; a task result does not know that it is one.
    private func fragmentOutputs(for lead: Execution) -> [ArtifactUse] {
        guard isFragment, lead.wantsWriteBack else { return outputs }
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
        // That a step was given up may be a conclusion; a seen end outweighs it.
        case .canceled: 2
        case .complete, .failed: 3
        case .cached: 4
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
        guard let uri = other.artifact.uri else { return false }
        return one.artifact.uri == uri
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
            byURI[uri, default: []].append(position)
            if Artifact.isComplete(uri) {
                byPlace[Place(name: name, uri: uri), default: []].append(position)
            } else {
                loose[name, default: []].append(position)
            }
        }

        func candidates(for use: ArtifactUse) -> [Int] {
            let name = Name(convention: use.convention, name: use.name)
            guard let uri = use.artifact.uri else { return byName[name] ?? [] }
            let others = byURI[uri] ?? []
            guard Artifact.isComplete(uri) else { return others + (byName[name] ?? []) }
            return others + (byPlace[Place(name: name, uri: uri)] ?? []) + (loose[name] ?? [])
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
        if let uri, let theirs = other.uri, uri != theirs, Self.isComplete(uri), Self.isComplete(theirs) { return true }
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
        uri.utf8.starts(with: "file:".utf8) || uri.firstRange(of: ":///") == nil
    }
}
