import JSON
import Kubernetes
import Lineage

/// A TrainedModel of KServe (serving.kserve.io/v1alpha1, 0.5 to 0.20): one of several models that an
/// InferenceService serves together.
enum TrainedModel {
    static func result(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Capture.Result {
        let conditions = ObjectConditions(object)
        let since = conditions.isTrue("Ready") ? conditions.time("Ready") : nil
        let state: (Execution.State, field: String) =
            if isDeleted {
                (since == nil ? .canceled : .complete, "metadata")
            } else {
                (since == nil ? .new : .running, "status.conditions[Ready]")
            }
        let model = object.raw["spec"]?["model"] ?? .null
        let identity: JSONValue = [
            "uri": model["storageUri"] ?? .null, "framework": model["framework"] ?? .null,
            "service": object.raw["spec"]?["inferenceService"] ?? .null,
        ]
        var result = ObjectExecution(
            object, plural: "trainedmodels", detail: ModelSource.revision(identity), type: "kserve.TrainedModel",
            convention: InferenceService.convention, state: state, start: since,
            end: isDeleted ? ObjectExecution.date(object.raw["metadata"]?["deletionTimestamp"]) : nil,
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        result.execution.role = .service
        result.parameter("framework", model["framework"])
        result.property("inference_service", object.raw["spec"]?["inferenceService"])
        result.property("url", object.raw["status"]?["url"])
        if let uri = model["storageUri"]?.string, !uri.isEmpty {
            result.input(ModelSource("model", uri: uri, field: "spec.model.storageUri"))
        } else {
            result.problem("spec.model.storageUri", "names no model")
        }
        return .serving(
            object, "trainedmodels", convention: InferenceService.convention, [result.decorated()],
            isReplaced: state.0 == .running || isDeleted, end: result.execution.end ?? since, capture: capture)
    }
}
