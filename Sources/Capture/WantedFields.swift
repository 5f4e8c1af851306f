public import JSON
public import Kubernetes

extension Capture {
    /// The fields that conventions read of a kind: what else an object has is passed over when it is
    /// watched. Objects of files are read whole; both must give the same executions.
    public static func fields(of resource: Resource) -> JSONProjection {
        switch resource.kind {
        case "Pod": pod
        // When their spec changed is in the managed fields.
        case "InferenceService", "LLMInferenceService", "SeldonDeployment", "ReplicaSet":
            [
                "apiVersion": .everything, "kind": .everything, "metadata": .everything, "spec": .everything,
                "status": .everything,
            ]
        // WorkflowTaskResults have their outputs at the top.
        default:
            [
                "apiVersion": .everything, "kind": .everything, "metadata": metadata, "spec": .everything,
                "status": .everything, "outputs": .everything,
            ]
        }
    }

    private static let metadata = JSONProjection.without(["managedFields"])

    private static let container: JSONProjection = [
        "name": .everything, "image": .everything, "command": .everything, "args": .everything, "env": .everything,
    ]

    private static let containerStatus: JSONProjection = [
        "name": .everything, "state": .everything, "imageID": .everything, "restartCount": .everything,
    ]

    private static let pod: JSONProjection = [
        "apiVersion": .everything, "kind": .everything, "metadata": metadata,
        "spec": [
            "containers": .each(container), "initContainers": .each(container), "restartPolicy": .everything,
            "nodeName": .everything, "serviceAccountName": .everything,
        ],
        "status": [
            "phase": .everything, "startTime": .everything, "reason": .everything, "message": .everything,
            "containerStatuses": .each(containerStatus), "initContainerStatuses": .each(containerStatus),
            "conditions": .everything,
        ],
    ]
}
