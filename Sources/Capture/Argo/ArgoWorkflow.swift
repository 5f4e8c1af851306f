import FoundationEssentials
import Gzip
import JSON
import Kubernetes
import Lineage

/// The status of an Argo Workflow: its nodes are the steps (workflow_types.go, 2.12 to 4.0).
struct ArgoWorkflow {
    static let convention = "argo-workflows"

    let object: KubernetesObject
    let capture: Capture
    let status: JSONValue
    /// Templates by scope, resource and name.
    private let templates: [String: JSONValue]
    /// The run that all steps belong to; made once, for there may be ten thousand.
    let run: Run

    init(_ object: KubernetesObject, capture: Capture) {
        self.object = object
        self.capture = capture
        status = object.raw["status"] ?? .null
        var templates: [String: JSONValue] = [:]
        let lists = [
            status["storedWorkflowTemplateSpec"]?["templates"], object.raw["spec"]?["templates"],
        ]
        for template in lists.compactMap({ $0?.array }).joined() {
            if let name = template["name"]?.string { templates["local/\(object.name)/\(name)"] = template }
        }
        // Keys are scope/resource/template: two resources may have templates of the same name.
        for member in status["storedTemplates"]?.object ?? JSONObject() { templates[member.key] = member.value }
        self.templates = templates
        run = Self.run(of: object, status: status)
    }

    /// What the Argo server and `argo get` print has neither `apiVersion` nor `kind`: these are put where an object
    /// can only be a Workflow.
    static func named(_ object: KubernetesObject) -> KubernetesObject {
        guard object.apiVersion.isEmpty, object.kind.isEmpty, let spec = object.raw["spec"],
            spec["entrypoint"] != nil || spec["workflowTemplateRef"] != nil,
            object.raw["status"]?["phase"] != nil || object.raw["status"]?["nodes"] != nil
        else { return object }
        var result = object
        (result.apiVersion, result.kind) = ("argoproj.io/v1alpha1", "Workflow")
        return result
    }

    /// Whether nothing more happens.
    var hasEnded: Bool {
        switch status["phase"]?.string {
        case "Succeeded", "Failed", "Error": true
        default: false
        }
    }

    /// Whether the controller is done with it.
    private var isCompleted: Bool {
        object.labels["workflows.argoproj.io/completed"] == "true" || ObjectConditions(object).isTrue("Completed")
    }

    private static let completed = "status.conditions[Completed]"

    var end: Date? { status["finishedAt"]?.string.flatMap(Timestamp.parse) }

    /// A node of the status and its id.
    struct Node {
        var id: String
        var value: JSONValue

        func text(_ key: String) -> String { value[key]?.string ?? "" }
        var field: String { "status.nodes[\"\(id)\"]" }
    }

    /// The nodes, wherever the controller keeps them.
    func nodes() -> Result<[Node], Problem> {
        func problem(_ field: String, _ reason: String) -> Result<[Node], Problem> {
            .failure(Problem(object: object.reference, field: field, reason: reason))
        }
        if let nodes = status["nodes"], !nodes.isNull {
            guard let nodes = nodes.object else {
                return problem("status.nodes", "\(nodes.kindName) where an object should be")
            }
            return .success(nodes.map { Node(id: $0.key, value: $0.value) })
        }
        if let text = status["compressedNodes"]?.string, !text.isEmpty {
            let field = "status.compressedNodes"
            guard let data = Data(base64Encoded: text) else { return problem(field, "is not base64") }
            if !data.starts(with: [0x1F, 0x8B]), isOtherCompression(data) {
                return problem(
                    field, "is not compressed by gzip (WORKFLOW_COMPRESSION_ALGORITHM of Argo Workflows 4.1)")
            }
            do {
                let bytes = try Gzip.decompress(Array(data), limit: Budget.nodesLength)
                let value = try JSONValue(parsing: bytes, maximumValues: Budget.nodesValues)
                guard let nodes = value.object else {
                    return problem(field, "\(value.kindName) where an object should be")
                }
                return .success(nodes.map { Node(id: $0.key, value: $0.value) })
            } catch {
                return problem(field, "\(error)")
            }
        }
        if let version = status["offloadNodeStatusVersion"]?.string, !version.isEmpty {
            return problem(
                "status.offloadNodeStatusVersion",
                "the nodes are in the controller's database; without --argo-server only pods tell of these steps")
        }
        return .success([])
    }

    /// zstd tells itself; brotli has no mark, and is no gzip and no text.
    private func isOtherCompression(_ data: Data) -> Bool {
        data.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) || !data.prefix(64).allSatisfy { (0x20..<0x7F).contains($0) }
    }

    /// What names the state of nodes that are not in the object; `nil` where they are, or are damaged.
    var offloadedVersion: String? {
        let phase = status["phase"]?.string ?? ""
        if let version = status["offloadNodeStatusVersion"]?.string, !version.isEmpty { return "\(version) \(phase)" }
        guard let text = status["compressedNodes"]?.string, let data = Data(base64Encoded: text),
            !data.starts(with: [0x1F, 0x8B]), isOtherCompression(data)
        else { return nil }
        return "\(Identity.sha256(text)) \(phase)"
    }

    func template(of node: Node) -> JSONValue? {
        if let reference = node.value["templateRef"], let name = reference["template"]?.string {
            let scope = reference["clusterScope"]?.bool == true ? "cluster" : "namespaced"
            return templates["\(scope)/\(reference["name"]?.string ?? "")/\(name)"]
        }
        let name = node.text("templateName")
        let scope = node.text("templateScope")
        return templates["\(scope)/\(name)"] ?? templates["local/\(object.name)/\(name)"]
    }

    // MARK: Steps

    /// The step that a node is; `nil` for a group of steps.
    func step(of node: Node, ignored: inout [String]) -> Step? {
        let memoized = node.value["memoizationStatus"]?["hit"]?.bool == true
        let type = node.text("type")
        switch type {
        case "Pod", "HTTP", "Plugin", "Skipped": break
        // Groups that were memoized, or a memoized step with a retry strategy, never had children.
        case "Retry" where memoized, "DAG" where memoized, "Steps" where memoized: break
        case "Retry", "DAG", "Steps", "StepGroup", "TaskGroup", "Container": return nil
        // An approval is lineage; a pause is not.
        case "Suspend"
        where node.value["outputs"]?["parameters"]?.array?.contains(where: { $0["value"] != nil }) == true: break
        case "Suspend":
            ignored.append("\(node.field): a step that only waits")
            return nil
        default:
            ignored.append("\(node.field): \(type.isEmpty ? "has no type" : "the type \(type) is not known")")
            return nil
        }
        // `argo resubmit --memoized` takes over the step of another run, outputs and all.
        let original =
            type == "Skipped" && node.text("message").hasPrefix(Self.originalPod)
            ? String(node.text("message").dropFirst(Self.originalPod.count)) : nil
        var state = state(of: node, memoized: memoized || original != nil)
        var proof = [evidence("state \(state.rawValue)", node, memoized ? "memoizationStatus.hit" : "phase")]
        let repositories = repositories(for: node)
        var inputs = artifacts(node, "inputs", repositories)
        var outputs = artifacts(node, "outputs", repositories)
        if state == .canceled, !outputs.isEmpty {
            ignored.append("\(node.field).outputs: the step was skipped, so it wrote nothing")
            outputs = []
        }
        if state == .canceled, !inputs.isEmpty, ["Skipped", "Omitted"].contains(node.text("phase")) {
            ignored.append("\(node.field).inputs: the step was skipped, so it read nothing")
            inputs = []
        }
        let (read, written) = (ArgoArtifact.uses(inputs, "input"), ArgoArtifact.uses(outputs, "output"))
        proof += read.evidence + written.evidence
        var problems: [Problem] = []
        let isUnseen = hasEnded && !state.isFinal && !(state == .running && isDaemon(node))
        if hasEnded, !state.isFinal {
            // Daemons end with those that they serve.
            state = isUnseen ? .canceled : .complete
            proof[0] = evidence("state \(state.rawValue)", isCompleted ? Self.completed : "status.phase")
        }
        for artifact in inputs + outputs where !artifact.isComplete {
            problems.append(
                Problem(
                    object: object.reference, field: artifact.field,
                    reason: "only the key is known: neither the template's archiveLocation nor "
                        + "status.artifactRepositoryRef nor a ConfigMap artifact-repositories says where"))
        }
        for artifact in inputs + outputs where artifact.kind == nil {
            let isOutput = artifact.field.hasPrefix("\(node.field).outputs")
            let reason =
                artifact.raw["optional"]?.bool == true
                ? "an optional artifact that does not exist"
                : !isOutput
                    ? "listed without a location"
                    : state == .failed
                        ? "listed, but never stored (the attempt failed)"
                        : state.isFinal ? "listed, but never stored" : "not stored yet"
            ignored.append("\(artifact.field): \(reason)")
        }
        let templateName = node.value["templateRef"]?["template"]?.string ?? node.text("templateName")
        var custom = Self.properties(
            namespace: object.namespace, node: node.id, template: templateName, pod: podName(of: node, type),
            nodeName: node.text("name"))
        custom.merge(Self.outputProperties(node.value["outputs"] ?? .null)) { $1 }
        custom["original_node"] = original.map { .string($0) }
        if isDaemon(node) { custom["daemon"] = .bool(true) }
        if let memoization = node.value["memoizationStatus"] {
            for (key, name) in [("key", "memoization_key"), ("cacheName", "memoization_cache")] {
                custom[name] = memoization[key]?.string.map { .string($0) }
            }
        }
        if !node.text("message").isEmpty { custom["message"] = .string(node.text("message")) }
        let displayName = [node.text("displayName"), node.text("name"), node.id].first { !$0.isEmpty } ?? ""
        var execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, workflowUID: uid, nodeID: node.id),
            type: TypeName.argoStep, name: displayName, state: state,
            start: time(node, "startedAt"), end: state.isFinal ? time(node, "finishedAt") ?? endWithoutTime(node) : nil,
            run: run,
            workspace: Annotations.workspace(of: object), parameters: parameters(of: node),
            inputs: read.uses, outputs: written.uses,
            customProperties: custom, evidence: proof, problems: problems, authority: .workflow,
            origin: .init(
                kind: "Workflow", namespace: object.namespace, name: object.name, uid: object.uid))
        // A workflow that was terminated or stopped ends its steps: that is as it should be.
        if isUnseen, !isCompleted {
            let phase = node.text("phase")
            execution.conclude(
                object: object.reference, field: "\(node.field).phase",
                reason: "\(phase.isEmpty ? "is missing" : "is \(phase)") though the workflow has ended")
        }
        return Step(execution, templateName: templateName, inputs: inputs, outputs: outputs)
    }

    private static let originalPod = "original pod: "

    /// Whether a step runs beside others until they are done.
    private func isDaemon(_ node: Node) -> Bool {
        node.value["daemoned"]?.bool == true || template(of: node)?["daemon"]?.bool == true
    }

    /// The controller ends a daemon with the group that it serves, and tells no time.
    private func endWithoutTime(_ node: Node) -> Date? {
        // Looked up only for a daemon: it is a search through all nodes.
        let group =
            isDaemon(node)
            ? status["nodes"]?[node.text("boundaryID")]?["finishedAt"]?.string.flatMap(Timestamp.parse) : nil
        return group ?? (hasEnded ? end : nil)
    }

    var uid: String { object.uid.isEmpty ? object.name : object.uid }

    private func evidence(_ fact: String, _ node: Node, _ key: String) -> Evidence {
        evidence(fact, "\(node.field).\(key)")
    }

    private func evidence(_ fact: String, _ field: String) -> Evidence {
        Evidence(convention: Self.convention, fact: fact, field: field)
    }

    private func state(of node: Node, memoized: Bool) -> Execution.State {
        // From 3.7.1 on: a phase that came before the step's outputs did is not the end.
        let ended: Set<String> = ["Succeeded", "Failed", "Error"]
        if node.value["taskResultSynced"]?.bool == false, !hasEnded, ended.contains(node.text("phase")) {
            return .running
        }
        switch node.text("phase") {
        case "Succeeded": return memoized ? .cached : .complete
        case "Failed", "Error": return .failed
        case "Skipped", "Omitted": return memoized ? .cached : .canceled
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
        (template(of: node)?["archiveLocation"].map { [$0] } ?? []) + repositories
    }

    /// Where key-only artifacts of the workflow are.
    var repositories: [JSONValue] {
        let reference = status["artifactRepositoryRef"]
        return [
            reference?["artifactRepository"],
            capture.artifactRepositories.repository(namespace: object.namespace, reference: reference),
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
        namespace: String, node: String, template: String, pod: String?, nodeName: String
    ) -> [String: PropertyValue] {
        var result: [String: PropertyValue] = [
            "namespace": .string(namespace), "node_id": .string(node),
        ]
        if !template.isEmpty { result["template"] = .string(template) }
        if let pod {
            result["pod_name"] = .string(pod)
            result["kfp_pod_name"] = .string(pod)
        }
        if !nodeName.isEmpty { result["node_name"] = .string(nodeName) }
        let name = ArgoNodeName(nodeName)
        result["loop_index"] = name.loopIndex.map { .int($0) }
        result["loop_item"] = name.loopItem.map { .string($0) }
        result["loop_path"] = name.loopPath.map { .string($0) }
        result["attempt"] = name.attempt.map { .int($0) }
        result["hook"] = name.hook.map { .string($0) }
        return result
    }

    /// The most of a script's output that is kept, in characters.
    private static let maximumResult = 10_000

    /// What `outputs` says beside artifacts: parameters, the result of a script, the exit code.
    static func outputProperties(_ outputs: JSONValue) -> [String: PropertyValue] {
        var result: [String: PropertyValue] = [:]
        for parameter in outputs["parameters"]?.array ?? [] {
            if let name = parameter["name"]?.string, let value = parameter["value"]?.scalarText {
                result["output:\(name)"] = .string(value)
            }
        }
        if let text = outputs["result"]?.scalarText {
            result["output:result"] = .string(String(text.prefix(maximumResult)))
        }
        result["exit_code"] = outputs["exitCode"]?.scalarText.map { .string($0) }
        return result
    }
}
