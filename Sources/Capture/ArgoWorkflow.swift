import FoundationEssentials
import Gzip
import JSON
import Kubernetes
import Lineage

/// The status of an Argo Workflow: its nodes are the steps (workflow_types.go, 2.12 to 4.0).
struct ArgoWorkflow {
    static let convention = "argo-workflows"
    /// The most bytes that `compressedNodes` may unpack to, against gzip bombs.
    private static let maximumNodesSize = 256 << 20

    let object: KubernetesObject
    private let capture: Capture
    private let status: JSONValue
    /// Templates by the names that nodes know them by.
    private let templates: [String: JSONValue]

    init(_ object: KubernetesObject, capture: Capture) {
        self.object = object
        self.capture = capture
        status = object.raw["status"] ?? .null
        var templates: [String: JSONValue] = [:]
        let lists = [
            object.raw["spec"]?["templates"], status["storedWorkflowTemplateSpec"]?["templates"],
        ]
        for template in lists.compactMap({ $0?.array }).joined() {
            if let name = template["name"]?.string { templates[name] = template }
        }
        // Keys are scope/resource/template; nodes name the template alone.
        for member in status["storedTemplates"]?.object ?? JSONObject() {
            let name = member.value["name"]?.string ?? member.key.split(separator: "/").last.map(String.init)
            if let name, templates[name] == nil { templates[name] = member.value }
        }
        self.templates = templates
    }

    /// A node of the status and its id.
    struct Node {
        var id: String
        var value: JSONValue

        func text(_ key: String) -> String { value[key]?.string ?? "" }
        var field: String { "status.nodes[\"\(id)\"]" }
    }

    /// The nodes, wherever the controller keeps them.
    func nodes() -> Result<[Node], Problem> {
        if let nodes = status["nodes"]?.object {
            return .success(nodes.map { Node(id: $0.key, value: $0.value) })
        }
        func problem(_ field: String, _ reason: String) -> Result<[Node], Problem> {
            .failure(Problem(object: object.reference, field: field, reason: reason))
        }
        if let text = status["compressedNodes"]?.string, !text.isEmpty {
            let field = "status.compressedNodes"
            guard let data = Data(base64Encoded: text) else { return problem(field, "is not base64") }
            do {
                let bytes = try Gzip.decompress(Array(data), limit: Self.maximumNodesSize)
                let value = try JSONValue(parsing: bytes)
                return .success((value.object ?? JSONObject()).map { Node(id: $0.key, value: $0.value) })
            } catch {
                return problem(field, "\(error)")
            }
        }
        if let version = status["offloadNodeStatusVersion"]?.string, !version.isEmpty {
            return problem(
                "status.offloadNodeStatusVersion",
                "the nodes are in the controller's database; only pods tell of these steps")
        }
        return .success([])
    }

    func template(of node: Node) -> JSONValue? {
        templates[node.value["templateRef"]?["template"]?.string ?? node.text("templateName")]
    }

    // MARK: Steps

    /// The step that a node is; `nil` for a group of steps.
    func step(of node: Node, ignored: inout [String]) -> Step? {
        let memoized = node.value["memoizationStatus"]?["hit"]?.bool == true
        let type = node.text("type")
        switch type {
        case "Pod", "HTTP", "Plugin", "Skipped": break
        // A memoized step with a retry strategy is a Retry node that never had children.
        case "Retry" where memoized: break
        case "":
            ignored.append("\(node.field): has no type")
            return nil
        default: return nil
        }
        let state = state(of: node, memoized: memoized)
        var evidence = [evidence("state \(state.rawValue)", node, memoized ? "memoizationStatus.hit" : "phase")]
        let repositories = repositories(for: node)
        let inputs = artifacts(node, "inputs", repositories)
        var outputs = artifacts(node, "outputs", repositories)
        if state == .canceled, !outputs.isEmpty {
            ignored.append("\(node.field).outputs: the step was skipped, so it wrote nothing")
            outputs = []
        }
        evidence += inputs.map { self.evidence("input \($0.name)", $0.field) }
        evidence += outputs.map { self.evidence("output \($0.name)", $0.field) }
        var problems: [Problem] = []
        for artifact in inputs + outputs where !artifact.isComplete {
            problems.append(
                Problem(
                    object: object.reference, field: artifact.field,
                    reason: "only the key is known: neither the template's archiveLocation nor "
                        + "status.artifactRepositoryRef nor a ConfigMap artifact-repositories names the bucket"))
        }
        for artifact in inputs + outputs where artifact.kind == nil {
            ignored.append("\(artifact.field): an optional artifact that does not exist")
        }
        let templateName = node.value["templateRef"]?["template"]?.string ?? node.text("templateName")
        var custom = Self.properties(
            namespace: object.namespace, node: node.id, template: templateName, pod: podName(of: node, type))
        for parameter in node.value["outputs"]?["parameters"]?.array ?? [] {
            if let name = parameter["name"]?.string, let value = parameter["value"]?.scalarText {
                custom["output:\(name)"] = .string(value)
            }
        }
        if !node.text("message").isEmpty { custom["message"] = .string(node.text("message")) }
        let displayName = node.text("displayName").isEmpty ? node.text("name") : node.text("displayName")
        let isFinal = state.isFinal
        let execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, workflowUID: uid, nodeID: node.id),
            type: TypeName.argoStep, name: displayName, state: state,
            start: time(node, "startedAt"), end: isFinal ? time(node, "finishedAt") : nil,
            run: Self.run(name: object.name, uid: object.uid.isEmpty ? nil : object.uid),
            workspace: Annotations.workspace(of: object), parameters: parameters(of: node),
            inputs: inputs.compactMap { $0.use() }, outputs: outputs.compactMap { $0.use() },
            customProperties: custom, evidence: evidence, problems: problems, authority: .workflow,
            origin: .init(
                kind: "Workflow", namespace: object.namespace, name: object.name, uid: object.uid))
        return Step(execution, templateName: templateName, inputs: inputs, outputs: outputs)
    }

    private var uid: String { object.uid.isEmpty ? object.name : object.uid }

    private func evidence(_ fact: String, _ node: Node, _ key: String) -> Evidence {
        evidence(fact, "\(node.field).\(key)")
    }

    private func evidence(_ fact: String, _ field: String) -> Evidence {
        Evidence(convention: Self.convention, fact: fact, field: field)
    }

    private func state(of node: Node, memoized: Bool) -> Execution.State {
        // From 3.7.1 on: a phase that came before the step's outputs did is not the end.
        if node.value["taskResultSynced"]?.bool == false { return .running }
        switch node.text("phase") {
        case "Succeeded": return memoized ? .cached : .complete
        case "Failed", "Error": return .failed
        case "Skipped", "Omitted": return .canceled
        case "Running": return .running
        default: return .new
        }
    }

    /// The pod's name where it can be told: it is the node's id up to 3.3, and later by setting.
    private func podName(of node: Node, _ type: String) -> String? {
        guard type == "Pod" else { return nil }
        let format = object.annotations["workflows.argoproj.io/pod-name-format"]
        guard format == "v2", node.id != object.name else { return node.id }
        let hash = node.id.split(separator: "-").last ?? ""
        let template = node.value["templateRef"]?["template"]?.string ?? node.text("templateName")
        let prefix = template.isEmpty ? object.name : "\(object.name)-\(template)"
        return "\(prefix.prefix(242))-\(hash)"
    }

    private func time(_ node: Node, _ key: String) -> Date? {
        node.value[key]?.string.flatMap(Timestamp.parse)
    }

    private func parameters(of node: Node) -> [Execution.Parameter] {
        (node.value["inputs"]?["parameters"]?.array ?? []).compactMap { value in
            guard let name = value["name"]?.string, let text = value["value"]?.scalarText else { return nil }
            return Execution.Parameter(name: name, value: text)
        }
    }

    /// Where key-only artifacts of a node are, best first.
    private func repositories(for node: Node) -> [JSONValue] {
        let reference = status["artifactRepositoryRef"]
        return [
            template(of: node)?["archiveLocation"], reference?["artifactRepository"],
            capture.artifactRepositories.repository(
                namespace: reference?["namespace"]?.string ?? object.namespace,
                key: reference?["key"]?.string),
        ].compactMap { $0 }
    }

    private func artifacts(
        _ node: Node, _ direction: String, _ repositories: [JSONValue]
    ) -> [ArgoArtifact] {
        (node.value[direction]?["artifacts"]?.array ?? []).enumerated().compactMap { index, value in
            ArgoArtifact(
                value, field: "\(node.field).\(direction).artifacts[\(index)]", repositories: repositories)
        }
    }

    // MARK: What pods and workflows say alike

    static func run(name: String, uid: String?) -> Run {
        Run(name: uid.map { "\(name)-\($0)" } ?? name, displayName: name)
    }

    static func properties(
        namespace: String, node: String, template: String, pod: String?
    ) -> [String: PropertyValue] {
        var result: [String: PropertyValue] = [
            "namespace": .string(namespace), "node_id": .string(node),
        ]
        if !template.isEmpty { result["template"] = .string(template) }
        if let pod {
            result["pod_name"] = .string(pod)
            result["kfp_pod_name"] = .string(pod)
        }
        return result
    }
}
