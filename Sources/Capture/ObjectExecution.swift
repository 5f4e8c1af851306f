import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// The execution that an object which is no pod stands for, on its way: what conventions of jobs, tasks
/// and services have in common.
struct ObjectExecution {
    let object: KubernetesObject
    let convention: String
    var execution: Execution

    /// - Parameters:
    ///   - plural: the resource in the plural, as in API paths; with the uid it is the identity.
    ///   - detail: what tells apart several executions of one object.
    init(
        _ object: KubernetesObject, plural: String, detail: String? = nil, type: String, convention: String,
        state: (Execution.State, field: String), start: Date?, end: Date?, run: Run, capture: Capture
    ) {
        self.object = object
        self.convention = convention
        let uid = object.uid.isEmpty ? object.name : object.uid
        let deletion = Self.date(object.raw["metadata"]?["deletionTimestamp"])
        // What was canceled by itself may be deleted long after.
        let canceled = state.field == Self.deletion ? deletion ?? end : end ?? deletion
        execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, kind: plural,
                uid: detail.map { "\(uid)/\($0)" } ?? uid),
            type: type, name: object.name, state: state.0, start: start,
            end: state.0 == .canceled ? canceled : state.0.isFinal ? end : nil,
            run: run,
            workspace: Annotations.workspace(of: object),
            customProperties: ["namespace": .string(object.namespace), "kind": .string(object.kind)],
            evidence: [Evidence(convention: convention, fact: "state \(state.0.rawValue)", field: state.field)],
            authority: .workflow,
            origin: .init(kind: object.kind, namespace: object.namespace, name: object.name, uid: object.uid))
    }

    /// The field that tells the state of what was deleted before its end.
    static let deletion = "metadata.deletionTimestamp"

    /// The run of an object: the object that controls it, else itself.
    static func run(of object: KubernetesObject, capture: Capture) -> Run {
        if let name = object.annotations[Annotations.run], !name.isEmpty {
            return Run(name: "\(object.namespace)/\(name)", displayName: name)
        }
        guard let top = top(of: capture.owners.chain(of: object)) else {
            return Run(name: "\(object.name)-\(object.uid)", displayName: object.name)
        }
        return Run(name: "\(top.name)-\(top.uid)", displayName: top.name)
    }

    /// What starts something time and again: each time is a run of its own.
    private static let schedulers: Set<String> = [
        "CronJob", "ScheduledSparkApplication", "RayCronJob", "CronWorkflow", "ScheduledWorkflow",
    ]

    /// The outermost owner that is one run; `nil` where there is none.
    static func top(of chain: [OwnerIndex.Owner]) -> OwnerIndex.Owner? {
        chain.last { !schedulers.contains($0.kind) }
    }

    /// What a chain of owners was started by.
    static func scheduler(of chain: [OwnerIndex.Owner]) -> OwnerIndex.Owner? {
        chain.last { schedulers.contains($0.kind) }
    }

    static func date(_ value: JSONValue?) -> Date? { value?.string.flatMap(Timestamp.parse) }

    static func created(_ object: KubernetesObject) -> Date? { date(object.raw["metadata"]?["creationTimestamp"]) }

    mutating func property(_ name: String, _ value: JSONValue?) {
        guard let text = value?.scalarText, !text.isEmpty else { return }
        execution.customProperties[name] = .string(text)
    }

    /// A command line, a parameter a word.
    mutating func arguments(_ container: JSONValue?) {
        for name in ["command", "args"] {
            for (index, word) in (container?[name]?.array ?? []).enumerated() where word.scalarText != nil {
                parameter("\(name).\(index)", word)
            }
        }
    }

    mutating func parameter(_ name: String, _ value: JSONValue?, field: String? = nil) {
        guard let value, !value.isNull else { return }
        execution.parameters.append(.init(name: name, value: value.scalarText ?? value.jsonText()))
    }

    mutating func input(_ name: String, _ artifact: Artifact, field: String) {
        execution.inputs.append(ArtifactUse(name: name, convention: convention, artifact: artifact))
        evidence("input \(name)", field)
    }

    /// The model of something that serves.
    mutating func input(_ source: ModelSource) {
        input(source.name, source.artifact, field: source.field)
        if let reason = source.problem { problem(source.field, reason) }
    }

    mutating func output(_ name: String, _ artifact: Artifact, field: String) {
        execution.outputs.append(ArtifactUse(name: name, convention: convention, artifact: artifact))
        evidence("output \(name)", field)
    }

    /// Metrics as one artifact: `values.<name>`, as annotations write them.
    mutating func metrics(_ values: [(name: String, value: JSONValue)], field: String) {
        guard !values.isEmpty else { return }
        var artifact = Artifact(type: TypeName.metrics, name: "\(object.name)-metrics")
        for (name, value) in values {
            // What is not a number would never equal itself.
            let number = (value.number ?? value.string.flatMap(Double.init)).flatMap { $0.isFinite ? $0 : nil }
            artifact.customProperties["values.\(name)"] =
                number.map { .double($0) } ?? .string(value.scalarText ?? value.jsonText())
        }
        output("metrics", artifact, field: field)
    }

    mutating func evidence(_ fact: String, _ field: String) {
        execution.evidence.append(Evidence(convention: convention, fact: fact, field: field))
    }

    mutating func problem(_ field: String, _ reason: String) {
        execution.problems.append(Problem(object: object.reference, field: field, reason: reason))
    }

    /// The same, read with other annotations.
    func of(_ object: KubernetesObject) -> ObjectExecution {
        ObjectExecution(object, convention: convention, execution: execution)
    }

    private init(_ object: KubernetesObject, convention: String, execution: Execution) {
        self.object = object
        self.convention = convention
        self.execution = execution
    }

    /// Adds what our annotations on the object say. Its pod template has the variables.
    /// - Parameter template: the PodTemplateSpec of the container that does the work.
    func decorated(template: JSONValue? = nil) -> Execution {
        var result = execution
        var pod = object
        // Those of the template are for the same job.
        let own = template?["metadata"]?["annotations"]?.object?.strings ?? [:]
        pod.annotations.merge(own.filter { Annotations.speaks($0.key) }) { own, _ in own }
        guard Annotations.matches(pod) else { return result }
        if let spec = template?["spec"] { pod.raw = ["metadata": object.raw["metadata"] ?? .null, "spec": spec] }
        Annotations(PodFacts(pod, isDeleted: false), runID: result.run.name).decorate(&result)
        return result
    }
}
