import JSON
import Kubernetes
import Lineage

/// What an InferenceService or LLMInferenceService serves.
extension InferenceService {
    typealias Served = (
        sources: [ModelSource], parameters: [(name: String, value: JSONValue)], identity: JSONValue
    )

    /// The fields of old, which the webhook rewrites to `model` from 0.8 on.
    private static let frameworks = [
        "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle",
    ]

    /// The predictor, and what stands before and beside it.
    func components(_ main: JSONValue?, _ field: String) -> Served {
        var result = predictor(main, field)
        var identity = result.identity.object ?? JSONObject()
        for name in ["transformer", "explainer"] {
            guard let component = spec[name], component.object != nil else { continue }
            var (sources, parameters, own) = predictor(component, "spec.\(name)")
            for kind in ["alibi", "art", "aix"] {
                guard let uri = component[kind]?["storageUri"]?.string, !uri.isEmpty else { continue }
                sources.append(ModelSource(name, uri: uri, field: "spec.\(name).\(kind).storageUri"))
                if let type = component[kind]?["type"] { parameters.append(("type", type)) }
                own = [kind: component[kind] ?? .null]
            }
            result.sources += sources.map { source in
                var source = source
                source.name = sources.count == 1 ? name : "\(name).\(source.name)"
                return source
            }
            result.parameters += parameters.map { ("\(name).\($0.name)", $0.value) }
            identity[name] = own
        }
        result.identity = .object(identity)
        return result
    }

    private func predictor(_ predictor: JSONValue?, _ field: String) -> Served {
        let predictor = predictor ?? .null
        let root = field
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
            let place = "\(root).\(field)"
            if let uri = model["storageUri"]?.string, !uri.isEmpty {
                sources.append(ModelSource("model", uri: uri, field: "\(place).storageUri"))
            } else if let storage = model["storage"], storage.object != nil {
                let resolved = root == "spec.predictor" ? storageURI(of: storage) : nil
                sources.append(ModelSource("model", storage: storage, field: "\(place).storage", resolved: resolved))
            } else if let id = Self.modelID(model) {
                sources.append(ModelSource("model", uri: "hf://\(id)", field: "\(place).args"))
            }
        }
        for (index, container) in (predictor["containers"]?.array ?? []).enumerated() {
            // The webhook gives a container that is alone its name.
            let isMain = ["kserve-container", "", nil].contains(container["name"]?.string)
            guard isMain || predictor["containers"]?.array?.count == 1 else { continue }
            identity["container"] = .object(
                JSONObject(["image", "command", "args", "env"].compactMap { key in container[key].map { (key, $0) } }))
            if let image = container["image"] { parameters.append(("image", image)) }
            if let id = Self.modelID(container) {
                sources.append(ModelSource("model", uri: "hf://\(id)", field: "\(root).containers[\(index)].args"))
            }
            for variable in container["env"]?.array ?? [] where variable["name"]?.string == "STORAGE_URI" {
                guard let uri = variable["value"]?.string, !uri.isEmpty else { continue }
                sources.append(
                    ModelSource("model", uri: uri, field: "\(root).containers[\(index)].env[STORAGE_URI]"))
            }
        }
        for (index, entry) in (predictor["storageUris"]?.array ?? []).enumerated() {
            guard let uri = entry["uri"]?.string, !uri.isEmpty else { continue }
            let mount = entry["mountPath"]?.string?.split(separator: "/").last.map(String.init)
            sources.append(
                ModelSource(mount ?? "model", uri: uri, field: "\(root).storageUris[\(index)].uri"))
        }
        identity["sources"] = .array(sources.map(\.identity))
        return (sources, parameters, .object(identity))
    }

    /// `--model_id=org/name` of KServe's Hugging Face runtime.
    private static func modelID(_ model: JSONValue) -> String? {
        let words = ((model["command"]?.array ?? []) + (model["args"]?.array ?? [])).compactMap(\.string)
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

    func languageModel() -> Served {
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
        for name in ["prefill", "worker"] {
            let image = (spec[name]?["template"] ?? spec[name])?["containers"]?.array?.first?["image"]
            if let image { parameters.append(("\(name).image", image)) }
            identity[name] = image
        }
        return (sources, parameters, .object(identity))
    }
}
