import Capture
import JSON

/// Who is never changed.
struct SidecarGate: Sendable, Hashable {
    /// The namespace of the webhook itself.
    var ownNamespace: String

    /// Namespaces of Kubernetes itself.
    private static let systemNamespaces: Set<String> = ["kube-system", "kube-public", "kube-node-lease"]

    /// What the request alone tells.
    func reason(against review: AdmissionReview) -> SkipReason? {
        if review.objectKind != "Pod" || !review.group.isEmpty { return .otherKind }
        if !review.subresource.isEmpty { return .subresource }
        if review.operation != "CREATE" { return .operation }
        if review.object == nil { return .noObject }
        if Self.systemNamespaces.contains(review.namespace) || review.namespace == ownNamespace { return .namespace }
        return nil
    }

    /// What the pod tells.
    func reason(against shape: PodShape) -> SkipReason? {
        // A name that the request did not tell.
        let namespace = shape.metadata?["namespace"]?.string ?? ""
        if Self.systemNamespaces.contains(namespace) || namespace == ownNamespace { return .namespace }
        if shape.labels[InjectedPod.injectKey] == "false" || shape.annotations[InjectedPod.injectKey] == "false" {
            return .declined
        }
        if shape.annotations["kubernetes.io/config.mirror"] != nil { return .mirror }
        if shape.spec?["hostNetwork"]?.bool == true { return .hostNetwork }
        let system = shape.spec?["os"]?["name"]?.string ?? shape.spec?["nodeSelector"]?["kubernetes.io/os"]?.string
        if system == "windows" { return .windows }
        return nil
    }
}
