import JSON
import Kubernetes
import Lineage

/// PyTorchJob and its kin (kubeflow.org/v1, training-operator 1.4 to 1.9; MPIJob also kubeflow.org/v2beta1):
/// one execution for the job, its replicas within.
enum TrainingOperatorJob {
    static let convention = "kubeflow-training-operator"

    /// The field with the replicas, and the replica that decides how the job ends.
    static let kinds: [String: (replicas: String, main: [String], plural: String)] = [
        "PyTorchJob": ("pytorchReplicaSpecs", ["Master", "Worker"], "pytorchjobs"),
        "TFJob": ("tfReplicaSpecs", ["Chief", "Master", "Worker"], "tfjobs"),
        "MPIJob": ("mpiReplicaSpecs", ["Launcher"], "mpijobs"),
        "XGBoostJob": ("xgbReplicaSpecs", ["Master", "Worker"], "xgboostjobs"),
        "PaddleJob": ("paddleReplicaSpecs", ["Master", "Worker"], "paddlejobs"),
        "JAXJob": ("jaxReplicaSpecs", ["Worker"], "jaxjobs"),
    ]

    static func execution(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution? {
        guard let kind = kinds[object.kind] else { return nil }
        let conditions = ObjectConditions(object)
        let status = object.raw["status"]
        // Failed first: after a race both may be there.
        let order: [(String, Execution.State)] = [
            ("Failed", .failed), ("Succeeded", .complete), ("Suspended", .new), ("Running", .running),
            ("Restarting", .running),
        ]
        let found = order.first { conditions.isTrue($0.0) }
        var state: (Execution.State, field: String) = (
            found?.1 ?? .new, "status.conditions[\(found?.0 ?? "Created")]"
        )
        if isDeleted, !state.0.isFinal { state = (.canceled, "metadata.deletionTimestamp") }
        var result = ObjectExecution(
            object, plural: kind.plural, type: "kubeflow.\(object.kind)", convention: convention, state: state,
            start: ObjectExecution.date(status?["startTime"]),
            end: ObjectExecution.date(status?["completionTime"]) ?? found.flatMap { conditions.time($0.0) },
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        if state.0 == .failed, let text = conditions.text("Failed") {
            result.execution.customProperties["message"] = .string(text)
        }
        let replicas = object.raw["spec"]?[kind.replicas]
        if let replicas, replicas.object == nil {
            result.problem("spec.\(kind.replicas)", "\(replicas.kindName) where an object should be")
        }
        for member in replicas?.object ?? JSONObject() {
            result.parameter("replicas.\(member.key)", member.value["replicas"] ?? 1)
        }
        let main = kind.main.lazy.compactMap { replicas?[$0] }.first
        result.parameter("image", main?["template"]?["spec"]?["containers"]?.array?.first?["image"])
        return result.decorated(template: main?["template"])
    }
}
