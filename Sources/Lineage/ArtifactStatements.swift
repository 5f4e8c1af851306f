public import FoundationEssentials

/// What executions say of an artifact, each for itself, and what of it is shown.
///
/// Facts are kept by who stated them, so that what is shown does not depend on who came last: it is what the
/// execution says that wrote the artifact, and what others of its namespace add.
public struct ArtifactStatements: Sendable, Hashable {
    /// What one execution says.
    public struct Statement: Sendable, Hashable {
        /// Cluster and namespace; empty for what a store held before statements were kept.
        public var place: String
        /// The execution's identity; ``ArtifactStatements/others`` for what another recorder or a client wrote.
        public var execution: String
        public var isWriter: Bool
        /// When the writer ended, or the reader started; `nil` while that is not known.
        public var time: Date?
        /// The workspace and run of the execution, by name.
        public var workspace: String
        public var run: String
        public var artifact: Artifact

        public init(
            place: String, execution: String, isWriter: Bool, time: Date?, workspace: String, run: String,
            artifact: Artifact
        ) {
            self.place = place
            self.execution = execution
            self.isWriter = isWriter
            self.time = time
            self.workspace = workspace
            self.run = run
            self.artifact = artifact
        }

        /// Writers first, then the earliest, then by identity.
        fileprivate func outranks(_ other: Statement) -> Bool {
            let others = ArtifactStatements.others
            if (execution == others) != (other.execution == others) { return execution == others }
            if isWriter != other.isWriter { return isWriter }
            let (one, two) = (time ?? .distantFuture, other.time ?? .distantFuture)
            if one != two { return one < two }
            return execution < other.execution
        }
    }

    /// Who stated what is on a node that is another's: that stays as it is.
    public static let others = "(others)"

    /// The most that are kept of writers, and of readers: the best. Readers that add nothing are not.
    public static let maximum = Budget.statements

    /// Best first.
    public private(set) var all: [Statement]

    public init(_ statements: [Statement] = []) { all = statements }

    /// Takes in what an execution says, in place of what it said before.
    public mutating func state(_ statement: Statement) {
        all.removeAll { $0.execution == statement.execution && $0.isWriter == statement.isWriter }
        all.append(statement)
        all.sort { $0.outranks($1) }
    }

    /// Takes back what an execution said.
    public mutating func withdraw(_ execution: String, isWriter: Bool) {
        all.removeAll { $0.execution == execution && $0.isWriter == isWriter }
    }

    /// Without what a better one of the same place says too, so that thousands of readers cost nothing. Only when all is
    /// said: what one says instead must not be missed.
    public var normalized: ArtifactStatements {
        var result = self
        result.normalize()
        return result
    }

    private mutating func normalize() {
        if all.count < 2 { return }
        var (writers, readers) = (0, 0)
        var better: [Statement] = []
        all.removeAll { statement in
            if statement.isWriter {
                writers += 1
                if writers <= Self.maximum { better.append(statement) }
                return writers > Self.maximum
            }
            let isKnown = better.contains { $0.place == statement.place && $0.artifact.says(all: statement.artifact) }
            if isKnown || readers == Self.maximum { return true }
            readers += 1
            better.append(statement)
            return false
        }
    }

    public var isEmpty: Bool { all.isEmpty }

    /// Whether it is another recorder's or a client's.
    public var isOthers: Bool { all.contains { $0.execution == Self.others } }

    /// Whether nobody else wrote it, as far as anybody knows.
    public func isOnlyWritten(by execution: String) -> Bool {
        let writers = all.filter(\.isWriter)
        return !writers.isEmpty && writers.allSatisfy { $0.execution == execution }
    }

    /// When it was written first; `nil` where nobody was seen to write it, or nobody knows when.
    public var produced: Date? { all.filter(\.isWriter).compactMap(\.time).min() }

    /// When it was read first, where nobody was seen to write it.
    public var firstRead: Date? {
        all.contains(where: \.isWriter) ? nil : all.compactMap(\.time).min() ?? (all.isEmpty ? nil : .distantFuture)
    }

    /// Whose it is: who wrote it first, else who read it first.
    public var owner: Statement? { all.first { !$0.place.isEmpty } }

    /// The artifact as it is shown; `nil` where nothing was stated.
    public var shown: Artifact? {
        guard let owner = all.first(where: { !$0.place.isEmpty })?.place ?? all.first?.place else { return nil }
        let unowned = all.filter { $0.place.isEmpty && $0.place != owner }
        let own =
            unowned.filter { $0.execution == Self.others } + all.filter { $0.place == owner }
            + unowned.filter { $0.execution != Self.others }
        guard let first = own.first else { return nil }
        var result = own.dropFirst().reduce(first.artifact) { $0.merging($1.artifact) }
        // Only who wrote it knows whether it is still there.
        if let writer = own.first(where: \.isWriter) { result.state = writer.artifact.state }
        return result
    }
}

extension Artifact {
    /// Whether it says all that another does.
    fileprivate func says(all other: Artifact) -> Bool {
        func has(_ mine: String?, _ theirs: String?) -> Bool { theirs == nil || mine == theirs }
        func has(_ mine: [String: PropertyValue], _ theirs: [String: PropertyValue]) -> Bool {
            theirs.allSatisfy { mine[$0.key] == $0.value }
        }
        return (!other.isTypeDeclared || isTypeDeclared && type == other.type) && has(name, other.name)
            && has(uri, other.uri) && has(version, other.version) && has(digest, other.digest)
            && has(properties, other.properties)
            && has(customProperties, other.customProperties)
    }
}
