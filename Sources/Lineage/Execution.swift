public import FoundationEssentials

/// One attempt of one step: a pod of a workflow, a job, a serving deployment.
public struct Execution: Sendable, Hashable, Codable {
    /// How far an execution has come, in MLMD's words.
    public enum State: String, Sendable, Hashable, Codable, CaseIterable {
        case new, running, complete, failed, cached, canceled
        /// It has ended, and how is not known: who was beside it could not see its exit code.
        case unknown

        /// Whether nothing more can happen.
        public var isFinal: Bool { self != .new && self != .running }
    }

    /// How much a sight of an execution is trusted where two disagree.
    public enum Authority: Int, Sendable, Hashable, Codable, Comparable {
        /// A sidecar that may not read its pod.
        case sidecar = 0
        case pod = 1
        case taskResult = 2
        case workflow = 3

        public static func < (left: Authority, right: Authority) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    /// What a sight stands for.
    public enum Role: Int, Sendable, Hashable, Codable {
        case step
        /// Something that serves, and so may stop and go on: the later sight's state counts.
        case service
        /// It tells too little to be an execution by itself: it adds to another.
        case fragment
        /// A run as a whole, which is no execution: how far it has come is kept with the run.
        case run
    }

    /// The Kubernetes object that was seen.
    public struct Origin: Sendable, Hashable, Codable {
        public var kind: String
        public var namespace: String
        public var name: String
        public var uid: String

        public init(kind: String, namespace: String, name: String, uid: String) {
            self.kind = kind
            self.namespace = namespace
            self.name = name
            self.uid = uid
        }

        public var description: String { "\(kind) \(namespace)/\(name)" }
    }

    /// A parameter of the step, as text.
    public struct Parameter: Sendable, Hashable, Codable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What took the place of other revisions of something that serves.
    public struct Replacement: Sendable, Hashable, Codable {
        /// When it did; `nil` where nobody said.
        public var time: Date?

        public init(time: Date?) { self.time = time }
    }

    // Journals in JSON do not have the others.
    private enum CodingKeys: String, CodingKey {
        case id, type, name, state, start, end, run, workspace, parameters, inputs, outputs, properties
        case customProperties, evidence, problems, authority, endSeenIn, origins, wantsWriteBack, recordedID
    }

    /// The identity in the store (MLMD's `external_id`); the same for every sight of the step.
    public var id: String
    /// The full name of its type.
    public var type: String
    public var name: String
    public var state: State
    public var start: Date?
    public var end: Date?
    public var run: Run
    public var workspace: Workspace
    public var parameters: [Parameter]
    public var inputs: [ArtifactUse]
    public var outputs: [ArtifactUse]
    /// Properties that its type names.
    public var properties: [String: PropertyValue]
    /// All other properties.
    public var customProperties: [String: PropertyValue]
    public var evidence: [Evidence]
    public var problems: [Problem]
    public var authority: Authority
    /// The kinds of objects in which the end was seen.
    public var endSeenIn: Set<String> = []
    /// How old what was seen is; of several sights the newest.
    public var age = Age()
    /// Why it counts as canceled although nobody saw its end; `nil` for an end that was seen, and before any.
    public var conclusion: Problem?
    /// Of what serves: set where its object says that other revisions serve no more.
    public var replacement: Replacement?
    /// What was seen, by kind.
    public var origins: [String: Origin]
    /// Whether the ids are written back on the pod (Kubeflow Pipelines v1).
    public var wantsWriteBack: Bool
    /// The id that another recorder left on the pod, if any.
    public var recordedID: Int64?
    public var role = Role.step

    /// Takes it for canceled, because it cannot go on and nobody saw its end.
    /// - Parameters:
    ///   - object: what said so, for people.
    ///   - reason: why it cannot go on.
    public mutating func conclude(object: String, field: String, reason: String) {
        state = .canceled
        conclusion = Problem(object: object, field: field, reason: "\(reason): nobody saw how the step ended")
    }

    /// What is wrong with it, the conclusion of its end included.
    public var allProblems: [Problem] { problems + (conclusion.map { [$0] } ?? []) }

    public var isServing: Bool { role == .service }
    public var isFragment: Bool { role == .fragment }

    public init(
        id: String, type: String, name: String, state: State = .new, start: Date? = nil,
        end: Date? = nil, run: Run, workspace: Workspace, parameters: [Parameter] = [],
        inputs: [ArtifactUse] = [], outputs: [ArtifactUse] = [],
        properties: [String: PropertyValue] = [:],
        customProperties: [String: PropertyValue] = [:], evidence: [Evidence] = [],
        problems: [Problem] = [], authority: Authority = .pod, origin: Origin,
        wantsWriteBack: Bool = false, recordedID: Int64? = nil
    ) {
        self.id = id
        self.type = type
        self.name = name
        self.state = state
        self.start = start
        self.end = end
        self.run = run
        self.workspace = workspace
        self.parameters = parameters
        self.inputs = inputs
        self.outputs = outputs
        self.properties = properties
        self.customProperties = customProperties
        self.evidence = evidence
        self.problems = problems
        self.authority = authority
        self.origins = [origin.kind: origin]
        self.wantsWriteBack = wantsWriteBack
        self.recordedID = recordedID
    }

    /// The pod that ran it, where one was seen.
    public var pod: Origin? { origins["Pod"] }

    /// The object that messages about it name: the pod, else what was seen in its place.
    public var mainOrigin: Origin? { pod ?? origins.min { $0.key < $1.key }?.value }
}
