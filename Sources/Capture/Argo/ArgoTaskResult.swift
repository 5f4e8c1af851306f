import JSON
import Kubernetes
import Lineage

/// A WorkflowTaskResult (Argo Workflows 3.3 to 4.1): what a step's own executor says that it wrote.
///
/// It tells neither state nor times nor inputs, so it only adds to a step that its pod or Workflow told
/// of. Where the Workflow's nodes are in the controller's database it is the only source of outputs.
struct ArgoTaskResult {
    static let kind = "WorkflowTaskResult"

    private let object: KubernetesObject
    private let capture: Capture

    init(_ object: KubernetesObject, capture: Capture) {
        self.object = object
        self.capture = capture
    }

    func result() -> Capture.Result {
        let workflow = object.labels[ArgoPod.workflowLabel] ?? ""
        // From 3.3.2 to 3.5.1 the owner is the pod, and only the workflow's name is told.
        let owner = object.owners.first { $0.kind == "Workflow" }
        guard let found = owner?.uid ?? capture.owners.workflow(workflow, namespace: object.namespace) else {
            return .init(
                convention: ArgoWorkflow.convention,
                ignored: ["\(object.reference): its owner is no Workflow, and its Workflow \(workflow) was not seen"])
        }
        let outputs = object.raw["outputs"] ?? .null
        guard outputs.object != nil else {
            return .init(convention: ArgoWorkflow.convention, ignored: ["\(object.reference): no outputs yet"])
        }
        // Which repository it is the pod or the Workflow says.
        let artifacts = (outputs["artifacts"]?.array ?? []).enumerated().compactMap { index, value in
            var artifact = ArgoArtifact(value, field: "outputs.artifacts[\(index)]", repositories: [])
            artifact?.reduceToKey()
            return artifact
        }
        let written = ArgoArtifact.uses(artifacts, "output", in: "\(Self.kind) ")
        let uid = found.isEmpty ? workflow : found
        var execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, workflowUID: uid, nodeID: object.name),
            type: TypeName.argoStep, name: object.name,
            run: ArgoWorkflow.run(name: workflow, uid: uid), workspace: Annotations.workspace(of: object),
            outputs: written.uses,
            customProperties: ArgoWorkflow.outputProperties(outputs),
            evidence: written.evidence, authority: .taskResult,
            origin: .init(kind: Self.kind, namespace: object.namespace, name: object.name, uid: object.uid))
        execution.role = .fragment
        return .init(convention: ArgoWorkflow.convention, executions: [execution])
    }
}
