import JSON
import Kubernetes
import Lineage

/// A Model of Seldon Core 2 (mlops.seldon.io/v1alpha1, 2.0 to 2.10): an execution that stays RUNNING. What the
/// scheduler loads anew is another one (scheduler/pkg/store/equality.go).
enum SeldonModel {
    static let convention = "seldon-core-2"

    static func result(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Capture.Result {
        let spec = object.raw["spec"] ?? .null
        let conditions = ObjectConditions(object)
        let type = conditions["ModelReady"] == nil ? "Ready" : "ModelReady"
        let isReady = conditions.isTrue(type)
        let text = conditions.text(type) ?? ""
        // Its name is in the message from 2.5 on, free text in the reason before.
        let hasFailed = conditions.isFalse(type) && ["ModelFailed", "ScheduleFailed"].contains { text.contains($0) }
        let state: (Execution.State, field: String) =
            if isDeleted {
                (isReady ? .complete : .canceled, "metadata")
            } else {
                (isReady ? .running : hasFailed ? .failed : .new, "status.conditions[\(type)]")
            }
        let since = isReady || hasFailed ? conditions.time(type) : nil
        let identity = JSONValue.object(
            JSONObject(
                [
                    "storageUri", "artifactVersion", "secretName", "requirements", "modelType", "memory", "server",
                    "parameters", "explainer", "llm",
                ].compactMap { key in spec[key].map { (key, $0) } }))
        var result = ObjectExecution(
            object, plural: "models", detail: ModelSource.revision(identity), type: "seldon.Model",
            convention: convention, state: state, start: isReady ? since : nil,
            end: isDeleted
                ? ObjectExecution.date(object.raw["metadata"]?["deletionTimestamp"]) : hasFailed ? since : nil,
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        result.execution.role = .service
        for (index, requirement) in (spec["requirements"]?.array ?? []).enumerated() {
            result.parameter("requirements.\(index)", requirement)
        }
        for name in ["modelType", "server"] { result.parameter(name, spec[name]) }
        for parameter in spec["parameters"]?.array ?? [] {
            if let name = parameter["name"]?.string { result.parameter(name, parameter["value"]) }
        }
        for (name, key) in [("modelRef", "explained_model"), ("pipelineRef", "explained_pipeline")] {
            result.property(key, spec["explainer"]?[name])
        }
        if hasFailed { result.property("message", .string(text)) }
        if let uri = spec["storageUri"]?.string, !uri.isEmpty {
            // The folder of the version, where several are kept side by side.
            let version = spec["artifactVersion"]?.scalarText
            let whole = version.map { uri.hasSuffix("/") ? uri + $0 : "\(uri)/\($0)" } ?? uri
            result.input(ModelSource("model", uri: whole, field: "spec.storageUri"))
        } else {
            result.problem("spec.storageUri", "names no model")
        }
        return .serving(
            object, "models", convention: convention, [result.decorated()],
            isReplaced: state.0 == .running || isDeleted, end: result.execution.end ?? since, capture: capture)
    }
}
