import JSON
import Kubernetes
import Lineage

/// A TrainJob of Kubeflow Trainer v2 (trainer.kubeflow.org/v1alpha1, 2.0 to 2.3): its initializers name
/// what it reads.
enum TrainJob {
    static let convention = "kubeflow-trainer"

    static func execution(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution {
        let conditions = ObjectConditions(object)
        let status = object.raw["status"]
        let jobs = status?["jobsStatus"]?.array ?? []
        let hasBegun = jobs.contains { job in
            ["active", "ready", "succeeded", "failed"].contains { (job[$0]?.integer ?? 0) > 0 }
        }
        let state: (Execution.State, field: String) =
            if conditions.isTrue("Failed") {
                (.failed, "status.conditions[Failed]")
            } else if conditions.isTrue("Complete") {
                (.complete, "status.conditions[Complete]")
            } else if isDeleted {
                (.canceled, ObjectExecution.deletion)
            } else if conditions.isTrue("Suspended") {
                (.new, "status.conditions[Suspended]")
            } else {
                (hasBegun ? .running : .new, "status.jobsStatus")
            }
        // There is no startTime: the controller itself counts from here.
        let start = conditions.isFalse("Suspended") ? conditions.time("Suspended") : nil
        var result = ObjectExecution(
            object, plural: "trainjobs", type: "kubeflow.TrainJob", convention: convention, state: state,
            start: state.0 == .new ? nil : start ?? ObjectExecution.created(object),
            end: conditions.time(state.0 == .failed ? "Failed" : "Complete"),
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        if state.0 == .failed, let text = conditions.text("Failed") {
            result.execution.customProperties["message"] = .string(text)
        }
        let spec = object.raw["spec"]
        for (name, type) in [("dataset", TypeName.dataSet), ("model", TypeName.model)] {
            let field = "spec.initializer.\(name).storageUri"
            guard let uri = spec?["initializer"]?[name]?["storageUri"] else { continue }
            if let text = uri.string, !text.isEmpty { result.input(name, artifact(type, text), field: field) }
        }
        result.parameter("runtime", spec?["runtimeRef"]?["name"])
        for name in ["image", "numNodes", "numProcPerNode"] { result.parameter(name, spec?["trainer"]?[name]) }
        result.arguments(spec?["trainer"])
        // Alpha since 2.2: the latest values, as text.
        let metrics = status?["trainerStatus"]?["metrics"]?.array ?? []
        if state.0 == .complete {
            result.metrics(
                metrics.compactMap { metric in
                    metric["name"]?.string.map { (name: $0, value: metric["value"] ?? .null) }
                }, field: "status.trainerStatus.metrics")
        }
        return result.decorated(template: ["spec": ["containers": [spec?["trainer"] ?? .null]]])
    }

    private static func artifact(_ type: String, _ uri: String) -> Artifact {
        Artifact(type: type, name: uri.split(separator: "/").last.map(String.init), uri: uri)
    }

    /// What a TrainJob reads that its runtime says, and not itself: the initializers of its JobSet.
    static func fragment(_ jobSet: KubernetesObject, of owner: OwnerIndex.Owner, capture: Capture) -> Execution? {
        var inputs: [ArtifactUse] = []
        var evidence: [Evidence] = []
        for (index, job) in (jobSet.raw["spec"]?["replicatedJobs"]?.array ?? []).enumerated() {
            let initializers = ["dataset-initializer": TypeName.dataSet, "model-initializer": TypeName.model]
            // A runtime may name its jobs as it likes; the label says what they are.
            let label = job["template"]?["metadata"]?["labels"]?["trainer.kubeflow.org/trainjob-ancestor-step"]
            guard let name = (label ?? job["name"])?.string, let type = initializers[name] else { continue }
            let pod = job["template"]?["spec"]?["template"]?["spec"]
            for container in pod?["containers"]?.array ?? [] {
                let uri = (container["env"]?.array ?? []).first { $0["name"]?.string == "STORAGE_URI" }?["value"]?
                    .string
                guard let uri, !uri.isEmpty else { continue }
                let short = String(name.prefix { $0 != "-" })
                inputs.append(ArtifactUse(name: short, convention: convention, artifact: artifact(type, uri)))
                evidence.append(
                    Evidence(
                        convention: convention, fact: "input \(short)",
                        field: "JobSet \(jobSet.name) spec.replicatedJobs[\(index)] STORAGE_URI"))
            }
        }
        guard !inputs.isEmpty else { return nil }
        var execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: jobSet.namespace, kind: "trainjobs", uid: owner.uid),
            type: "kubeflow.TrainJob", name: owner.name,
            run: Run(name: "\(owner.name)-\(owner.uid)", displayName: owner.name),
            workspace: Annotations.workspace(of: jobSet), inputs: inputs, evidence: evidence, authority: .taskResult,
            origin: .init(kind: jobSet.kind, namespace: jobSet.namespace, name: jobSet.name, uid: jobSet.uid))
        execution.role = .fragment
        return execution
    }
}
