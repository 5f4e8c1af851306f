import JSON
import Kubernetes
import Lineage

/// The kinds of values that conventions expect in the fields that they read. A field of another kind is told;
/// what else the object says is recorded.
enum Shapes {
    private enum Shape {
        case text, list, object

        func fits(_ value: JSONValue) -> Bool {
            switch self {
            case .text: value.scalarText != nil
            case .list: value.array != nil
            case .object: value.object != nil
            }
        }

        var words: String {
            switch self {
            case .text: "text"
            case .list: "a list"
            case .object: "an object"
            }
        }
    }

    private enum Part {
        case member(String)
        case elements
        case members
    }

    private struct Rule {
        var path: [Part]
        var shape: Shape

        init(_ path: String, _ shape: Shape) {
            self.path = path.replacing("[]", with: ".[]").split(separator: ".").map { part in
                switch part {
                case "[]": .elements
                case "*": .members
                default: .member(String(part))
                }
            }
            self.shape = shape
        }
    }

    /// All that is asked of a kind, read once.
    private static let rules: [String: [Rule]] = Dictionary(
        uniqueKeysWithValues: byKind.map { kind, own in
            (kind, (common + (kind == "Workflow" ? [] : conditions) + own).map { Rule($0.path, $0.shape) })
        })

    /// The most problems of an object that are told.
    private static let maximum = 20

    /// Of all objects.
    private static let common: [(path: String, shape: Shape)] = [
        ("metadata.labels", .object), ("metadata.annotations", .object), ("metadata.ownerReferences", .list),
        ("spec", .object), ("status", .object),
    ]

    /// `[]` is each element, `*` each member.
    private static let byKind: [String: [(path: String, shape: Shape)]] = [
        "Workflow": [
            ("spec.templates", .list), ("spec.arguments.parameters", .list), ("status.phase", .text),
            ("status.nodes.*", .object), ("status.nodes.*.inputs.artifacts", .list),
            ("status.nodes.*.inputs.parameters", .list), ("status.nodes.*.outputs.artifacts", .list),
            ("status.nodes.*.outputs.parameters", .list), ("status.nodes.*.outputs.artifacts[]", .object),
            ("status.nodes.*.inputs.artifacts[]", .object), ("status.outputs.parameters", .list),
            ("status.outputs.artifacts", .list),
        ],
        "WorkflowTaskResult": [
            ("outputs", .object), ("outputs.artifacts", .list), ("outputs.artifacts[]", .object),
            ("outputs.parameters", .list),
        ],
        "TaskRun": [("status.retriesStatus", .list), ("status.steps", .list), ("status.steps[]", .object)],
        "PipelineRun": [
            ("spec.params", .list), ("status.skippedTasks", .list), ("status.results", .list),
            ("status.pipelineResults", .list),
        ],
        "Job": [("spec.template", .object)],
        "TrainJob": [
            ("spec.initializer", .object), ("spec.initializer.dataset", .object),
            ("spec.initializer.dataset.storageUri", .text), ("spec.initializer.model", .object),
            ("spec.initializer.model.storageUri", .text), ("spec.trainer", .object), ("spec.trainer.args", .list),
            ("spec.runtimeRef", .object), ("status.jobsStatus", .list), ("status.trainerStatus.metrics", .list),
        ],
        "PyTorchJob": [("spec.pytorchReplicaSpecs", .object)], "TFJob": [("spec.tfReplicaSpecs", .object)],
        "MPIJob": [("spec.mpiReplicaSpecs", .object)], "XGBoostJob": [("spec.xgbReplicaSpecs", .object)],
        "PaddleJob": [("spec.paddleReplicaSpecs", .object)], "JAXJob": [("spec.jaxReplicaSpecs", .object)],
        "Trial": [
            ("spec.objective", .object), ("spec.parameterAssignments", .list),
            ("spec.parameterAssignments[]", .object), ("status.observation", .object),
            ("status.observation.metrics", .list), ("status.observation.metrics[]", .object),
        ],
        "Experiment": [("spec.objective", .object), ("status.currentOptimalTrial", .object)],
        "SparkApplication": [("spec.arguments", .list), ("status.applicationState", .object)],
        "RayJob": [("spec.entrypoint", .text), ("spec.metadata", .object), ("status.rayJobInfo", .object)],
        "JobSet": [("spec.replicatedJobs", .list), ("status.replicatedJobsStatus", .list)],
        "ReplicaSet": [("spec.template", .object)],
        "InferenceService": [
            ("spec.predictor", .object), ("spec.predictor.model", .object), ("spec.predictor.model.storageUri", .text),
            ("spec.predictor.model.storage", .object), ("spec.predictor.containers", .list),
            ("spec.predictor.storageUris", .list), ("spec.predictor.storageUris[]", .object), ("spec.canary", .list),
            ("spec.transformer", .object), ("spec.explainer", .object), ("status.components", .object),
            ("status.components.*", .object), ("status.modelStatus", .object),
        ],
        "LLMInferenceService": [
            ("spec.model", .object), ("spec.model.uri", .text), ("spec.model.lora.adapters", .list),
            ("spec.model.lora.adapters[]", .object),
        ],
        "TrainedModel": [("spec.model", .object), ("spec.model.storageUri", .text)],
        "Model": [("spec.storageUri", .text), ("spec.requirements", .list), ("spec.parameters", .list)],
        "SeldonDeployment": [
            ("spec.predictors", .list), ("spec.predictors[]", .object), ("spec.predictors[].graph", .object),
            ("spec.predictors[].graph.modelUri", .text), ("spec.predictors[].componentSpecs", .list),
        ],
    ]

    private static let conditions: [(path: String, shape: Shape)] = [
        ("status.conditions", .list), ("status.conditions[]", .object),
    ]

    /// What is not of the kind that it should be, the first of them.
    static func problems(of object: KubernetesObject) -> [Problem] {
        guard let rules = rules[object.kind] else { return [] }
        var result: [Problem] = []
        for rule in rules where result.count < maximum {
            check(object.raw, rule.path[...], rule.shape) { place, found in
                if result.count < maximum {
                    result.append(
                        Problem(
                            object: object.reference, field: field(rule.path, place),
                            reason: "\(found.kindName) where \(rule.shape.words) should be"))
                }
            }
        }
        return result
    }

    /// - Parameter place: the indexes and keys of `[]` and `*`.
    private static func field(_ path: [Part], _ place: [String]) -> String {
        var place = place[...]
        return path.reduce(into: "") { text, part in
            switch part {
            case .member(let name): text += (text.isEmpty ? "" : ".") + name
            case .elements: text += "[\(place.popFirst() ?? "")]"
            case .members: text += "[\"\(place.popFirst() ?? "")\"]"
            }
        }
    }

    private static func check(
        _ value: JSONValue, _ path: ArraySlice<Part>, _ shape: Shape, _ tell: ([String], JSONValue) -> Void
    ) {
        guard let part = path.first else {
            if !value.isNull, !shape.fits(value) { tell([], value) }
            return
        }
        let rest = path.dropFirst()
        switch part {
        case .elements:
            for (index, element) in (value.array ?? []).enumerated() {
                check(element, rest, shape) { tell([String(index)] + $0, $1) }
            }
        case .members:
            for member in value.object ?? JSONObject() {
                check(member.value, rest, shape) { tell([member.key] + $0, $1) }
            }
        case .member(let name):
            if let member = value.object?[name] { check(member, rest, shape, tell) }
        }
    }
}
