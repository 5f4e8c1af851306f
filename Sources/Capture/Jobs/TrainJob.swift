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
                (.canceled, "metadata.deletionTimestamp")
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
            guard let text = uri.string else {
                result.problem(field, "\(uri.kindName) where text should be")
                continue
            }
            if text.isEmpty { continue }
            let title = text.split(separator: "/").last.map(String.init)
            result.input(name, Artifact(type: type, name: title, uri: text), field: field)
        }
        result.parameter("runtime", spec?["runtimeRef"]?["name"])
        for name in ["image", "numNodes", "numProcPerNode"] { result.parameter(name, spec?["trainer"]?[name]) }
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
}
