import JSON
import Kubernetes
import Lineage

/// A SeldonDeployment (machinelearning.seldon.io/v1, Seldon Core 1.x): each predictor is an execution that
/// stays RUNNING; the models of its graph are its inputs.
struct SeldonDeployment {
    static let convention = "seldon-core"

    /// Why a pod or ReplicaSet is not recorded by itself; `nil` for others.
    static func reasonNotAStep(_ object: KubernetesObject) -> String? {
        object.labels["seldon-deployment-id"].map { "belongs to SeldonDeployment \($0)" }
    }

    /// Of the pods of a predictor, what is served: not how it is scaled.
    private static func containers(_ predictor: JSONValue) -> JSONValue {
        let specs = predictor["componentSpecs"]?.array ?? []
        return .array(
            specs.flatMap { $0["spec"]?["containers"]?.array ?? [] }.map { container in
                let names = ["name", "image", "command", "args", "env"]
                return .object(JSONObject(names.compactMap { name in container[name].map { (name, $0) } }))
            })
    }

    static func result(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Capture.Result {
        let status = object.raw["status"]
        let conditions = ObjectConditions(object)
        // The condition stays true while another revision is rolled out.
        let condition = ["DeploymentsReady", "Ready"].first { conditions.isTrue($0) }
        let since = condition.flatMap { conditions.time($0) }.map { ready in
            object.specChangedTime.flatMap(Timestamp.parse).map { max($0, ready) } ?? ready
        }
        let state: (Execution.State, field: String) =
            if isDeleted {
                (since == nil ? .canceled : .complete, "metadata")
            } else {
                switch status?["state"]?.string {
                case "Available": (.running, "status.state")
                case "Failed": (.failed, "status.state")
                default: (.new, "status.state")
                }
            }
        let deletion = ObjectExecution.date(object.raw["metadata"]?["deletionTimestamp"])
        var executions: [Execution] = []
        for (index, predictor) in (object.raw["spec"]?["predictors"]?.array ?? []).prefix(100).enumerated() {
            let field = "spec.predictors[\(index)]"
            var sources: [ModelSource] = []
            var parameters: [(String, JSONValue)] = []
            collect(predictor["graph"] ?? .null, "\(field).graph", depth: 0, &sources, &parameters)
            var identity = JSONObject()
            identity["name"] = predictor["name"] ?? .null
            identity["graph"] = predictor["graph"] ?? .null
            identity["containers"] = containers(predictor)
            if let explainer = predictor["explainer"], explainer.object?.members.isEmpty == false {
                identity["explainer"] = explainer
                if let uri = explainer["modelUri"]?.string, !uri.isEmpty {
                    sources.append(ModelSource("explainer", uri: uri, field: "\(field).explainer.modelUri"))
                }
                if let type = explainer["type"] { parameters.append(("explainer.type", type)) }
            }
            for container in containers(predictor).array ?? [] {
                guard let image = container["image"] else { continue }
                parameters.append(("\(container["name"]?.string ?? "container").image", image))
            }
            let name = predictor["name"]?.string ?? String(index)
            var result = ObjectExecution(
                object, plural: "seldondeployments", detail: ModelSource.revision(.object(identity)),
                type: "seldon.SeldonDeployment", convention: convention, state: state,
                start: state.0 == .new ? nil : since, end: isDeleted ? deletion : since,
                run: ObjectExecution.run(of: object, capture: capture), capture: capture)
            result.execution.name = "\(object.name)/\(name)"
            result.execution.role = .service
            for source in sources { result.input(source) }
            for (name, value) in parameters { result.parameter(name, value) }
            if state.0 == .failed { result.property("message", status?["description"]) }
            executions.append(result.decorated())
        }
        return .serving(
            object, "seldondeployments", convention: convention, executions,
            isReplaced: state.0 == .running || isDeleted, end: isDeleted ? deletion : since, capture: capture)
    }

    /// The units of a graph.
    private static func collect(
        _ unit: JSONValue, _ field: String, depth: Int, _ sources: inout [ModelSource],
        _ parameters: inout [(String, JSONValue)]
    ) {
        guard depth < 50 else { return }
        let name = unit["name"]?.string ?? "model"
        if let uri = unit["modelUri"]?.string, !uri.isEmpty {
            sources.append(ModelSource(name, uri: uri, field: "\(field).modelUri"))
        }
        if let implementation = unit["implementation"] { parameters.append(("\(name).implementation", implementation)) }
        for parameter in unit["parameters"]?.array ?? [] {
            if let key = parameter["name"]?.string, let value = parameter["value"] {
                parameters.append(("\(name).\(key)", value))
            }
        }
        for (index, child) in (unit["children"]?.array ?? []).enumerated() {
            collect(child, "\(field).children[\(index)]", depth: depth + 1, &sources, &parameters)
        }
    }
}
