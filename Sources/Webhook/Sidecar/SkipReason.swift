/// Why a pod gets no sidecar. It is counted by these names, and always allowed.
enum SkipReason: String, Sendable, CaseIterable {
    /// Something else than a pod was asked about.
    case otherKind = "other_kind"
    /// `ephemeralcontainers`, `status`: containers cannot be added there.
    case subresource
    /// Only what is created can get a container.
    case operation
    case noObject = "no_object"
    /// A namespace that keeps the cluster going, or the webhook's own.
    case namespace
    /// `metadata.kubeflow.org/inject: "false"`.
    case declined
    /// The kubelet's image of a static pod, which nobody else can change.
    case mirror
    case hostNetwork = "host_network"
    case windows
    /// The sidecar is there: another webhook changed the pod, and the API server asks again.
    case present
    /// A volume or mount with a name of ours.
    case conflict
    /// The annotations would have more bytes than an object may have.
    case annotationsTooLong = "annotations_too_long"
    /// Kubernetes before 1.29, or not known.
    case noNativeSidecars = "no_native_sidecars"
    /// Parts that are not of the kind that they should be.
    case malformed
}
