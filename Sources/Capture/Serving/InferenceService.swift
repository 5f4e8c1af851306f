import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// An InferenceService of KServe (serving.kserve.io/v1beta1, 0.7 to 0.20; serving.kubeflow.org before), or an LLMInferenceService
/// (v1alpha1 and v1alpha2, 0.16 to 0.20): an execution that stays RUNNING and whose input is the model.
/// Another model makes another execution, and ends the one before.
struct InferenceService {
    static let convention = "kserve"
    static let plurals = ["InferenceService": "inferenceservices", "LLMInferenceService": "llminferenceservices"]

    private let object: KubernetesObject
    private let isDeleted: Bool
    private let capture: Capture
    private let conditions: ObjectConditions
    private let sets: [ServiceIndex.ReplicaSet]
    var spec: JSONValue { object.raw["spec"] ?? .null }
    var status: JSONValue { object.raw["status"] ?? .null }

    init(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) {
        self.object = object
        self.isDeleted = isDeleted
        self.capture = capture
        conditions = ObjectConditions(object)
        // With Knative its revisions tell.
        let isKnative = object.raw["status"]?["components"]?["predictor"]?["latestCreatedRevision"] != nil
        sets = object.kind == "InferenceService" && !isKnative ? capture.services.sets(of: object) : []
    }

    /// Why a pod or ReplicaSet is not recorded by itself; `nil` for others.
    static func reasonNotAStep(_ object: KubernetesObject) -> String? {
        if let name = object.labels["serving.kserve.io/inferenceservice"] {
            return "belongs to InferenceService \(name)"
        }
        if object.labels["app.kubernetes.io/part-of"] == "llminferenceservice" {
            return "belongs to LLMInferenceService \(object.labels["app.kubernetes.io/name"] ?? "")"
        }
        return nil
    }

    /// Where its pods load a model from that its spec names by key and path.
    func storageURI(of storage: JSONValue) -> String? {
        let path = (storage["path"]?.string ?? "").drop { $0 == "/" }
        return capture.services.storageURIs(of: object).first { $0.hasSuffix("/\(path)") }
    }

    func result() -> Capture.Result {
        let isLLM = object.kind == "LLMInferenceService"
        let (sources, parameters, identity) = isLLM ? languageModel() : components(spec["predictor"], "spec.predictor")
        let uri = sources.first { $0.field.hasPrefix("spec.predictor.") && $0.field.hasSuffix(".storageUri") }?.written
        let (state, end, reason) = state(uri)
        var result = ObjectExecution(
            object, plural: Self.plurals[object.kind] ?? "inferenceservices", detail: ModelSource.revision(identity),
            type: "kserve.\(object.kind)", convention: Self.convention, state: state,
            start: state.0 == .new ? nil : readySince(uri), end: end,
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        result.execution.role = .service
        for parameter in parameters { result.parameter(parameter.name, parameter.value) }
        for source in sources { result.input(source) }
        // A container of one's own may have the model in its image.
        let isCustom = !isLLM && spec["predictor"]?["containers"]?.array?.isEmpty == false
        if sources.isEmpty, !isCustom { result.problem(isLLM ? "spec.model.uri" : "spec.predictor", "names no model") }
        if let reason { result.problem(reason.field, reason.text) }
        let predictor = status["components"]?["predictor"]
        result.property("revision", predictor?["latestCreatedRevision"])
        result.property("url", status["url"])
        result.property("deployment_mode", status["deploymentMode"])
        // Kubeflow Model Registry writes these on the object.
        for (label, name) in [
            ("registered-model-id", "registered_model_id"), ("model-version-id", "model_version_id"),
            ("inference-service-id", "inference_service_id"),
        ] {
            result.property(name, object.labels["modelregistry.kubeflow.org/" + label].map { .string($0) })
        }
        let others = otherRevisions(uri)
        var found = Capture.Result.serving(
            object, Self.plurals[object.kind] ?? "", convention: Self.convention,
            [result.decorated()] + canaries(result.execution.customProperties),
            // Stopped or deleted, none goes on.
            isReplaced: others.isEmpty && state.0 == .running || state.0 == .complete || state.0 == .canceled,
            end: state.0 == .running ? sets.compactMap(\.scaled).max() ?? readySince(uri) : end, capture: capture)
        if sources.isEmpty, isCustom {
            found.ignored.append("\(object.reference): names no model; it may be in the image")
        }
        found.ignored += others.map {
            "\(object.reference): revision \($0) still serves; its model is not in this object"
        }
        return found
    }

    // MARK: State

    private func state(_ uri: String?) -> (
        (Execution.State, field: String), end: Date?, problem: (field: String, text: String)?
    ) {
        let isLLM = object.kind == "LLMInferenceService"
        let ready = isLLM ? "WorkloadsReady" : "PredictorReady"
        let hasRun = conditions.isTrue("Ready") || conditions.isTrue(ready)
        // An LLMInferenceService has no such condition, but the reason.
        let stopped =
            isLLM
            ? ["PresetsCombined", "MainWorkloadReady", ready].first {
                conditions.isFalse($0) && conditions[$0]?["reason"]?.string == "Stopped"
            } : conditions.isTrue("Stopped") ? "Stopped" : nil
        if let stopped { return ((.complete, "status.conditions[\(stopped)]"), conditions.time(stopped), nil) }
        if let deletion = object.raw["metadata"]?["deletionTimestamp"]?.string, isDeleted || !deletion.isEmpty {
            return ((hasRun ? .complete : .canceled, "metadata.deletionTimestamp"), Timestamp.parse(deletion), nil)
        }
        if isDeleted { return ((hasRun ? .complete : .canceled, "metadata"), nil, nil) }
        let model = status["modelStatus"]
        let transition = model?["transitionStatus"]?.string ?? ""
        // Never cleared: only with these does a failure mean the present model.
        if transition == "BlockedByFailedLoad" || transition == "InvalidSpec" {
            let info = model?["lastFailureInfo"]
            let text = [info?["reason"]?.string, info?["message"]?.string].compactMap { $0 }.joined(separator: ": ")
            // Empty when the pods are gone.
            let other = [ready, "Ready"].first { conditions.isFalse($0) && conditions.text($0) != nil }
            return (
                (.failed, "status.modelStatus.transitionStatus"),
                conditions.isFalse(ready) ? conditions.time(ready) : nil,
                !text.isEmpty
                    ? ("status.modelStatus.lastFailureInfo", text)
                    : other.map { ("status.conditions[\($0)]", conditions.text($0) ?? "") }
                        ?? ("status.modelStatus.transitionStatus", transition)
            )
        }
        if conditions.isFalse("PresetsCombined") {
            return (
                (.failed, "status.conditions[PresetsCombined]"), conditions.time("PresetsCombined"),
                ("status.conditions[PresetsCombined]", conditions.text("PresetsCombined") ?? "")
            )
        }
        if hasRun, !isStale(uri) {
            return ((.running, "status.conditions[\(conditions.isTrue("Ready") ? "Ready" : ready)]"), nil, nil)
        }
        return ((.new, "status.conditions[Ready]"), nil, nil)
    }

    /// Since when the present spec serves: not before it was written.
    /// The newest revision that serves a model.
    private func current(_ uri: String?) -> ServiceIndex.ReplicaSet? {
        sets.filter { $0.uri == uri }.max { $0.revision < $1.revision }
    }

    private func readySince(_ uri: String?) -> Date? {
        guard let ready = conditionTime else { return nil }
        let made = current(uri)?.created
        return [ready, specChanged, made].compactMap { $0 }.max()
    }

    private var conditionTime: Date? {
        for type in ["PredictorReady", "WorkloadsReady", "Ready"] where conditions.isTrue(type) {
            return conditions.time(type)
        }
        return nil
    }

    private var specChanged: Date? { object.specChangedTime.flatMap(Timestamp.parse) }

    /// Whether the status still speaks of the revision before: with Knative, readiness is told anew for each. Of
    /// an InferenceService `observedGeneration` is that of what it made, of an LLMInferenceService its own.
    private func isStale(_ uri: String?) -> Bool {
        let serving = sets.filter(\.isReady)
        if uri != nil, !serving.isEmpty {
            if let current = current(uri) { return !current.isReady }
            // One that was made for the present spec serves it, however its uri is written.
            let newest = sets.max { $0.revision < $1.revision }
            let isNew = specChanged.map { (newest?.created ?? .distantPast) >= $0 } ?? true
            return !(newest?.isReady == true && isNew)
        }
        if object.kind == "LLMInferenceService", let seen = status["observedGeneration"]?.integer,
            let generation = object.raw["metadata"]?["generation"]?.integer
        {
            return seen < generation
        }
        guard status["components"]?["predictor"]?["latestCreatedRevision"] != nil, let ready = conditionTime,
            let specChanged
        else { return false }
        return ready < specChanged
    }

    /// Older revisions that still serve: Knative's that have traffic, ReplicaSets that are ready.
    private func otherRevisions(_ uri: String?) -> [String] {
        if let current = current(uri) { return sets.filter { $0.isReady && $0 != current }.map(\.name) }
        let predictor = status["components"]?["predictor"]
        let newest = predictor?["latestCreatedRevision"]?.string
        if let ready = predictor?["latestReadyRevision"]?.string, let newest, ready != newest { return [ready] }
        return (predictor?["traffic"]?.array ?? []).compactMap { entry in
            guard (entry["percent"]?.integer ?? 0) > 0, let name = entry["revisionName"]?.string, name != newest
            else { return nil }
            return name
        }
    }

    // MARK: Canaries

    /// `spec.canary` (0.20, Standard mode): each serves beside the predictor, of which it says what differs. One that
    /// is promoted becomes the predictor, and stays the same execution.
    private func canaries(_ properties: [String: PropertyValue]) -> [Execution] {
        let statuses = status["canaryStatuses"]?.array ?? []
        return (spec["canary"]?.array ?? []).prefix(100).enumerated().map { index, canary in
            let field = "spec.canary[\(index)]"
            let name = canary["predictor"]?["name"]?.string ?? String(index)
            let (sources, parameters, identity) = components(
                (spec["predictor"] ?? .null).merging(patch: canary["predictor"] ?? [:]), "\(field).predictor")
            let place = statuses.firstIndex { $0["name"]?.string == name }
            let isReady = place.map { statuses[$0]["ready"]?.bool == true } ?? false
            let since = isReady ? conditions.time("CanaryPredictorReady") ?? specChanged : nil
            let hasEnded = isDeleted || object.raw["metadata"]?["deletionTimestamp"]?.string?.isEmpty == false
            let state: Execution.State = hasEnded ? (isReady ? .complete : .canceled) : isReady ? .running : .new
            var result = ObjectExecution(
                object, plural: Self.plurals[object.kind] ?? "inferenceservices",
                detail: ModelSource.revision(identity),
                type: "kserve.\(object.kind)", convention: Self.convention,
                state: (state, hasEnded ? "metadata" : place.map { "status.canaryStatuses[\($0)].ready" } ?? "status"),
                start: since, end: nil, run: ObjectExecution.run(of: object, capture: capture), capture: capture)
            result.execution.role = .service
            for parameter in parameters { result.parameter(parameter.name, parameter.value) }
            for source in sources { result.input(source) }
            for name in ["url", "deployment_mode"] { result.execution.customProperties[name] = properties[name] }
            result.property("canary", .string(name))
            result.property("canary_traffic_percent", canary["trafficPercent"])
            return result.decorated()
        }
    }
}
