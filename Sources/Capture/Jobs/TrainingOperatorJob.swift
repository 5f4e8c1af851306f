import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// PyTorchJob and its kin (kubeflow.org/v1, training-operator 1.4 to 1.9; MPIJob also kubeflow.org/v2beta1):
/// one execution for the job, its replicas within.
enum TrainingOperatorJob {
    static let convention = "kubeflow-training-operator"

    struct Kind {
        /// The field with the replicas.
        var replicas: String
        /// The replica that decides how the job ends.
        var main: [String]
        var plural: String
        /// The name that the operator asks of the container that trains.
        var container: String
    }

    static let kinds: [String: Kind] = [
        "PyTorchJob": .init(
            replicas: "pytorchReplicaSpecs", main: ["Master", "Worker"], plural: "pytorchjobs", container: "pytorch"),
        "TFJob": .init(
            replicas: "tfReplicaSpecs", main: ["Chief", "Master", "Worker"], plural: "tfjobs", container: "tensorflow"),
        "MPIJob": .init(replicas: "mpiReplicaSpecs", main: ["Launcher"], plural: "mpijobs", container: "mpi"),
        "XGBoostJob": .init(
            replicas: "xgbReplicaSpecs", main: ["Master", "Worker"], plural: "xgboostjobs", container: "xgboost"),
        "PaddleJob": .init(
            replicas: "paddleReplicaSpecs", main: ["Master", "Worker"], plural: "paddlejobs", container: "paddle"),
        "JAXJob": .init(replicas: "jaxReplicaSpecs", main: ["Worker"], plural: "jaxjobs", container: "jax"),
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
        if isDeleted, !state.0.isFinal { state = (.canceled, ObjectExecution.deletion) }
        var result = ObjectExecution(
            object, plural: kind.plural, type: "kubeflow.\(object.kind)", convention: convention, state: state,
            start: ObjectExecution.date(status?["startTime"]) ?? startWithoutTime(state.0, object, conditions),
            end: ObjectExecution.date(status?["completionTime"])
                ?? (state.0.isFinal ? found.flatMap { conditions.time($0.0) } : nil),
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        if state.0 == .failed, let text = conditions.text("Failed") {
            result.execution.customProperties["message"] = .string(text)
        }
        let replicas = object.raw["spec"]?[kind.replicas]
        for member in replicas?.object ?? JSONObject() {
            result.parameter("replicas.\(member.key)", member.value["replicas"] ?? 1)
        }
        let main = kind.main.lazy.compactMap { replicas?[$0] }.first
        let containers = main?["template"]?["spec"]?["containers"]?.array ?? []
        let trainer = containers.first { $0["name"]?.string == kind.container } ?? containers.first
        result.parameter("image", trainer?["image"])
        result.arguments(trainer)
        // Variables are those of the container that trains.
        let template = main?["template"]?.merging(patch: ["spec": ["containers": .array(trainer.map { [$0] } ?? [])]])
        return result.decorated(template: template)
    }

    /// 1.4 tells the start of a PyTorchJob or XGBoostJob by its conditions only.
    private static func startWithoutTime(
        _ state: Execution.State, _ object: KubernetesObject, _ conditions: ObjectConditions
    ) -> Date? {
        if state == .new { return nil }
        return conditions.time("Running") ?? conditions.time("Created") ?? ObjectExecution.created(object)
    }
}
