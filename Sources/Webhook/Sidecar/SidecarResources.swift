import JSON

/// What the sidecar asks for and may use at most, so that the pod is still let in, and of the same class of quality.
enum SidecarResources {
    /// - Returns: the value of `resources`.
    static func value(for shape: PodShape) -> JSONValue {
        // What all containers ask for together must be within what the pod asks for as a whole (KEP-2837).
        if let whole = shape.spec?["resources"]?.object, !whole.isEmpty { return [:] }
        let all = shape.containers + shape.initContainers
        // One more container that is not like them would make it Burstable: static CPUs are only for Guaranteed pods.
        if all.allSatisfy(isGuaranteed) {
            let same: JSONValue = ["cpu": "50m", "memory": "64Mi"]
            return ["requests": same, "limits": same]
        }
        // A quota for limits.cpu refuses pods of which one container has none; where one has none, there is no such.
        if all.allSatisfy({ $0["resources"]?["limits"]?["cpu"] != nil }) {
            return ["requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["cpu": "100m", "memory": "64Mi"]]
        }
        return ["requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["memory": "64Mi"]]
    }

    /// Whether a container asks for all that it may use (`k8s.io/kubernetes/pkg/apis/core/v1/helper/qos`). The API
    /// server writes equal quantities in the same way.
    private static func isGuaranteed(_ container: JSONValue) -> Bool {
        ["cpu", "memory"].allSatisfy { name in
            guard let limit = container["resources"]?["limits"]?[name] else { return false }
            return (container["resources"]?["requests"]?[name] ?? limit) == limit
        }
    }
}
