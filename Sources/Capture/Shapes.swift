import JSON
import Kubernetes
import Lineage

/// The kinds of values that conventions expect in the fields that they read. A field of another kind is told;
/// what else the object says is recorded.
enum Shapes {
    private enum Shape {
        case text, list, object, time

        func fits(_ value: JSONValue) -> Bool {
            switch self {
            case .text: value.scalarText != nil
            case .list: value.array != nil
            case .object: value.object != nil
            case .time: value.string.map { $0.isEmpty || Timestamp.parse($0) != nil } ?? false
            }
        }

        var words: String {
            switch self {
            case .text: "text"
            case .list: "a list"
            case .object: "an object"
            case .time: "a time as RFC 3339 has it"
            }
        }
    }

    /// What is asked of a value and of what is in it.
    private indirect enum Within {
        case members([(name: String, tree: Tree)])
        /// Of each member.
        case any(Tree)
        /// Of each element.
        case elements(Tree)
    }

    private struct Tree {
        var shape: Shape?
        var within: [Within] = []

        mutating func add(_ path: ArraySlice<Substring>, _ shape: Shape) {
            guard let part = path.first else {
                self.shape = shape
                return
            }
            let rest = path.dropFirst()
            for index in within.indices {
                switch (within[index], part) {
                case (.elements(var tree), "[]"):
                    tree.add(rest, shape)
                    within[index] = .elements(tree)
                    return
                case (.any(var tree), "*"):
                    tree.add(rest, shape)
                    within[index] = .any(tree)
                    return
                case (.members(var members), let name) where name != "[]" && name != "*":
                    if let known = members.firstIndex(where: { $0.name == name }) {
                        members[known].tree.add(rest, shape)
                    } else {
                        var tree = Tree()
                        tree.add(rest, shape)
                        members.append((String(name), tree))
                    }
                    within[index] = .members(members)
                    return
                default: continue
                }
            }
            var tree = Tree()
            tree.add(rest, shape)
            switch part {
            case "[]": within.append(.elements(tree))
            case "*": within.append(.any(tree))
            default: within.append(.members([(String(part), tree)]))
            }
        }
    }

    /// All that is asked of a kind, read once.
    private static let trees: [String: Tree] = Dictionary(
        uniqueKeysWithValues: byKind.map { kind, own in
            var tree = Tree()
            for (path, shape) in common + (kind == "Workflow" ? [] : conditions) + own {
                tree.add(path.replacing("[]", with: ".[]").split(separator: ".")[...], shape)
            }
            return (kind, tree)
        })

    /// The most problems of an object that are told.
    private static let maximum = 20

    /// Of all objects.
    private static let common: [(path: String, shape: Shape)] = [
        ("metadata.labels", .object), ("metadata.annotations", .object), ("metadata.ownerReferences", .list),
        ("spec", .object), ("status", .object), ("metadata.creationTimestamp", .time),
        ("metadata.deletionTimestamp", .time), ("status.startTime", .time), ("status.completionTime", .time),
    ]

    /// `[]` is each element, `*` each member.
    private static let byKind: [String: [(path: String, shape: Shape)]] = [
        "Workflow": [
            ("spec.templates", .list), ("spec.arguments.parameters", .list), ("status.phase", .text),
            ("status.nodes.*", .object), ("status.nodes.*.inputs.artifacts", .list),
            ("status.nodes.*.inputs.parameters", .list), ("status.nodes.*.outputs.artifacts", .list),
            ("status.nodes.*.outputs.parameters", .list), ("status.nodes.*.outputs.artifacts[]", .object),
            ("status.nodes.*.inputs.artifacts[]", .object), ("status.outputs.parameters", .list),
            ("status.outputs.artifacts", .list), ("status.startedAt", .time), ("status.finishedAt", .time),
            ("status.nodes.*.startedAt", .time), ("status.nodes.*.finishedAt", .time),
        ],
        "Pod": [
            ("status.containerStatuses", .list), ("status.containerStatuses[]", .object),
            ("status.containerStatuses[].state.terminated.startedAt", .time),
            ("status.containerStatuses[].state.terminated.finishedAt", .time),
            ("status.containerStatuses[].state.running.startedAt", .time),
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
        "SparkApplication": [
            ("spec.arguments", .list), ("status.applicationState", .object),
            ("status.terminationTime", .time), ("status.lastSubmissionAttemptTime", .time),
        ],
        "RayJob": [
            ("spec.entrypoint", .text), ("spec.metadata", .object), ("status.rayJobInfo", .object),
            ("status.endTime", .time),
        ],
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
        ("status.conditions[].lastTransitionTime", .time),
    ]

    /// What is not of the kind that it should be, the first of them.
    static func problems(of object: KubernetesObject) -> [Problem] {
        guard let tree = trees[object.kind] else { return [] }
        var found: [(field: String, reason: String)] = []
        check(object.raw, tree, &found)
        return found.map { Problem(object: object.reference, field: String($0.field.dropFirst()), reason: $0.reason) }
    }

    /// Fields are told from the inside out: only where something is wrong there is a text to make.
    private static func check(_ value: JSONValue, _ tree: Tree, _ found: inout [(field: String, reason: String)]) {
        if found.count >= maximum { return }
        if let shape = tree.shape, !value.isNull, !shape.fits(value) {
            let what = shape == .time && value.string != nil ? "\(value.string?.prefix(64) ?? "")" : value.kindName
            found.append(("", "\(what) where \(shape.words) should be"))
            return
        }
        for within in tree.within {
            func place(_ text: @autoclosure () -> String, from start: Int) {
                for index in start..<found.count { found[index].field = text() + found[index].field }
            }
            switch within {
            case .members(let members):
                guard case .object(let object) = value else { continue }
                for (name, tree) in members {
                    guard let member = object[name] else { continue }
                    let start = found.count
                    check(member, tree, &found)
                    place("." + name, from: start)
                }
            case .any(let tree):
                guard case .object(let object) = value else { continue }
                for member in object {
                    let start = found.count
                    check(member.value, tree, &found)
                    place("[\"\(member.key)\"]", from: start)
                }
            case .elements(let tree):
                guard case .array(let elements) = value else { continue }
                for (index, element) in elements.enumerated() {
                    let start = found.count
                    check(element, tree, &found)
                    place("[\(index)]", from: start)
                }
            }
        }
    }
}
