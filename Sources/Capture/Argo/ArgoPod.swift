import JSON
import Kubernetes
import Lineage

/// A pod of Argo Workflows.
struct ArgoPod {
    static let workflowLabel = "workflows.argoproj.io/workflow"
    private static let prefix = "workflows.argoproj.io/"

    static func matches(_ pod: KubernetesObject) -> Bool { pod.labels[workflowLabel] != nil }

    /// Why a pod of a workflow is no step; `nil` for one that is.
    static func reasonNotAStep(_ pod: KubernetesObject) -> String? {
        // The agent of HTTP and plugin templates (3.2 and later), artifact garbage collection (3.4).
        if let component = pod.labels[prefix + "component"] { return "the controller's own pod (\(component))" }
        if pod.annotations[prefix + "node-name"] == nil, pod.annotations[prefix + "node-id"] == nil {
            return "a pod with a workflow's label that names no node of it"
        }
        return nil
    }

    private let pod: PodFacts
    private let capture: Capture
    private var object: KubernetesObject { pod.object }

    init(_ pod: PodFacts, capture: Capture) {
        self.pod = pod
        self.capture = capture
    }

    func execution() -> Step {
        var problems: [Problem] = []
        let (template, templateField) = template(&problems)
        let containers = ArgoContainers(object, template: template, isDeleted: pod.isDeleted)
        let state = containers.state
        let workflow = object.labels[Self.workflowLabel] ?? ""
        let owner = object.owners.first { $0.kind == "Workflow" }
        // Up to 3.1 there is no annotation, and the pod's name is the node's id.
        let nodeID = object.annotations[Self.prefix + "node-id"] ?? object.name
        let nodeName = object.annotations[Self.prefix + "node-name"] ?? object.name
        let uid = owner?.uid ?? workflow
        var evidence = [
            Evidence(
                convention: ArgoWorkflow.convention, fact: "run \(workflow)",
                field: "metadata.labels[\"\(Self.workflowLabel)\"]"),
            Evidence(
                convention: ArgoWorkflow.convention, fact: "state \(state.rawValue)",
                field: pod.phase.isEmpty ? "status" : "status.phase"),
        ]
        var repositories = [template["archiveLocation"] ?? .null]
        if let repository = capture.artifactRepositories.repository(namespace: object.namespace) {
            repositories.append(repository)
        }
        let inputs = artifacts(
            template["inputs"]?["artifacts"], "\(templateField).inputs.artifacts", repositories)
        let written = outputsAnnotation(&problems)
        let outputs = artifacts(
            written["artifacts"], "metadata.annotations[\"\(Self.prefix)outputs\"].artifacts", repositories)
        let (readUses, writtenUses) = (ArgoArtifact.uses(inputs, "input"), ArgoArtifact.uses(outputs, "output"))
        evidence += readUses.evidence + writtenUses.evidence
        let parameters = (template["inputs"]?["parameters"]?.array ?? []).compactMap { value in
            value["name"]?.string.flatMap { name in
                value["value"]?.scalarText.map { Execution.Parameter(name: name, value: $0) }
            }
        }
        let templateName = template["name"]?.string ?? ""
        var custom = ArgoWorkflow.properties(
            namespace: object.namespace, node: nodeID, template: templateName, pod: object.name, nodeName: nodeName)
        custom.merge(ArgoWorkflow.outputProperties(written)) { $1 }
        let archive = repositories.lazy.compactMap { ArgoArtifact.archive(of: $0) }.first
        custom[Execution.archiveLocation] = archive.map { .string($0) }
        var execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, workflowUID: uid, nodeID: nodeID),
            type: TypeName.argoStep, name: Self.displayName(nodeName, workflow: workflow),
            state: state, start: containers.start ?? pod.start, end: state.isFinal ? containers.end ?? pod.end : nil,
            run: ArgoWorkflow.run(name: workflow, uid: owner?.uid), workspace: Annotations.workspace(of: object),
            parameters: parameters, inputs: readUses.uses,
            outputs: writtenUses.uses,
            customProperties: custom, evidence: evidence, problems: problems, authority: .pod,
            origin: .init(kind: "Pod", namespace: object.namespace, name: object.name, uid: object.uid))
        if state == .failed { pod.setEnd(of: &execution) }
        var step = Step(execution, templateName: templateName, inputs: inputs, outputs: outputs)
        let endpoint = template["archiveLocation"]?["s3"]?["endpoint"]?.string ?? ""
        step.archiveIsAmazon = endpoint.contains("s3") && endpoint.contains("amazonaws.com")
        return step
    }

    /// The last part of a node's name: what Argo shows as the display name.
    static func displayName(_ nodeName: String, workflow: String) -> String {
        guard nodeName.hasPrefix(workflow), nodeName != workflow else { return nodeName }
        var parts = ArgoNodeName.parts(nodeName.dropFirst(workflow.count))
        guard let last = parts.popLast() else { return nodeName }
        // Attempts of the whole workflow: `w(1)`.
        if parts.isEmpty, last.hasPrefix("(") { return nodeName }
        // `step.onExit`, `step.hooks.failed`; those of the whole workflow have its name.
        if last == "onExit" { return "\(parts.last.map(String.init) ?? workflow).onExit" }
        if parts.last == "hooks" { return "\(parts.dropLast().last.map(String.init) ?? workflow).hooks.\(last)" }
        return String(last)
    }

    private func artifacts(
        _ list: JSONValue?, _ field: String, _ repositories: [JSONValue]
    ) -> [ArgoArtifact] {
        (list?.array ?? []).enumerated().compactMap { index, value in
            ArgoArtifact(value, field: "\(field)[\(index)]", repositories: repositories)
        }
    }

    /// The template: in the environment from 3.2 on, in an annotation before.
    private func template(_ problems: inout [Problem]) -> (JSONValue, String) {
        let spec = object.raw["spec"]
        for list in ["initContainers", "containers"] {
            for (index, container) in (spec?[list]?.array ?? []).enumerated() {
                for variable in container["env"]?.array ?? []
                where variable["name"]?.string == "ARGO_TEMPLATE" {
                    let field = "spec.\(list)[\(index)].env[ARGO_TEMPLATE]"
                    // Too large for the environment: then it is in a ConfigMap, and in the Workflow.
                    guard let text = variable["value"]?.string, text != "offloaded" else { continue }
                    return (parse(text, field, &problems), field)
                }
            }
        }
        let key = Self.prefix + "template"
        guard let text = object.annotations[key] else { return (.null, "") }
        let field = "metadata.annotations[\"\(key)\"]"
        return (parse(text, field, &problems), field)
    }

    /// The outputs annotation: up to 3.2, and later where WorkflowTaskResults are forbidden.
    private func outputsAnnotation(_ problems: inout [Problem]) -> JSONValue {
        let key = Self.prefix + "outputs"
        guard let text = object.annotations[key] else { return .null }
        return parse(text, "metadata.annotations[\"\(key)\"]", &problems)
    }

    private func parse(_ text: String, _ field: String, _ problems: inout [Problem]) -> JSONValue {
        do {
            return try JSONValue(parsing: text)
        } catch {
            problems.append(Problem(object: object.reference, field: field, reason: "\(error)"))
            return .null
        }
    }
}
