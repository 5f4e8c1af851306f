import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// A revision of a Deployment with annotations of ours, as its ReplicaSet shows it (apps/v1): an execution
/// that stays RUNNING. A new revision is a new execution.
enum DeploymentRevision {
    static let convention = ArtifactUse.annotations
    private static let revision = "deployment.kubernetes.io/revision"
    private static let history = "deployment.kubernetes.io/revision-history"

    /// The Deployment copies its own annotations onto its ReplicaSets; those of the template outweigh them.
    static func annotations(_ replicaSet: KubernetesObject) -> [String: String] {
        let template = replicaSet.raw["spec"]?["template"]?["metadata"]?["annotations"]?.object?.strings ?? [:]
        return replicaSet.annotations.merging(template) { $1 }.filter { Annotations.speaks($0.key) }
    }

    /// `nil` for one without annotations of ours, or without a Deployment.
    static func execution(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution? {
        let own = annotations(object)
        guard !own.isEmpty, own[Annotations.record] != "false",
            let deployment = object.owners.first(where: { $0.kind == "Deployment" })
        else { return nil }
        let created = ObjectExecution.created(object)
        let replicas = object.raw["spec"]?["replicas"]?.integer ?? 1
        let ready = object.raw["status"]?["readyReplicas"]?.integer ?? 0
        let state: (Execution.State, field: String) =
            if isDeleted || replicas == 0 {
                (.complete, isDeleted ? "metadata" : "spec.replicas")
            } else {
                (ready > 0 ? .running : .new, "status.readyReplicas")
            }
        var template = object
        template.annotations = own
        template.labels = object.raw["spec"]?["template"]?["metadata"]?["labels"]?.object?.strings ?? object.labels
        var result = ObjectExecution(
            template, plural: "deployments",
            detail: nil, type: TypeName.execution, convention: convention, state: state,
            start: object.annotations[history] == nil ? created : nil,
            // When it was scaled to nothing, as far as the managed fields tell.
            end: replicas == 0 && ready == 0 ? object.scaledTime.flatMap(Timestamp.parse) : nil,
            run: Run(name: "\(deployment.name)-\(deployment.uid)", displayName: deployment.name), capture: capture)
        result.execution.id = Identity.execution(
            cluster: capture.cluster, namespace: object.namespace, kind: "deployments",
            uid: "\(deployment.uid)/\(object.annotations[revision] ?? object.uid)")
        result.execution.name = deployment.name
        result.execution.properties["name"] = .string(deployment.name)
        result.execution.role = .service
        result.property("revision", object.annotations[revision].map { .string($0) })
        return result.decorated(template: object.raw["spec"]?["template"])
    }
}
