import Capture
import JSON
import Kubernetes

/// What becomes of a pod that is created: a pure function of the review.
struct PodMutator: Sendable {
    /// The answer, and why the pod got no sidecar.
    struct Outcome: Sendable, Hashable {
        var response = AdmissionResponse()
        var skip: SkipReason?
    }

    var sidecar: Sidecar
    /// The cluster's name within identities.
    var cluster: String
    var gate: SidecarGate

    /// All annotations of an object together have at most so many bytes
    /// (`k8s.io/apimachinery/pkg/api/validation`, TotalAnnotationSizeLimitB).
    static let annotationsLength = 256 << 10

    /// - Parameters:
    ///   - hasNativeSidecars: whether the cluster knows them. Elsewhere the container would be an init container that
    ///     never ends.
    ///   - rules: whose annotations pods get that lack them; `nil` for none.
    func answer(_ review: AdmissionReview, hasNativeSidecars: Bool, rules: RuleIndex? = nil) -> Outcome {
        if let reason = gate.reason(against: review) { return Outcome(skip: reason) }
        guard let pod = review.placedObject, let shape = PodShape(pod) else { return Outcome(skip: .malformed) }
        if let reason = gate.reason(against: shape) { return Outcome(skip: reason) }

        let ruled = annotations(of: rules, for: shape)
        var outcome = Outcome()
        outcome.skip = obstacle(shape, hasNativeSidecars, &outcome.response.warnings)
        var added = ruled
        if outcome.skip == nil {
            added[InjectedPod.annotationKey] = InjectedPod.annotation(for: pod, cluster: cluster)
            if Self.isTooLong(shape.annotations, with: added) {
                // The API server would refuse the pod.
                outcome.skip = .annotationsTooLong
                outcome.response.warnings.append(
                    "kfmd: no sidecar: the annotations of the pod would be longer than 256 KiB")
                added = ruled
            }
        }
        if Self.isTooLong(shape.annotations, with: added) { added = [:] }
        // In one order, whatever the order of rules and dictionaries.
        let members = added.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        if !members.isEmpty {
            outcome.response.patch.set(members, in: shape.metadata?["annotations"], at: ["metadata", "annotations"])
        }
        if outcome.skip == nil {
            inject(shape, shape.annotations.merging(ruled) { own, _ in own }, &outcome.response)
        }
        return outcome
    }

    /// What stands against a sidecar in a pod that may have one.
    private func obstacle(
        _ shape: PodShape, _ hasNativeSidecars: Bool, _ warnings: inout [String]
    ) -> SkipReason? {
        let containers = shape.initContainers + shape.containers
        // Also when the API server asks again because another webhook has changed the pod.
        if containers.contains(where: { $0["name"]?.string == Sidecar.container }) { return .present }
        guard hasNativeSidecars else { return .noNativeSidecars }
        let names = Set(shape.volumes.compactMap { $0["name"]?.string })
            .union(containers.flatMap { $0["volumeMounts"]?.array ?? [] }.compactMap { $0["name"]?.string })
        if let name = [Sidecar.podVolume, Sidecar.tokenVolume].first(where: names.contains) {
            warnings.append("kfmd: no sidecar: the pod has a volume \(name) of its own")
            return .conflict
        }
        return nil
    }

    /// - Parameter annotations: those that the pod will have.
    private func inject(_ shape: PodShape, _ annotations: [String: String], _ response: inout AdmissionResponse) {
        let shared = SharedMounts(SidecarPaths(annotations), in: shape)
        response.warnings += shared.warnings.map { "kfmd: \($0)" }
        // A pod that wants no token of its service account gets none by us: its sidecar records without rights.
        let hasToken = shape.spec?["automountServiceAccountToken"]?.bool != false
        let container = sidecar.container(
            mounts: shared.mounts, resources: SidecarResources.value(for: shape), hasToken: hasToken)
        // Last of the init containers. Sidecars are started in their order and, once the main containers have ended,
        // stopped in the reverse one: the last is stopped first, while Istio's proxy before it still carries its
        // words to the metadata service. It is there before the main containers as well, and Argo's “init” and
        // Tekton's “prepare” and “place-scripts” neither wait for its image nor run beside it.
        response.patch.append([container], to: shape.spec?["initContainers"], at: ["spec", "initContainers"])
        response.patch.append(Sidecar.volumes(hasToken: hasToken), to: shape.spec?["volumes"], at: ["spec", "volumes"])
    }

    private func annotations(of rules: RuleIndex?, for shape: PodShape) -> [String: String] {
        guard let rules, let object = try? KubernetesObject(shape.pod, resource: .pods) else { return [:] }
        return rules.annotations(missingOn: object)
    }

    private static func isTooLong(_ annotations: [String: String], with added: [String: String]) -> Bool {
        let all = annotations.merging(added) { _, new in new }
        return all.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } > annotationsLength
    }
}
