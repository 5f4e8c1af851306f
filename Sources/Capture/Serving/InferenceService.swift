import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// An InferenceService of KServe (serving.kserve.io/v1beta1, 0.5 to 0.20), or an LLMInferenceService
/// (v1alpha1 and v1alpha2, 0.16 to 0.20): an execution that stays RUNNING and whose input is the model.
/// Another model makes another execution, and ends the one before.
struct InferenceService {
    static let convention = "kserve"
    static let plurals = ["InferenceService": "inferenceservices", "LLMInferenceService": "llminferenceservices"]

    private let object: KubernetesObject
    private let isDeleted: Bool
    private let capture: Capture
    private let conditions: ObjectConditions
    private var spec: JSONValue { object.raw["spec"] ?? .null }
    private var status: JSONValue { object.raw["status"] ?? .null }

    init(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) {
        self.object = object
        self.isDeleted = isDeleted
        self.capture = capture
        conditions = ObjectConditions(object)
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

    func result() -> Capture.Result {
        let isLLM = object.kind == "LLMInferenceService"
        let (sources, parameters, identity) = isLLM ? languageModel() : predictor()
        let (state, end, reason) = state()
        var result = ObjectExecution(
            object, plural: Self.plurals[object.kind] ?? "inferenceservices", detail: ModelSource.revision(identity),
            type: "kserve.\(object.kind)", convention: Self.convention, state: state,
            start: state.0 == .new ? nil : readySince, end: end,
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        result.execution.role = .service
        for parameter in parameters { result.parameter(parameter.name, parameter.value) }
        for source in sources {
            result.input(source.name, source.artifact, field: source.field)
            if let problem = source.problem { result.problem(source.field, problem) }
        }
        if sources.isEmpty { result.problem(isLLM ? "spec.model.uri" : "spec.predictor", "names no model") }
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
        var found = Capture.Result(convention: Self.convention, executions: [result.decorated()])
        let others = otherRevisions
        found.ignored += others.map {
            "\(object.reference): revision \($0) still serves; its model is not in this object"
        }
        found.serving = .init(
            prefix: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace,
                kind: Self.plurals[object.kind] ?? "", uid: "\(object.uid)/"),
            live: [result.execution.id], isReplaced: others.isEmpty && state.0 == .running, end: readySince)
        return found
    }

    // MARK: State

    private func state() -> ((Execution.State, field: String), end: Date?, problem: (field: String, text: String)?) {
        let ready = object.kind == "LLMInferenceService" ? "WorkloadsReady" : "PredictorReady"
        let hasRun = conditions.isTrue("Ready") || conditions.isTrue(ready)
        if let deletion = object.raw["metadata"]?["deletionTimestamp"]?.string, isDeleted || !deletion.isEmpty {
            return ((hasRun ? .complete : .canceled, "metadata.deletionTimestamp"), Timestamp.parse(deletion), nil)
        }
        if isDeleted { return ((hasRun ? .complete : .canceled, "metadata"), nil, nil) }
        if conditions.isTrue("Stopped") {
            return ((.complete, "status.conditions[Stopped]"), conditions.time("Stopped"), nil)
        }
        let model = status["modelStatus"]
        let transition = model?["transitionStatus"]?.string ?? ""
        // Never cleared: only with these does a failure mean the present model.
        if transition == "BlockedByFailedLoad" || transition == "InvalidSpec" {
            let info = model?["lastFailureInfo"]
            let text = [info?["reason"]?.string, info?["message"]?.string].compactMap { $0 }.joined(separator: ": ")
            return (
                (.failed, "status.modelStatus.transitionStatus"),
                conditions.isFalse(ready) ? conditions.time(ready) : nil,
                ("status.modelStatus.lastFailureInfo", text.isEmpty ? transition : text)
            )
        }
        if conditions.isFalse("PresetsCombined") {
            return (
                (.failed, "status.conditions[PresetsCombined]"), conditions.time("PresetsCombined"),
                ("status.conditions[PresetsCombined]", conditions.text("PresetsCombined") ?? "")
            )
        }
        if hasRun, !isStale {
            return ((.running, "status.conditions[\(conditions.isTrue("Ready") ? "Ready" : ready)]"), nil, nil)
        }
        return ((.new, "status.conditions[Ready]"), nil, nil)
    }

    /// Since when the present spec serves: not before it was written.
    private var readySince: Date? {
        guard let ready = conditionTime else { return nil }
        return specChanged.map { max($0, ready) } ?? ready
    }

    private var conditionTime: Date? {
        for type in ["PredictorReady", "WorkloadsReady", "Ready"] where conditions.isTrue(type) {
            return conditions.time(type)
        }
        return nil
    }

    private var specChanged: Date? { object.specChangedTime.flatMap(Timestamp.parse) }

    /// Whether the status still speaks of the revision before: with Knative, readiness is told anew for each.
    private var isStale: Bool {
        guard status["components"]?["predictor"]?["latestCreatedRevision"] != nil, let ready = conditionTime,
            let specChanged
        else { return false }
        return ready < specChanged
    }

    /// Knative's older revisions that still have traffic.
    private var otherRevisions: [String] {
        let predictor = status["components"]?["predictor"]
        let newest = predictor?["latestCreatedRevision"]?.string
        if let ready = predictor?["latestReadyRevision"]?.string, let newest, ready != newest { return [ready] }
        return (predictor?["traffic"]?.array ?? []).compactMap { entry in
            guard (entry["percent"]?.integer ?? 0) > 0, let name = entry["revisionName"]?.string, name != newest
            else { return nil }
            return name
        }
    }

    // MARK: What is served

    private typealias Served = (
        sources: [ModelSource], parameters: [(name: String, value: JSONValue)], identity: JSONValue
    )

    /// The fields of old, which the webhook rewrites to `model` from 0.8 on.
    private static let frameworks = [
        "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle",
    ]

    private func predictor() -> Served {
        let predictor = spec["predictor"] ?? .null
        var parameters: [(name: String, value: JSONValue)] = []
        var sources: [ModelSource] = []
        var identity = JSONObject()
        let framework = Self.frameworks.first { predictor[$0] != nil }
        if let field = predictor["model"] != nil ? "model" : framework, let model = predictor[field] {
            let format = model["modelFormat"]?["name"] ?? framework.map { .string($0) }
            for (name, value) in [
                ("modelFormat", format), ("modelFormatVersion", model["modelFormat"]?["version"]),
                ("runtime", model["runtime"] ?? status["servingRuntimeName"] ?? status["clusterServingRuntimeName"]),
                ("runtimeVersion", model["runtimeVersion"]), ("protocolVersion", model["protocolVersion"]),
            ] {
                if let value, !value.isNull { parameters.append((name, value)) }
            }
            identity["format"] = format
            for name in ["runtime", "runtimeVersion", "args", "command", "env", "image"] {
                identity[name] = model[name]
            }
            identity["version"] = model["modelFormat"]?["version"]
            let place = "spec.predictor.\(field)"
            if let uri = model["storageUri"]?.string, !uri.isEmpty {
                sources.append(ModelSource("model", uri: uri, field: "\(place).storageUri"))
            } else if let storage = model["storage"], storage.object != nil {
                sources.append(ModelSource("model", storage: storage, field: "\(place).storage"))
            } else if let id = Self.modelID(model) {
                sources.append(ModelSource("model", uri: "hf://\(id)", field: "\(place).args"))
            }
        }
        for (index, container) in (predictor["containers"]?.array ?? []).enumerated() {
            let isMain = ["kserve-container", "", nil].contains(container["name"]?.string)
            guard isMain else { continue }
            identity["container"] = .object(
                JSONObject(["image", "command", "args", "env"].compactMap { key in container[key].map { (key, $0) } }))
            if let image = container["image"] { parameters.append(("image", image)) }
            for variable in container["env"]?.array ?? [] where variable["name"]?.string == "STORAGE_URI" {
                guard let uri = variable["value"]?.string, !uri.isEmpty else { continue }
                sources.append(
                    ModelSource("model", uri: uri, field: "spec.predictor.containers[\(index)].env[STORAGE_URI]"))
            }
        }
        for (index, entry) in (predictor["storageUris"]?.array ?? []).enumerated() {
            guard let uri = entry["uri"]?.string, !uri.isEmpty else { continue }
            let mount = entry["mountPath"]?.string?.split(separator: "/").last.map(String.init)
            sources.append(
                ModelSource(mount ?? "model", uri: uri, field: "spec.predictor.storageUris[\(index)].uri"))
        }
        identity["sources"] = .array(sources.map(\.identity))
        return (sources, parameters, .object(identity))
    }

    /// `--model_id=org/name` of KServe's Hugging Face runtime.
    private static func modelID(_ model: JSONValue) -> String? {
        let words = (model["args"]?.array ?? []).compactMap(\.string)
        func value(_ flag: String) -> String? {
            for (index, word) in words.enumerated() {
                if word.hasPrefix(flag + "=") { return String(word.dropFirst(flag.count + 1)) }
                if word == flag, index + 1 < words.count { return words[index + 1] }
            }
            return nil
        }
        guard let id = value("--model_id") else { return nil }
        return id + (value("--model_revision").map { ":\($0)" } ?? "")
    }

    private func languageModel() -> Served {
        var sources: [ModelSource] = []
        var parameters: [(name: String, value: JSONValue)] = []
        if let uri = spec["model"]?["uri"]?.string, !uri.isEmpty {
            sources.append(ModelSource("model", uri: uri, field: "spec.model.uri"))
        }
        for (index, adapter) in (spec["model"]?["lora"]?["adapters"]?.array ?? []).enumerated() {
            guard let uri = adapter["uri"]?.string, !uri.isEmpty else { continue }
            let name = adapter["name"]?.string ?? "adapter-\(index)"
            sources.append(ModelSource(name, uri: uri, field: "spec.model.lora.adapters[\(index)].uri"))
        }
        if let image = spec["template"]?["containers"]?.array?.first?["image"] { parameters.append(("image", image)) }
        for member in spec["parallelism"]?.object ?? JSONObject() {
            parameters.append(("parallelism.\(member.key)", member.value))
        }
        var identity = JSONObject([("sources", JSONValue.array(sources.map(\.identity)))])
        identity["name"] = spec["model"]?["name"]
        for name in ["baseRefs", "parallelism"] { identity[name] = spec[name] }
        identity["image"] = spec["template"]?["containers"]?.array?.first?["image"]
        return (sources, parameters, .object(identity))
    }
}
