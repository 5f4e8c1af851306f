import Capture
import JSON
import Kubernetes
import Testing

@testable import Webhook

/// What the webhook makes of pods.
@Suite struct MutationTests {
    static let mutator = PodMutator(
        sidecar: Sidecar(image: "ghcr.io/kubeflow/metadata:7", metadata: "metadata-grpc-service.kubeflow:8080"),
        cluster: "east", gate: SidecarGate(ownNamespace: "kubeflow"))

    static func answer(
        _ review: JSONValue, hasNativeSidecars: Bool = true, rules: RuleIndex? = nil
    ) throws -> PodMutator.Outcome {
        mutator.answer(
            try AdmissionReview(parsing: review.jsonBytes()), hasNativeSidecars: hasNativeSidecars, rules: rules)
    }

    /// The pod after the patch of a review, which must allow.
    static func mutated(_ review: JSONValue, rules: RuleIndex? = nil) throws -> JSONValue {
        let response = try answer(review, rules: rules).response.json(uid: "u")
        #expect(response["response"]?["allowed"] == true)
        #expect(response["response"]?["uid"] == "u")
        return try PatchApplier.apply(PatchApplier.patch(in: response), to: try #require(review["request"]?["object"]))
    }

    private static func names(_ pod: JSONValue, _ list: String, _ key: String = "name") -> [String] {
        (pod["spec"]?[list]?.array ?? []).compactMap { $0[key]?.string }
    }

    /// What was added, taken away again.
    private static func withoutAdditions(_ pod: JSONValue, like before: JSONValue) throws -> JSONValue {
        var members = try #require(pod.object)
        var spec = try #require(pod["spec"]?.object)
        var metadata = try #require(pod["metadata"]?.object)
        for (list, names) in [("initContainers", [Sidecar.container]), ("volumes", ["kfmd-pod", "kfmd-token"])] {
            let rest = (spec[list]?.array ?? []).filter { !names.contains($0["name"]?.string ?? "") }
            spec[list] = rest.isEmpty && before["spec"]?[list] == nil ? nil : .array(rest)
        }
        var annotations = metadata["annotations"]?.object ?? JSONObject()
        annotations[InjectedPod.annotationKey] = nil
        metadata["annotations"] =
            annotations.isEmpty && before["metadata"]?["annotations"] == nil ? nil : .object(annotations)
        members["spec"] = .object(spec)
        members["metadata"] = .object(metadata)
        return .object(members)
    }

    @Test(arguments: Reviews.all) func podsSurviveButForWhatIsAdded(_ pod: JSONValue) throws {
        let mutated = try Self.mutated(Reviews.review(pod))
        #expect(mutated != pod)
        // As text: also the order stays.
        #expect(try Self.withoutAdditions(mutated, like: pod).jsonText() == pod.jsonText())
    }

    @Test(arguments: Reviews.all) func aSecondTimeChangesNothing(_ pod: JSONValue) throws {
        let once = try Self.mutated(Reviews.review(pod))
        let again = try Self.answer(Reviews.review(once))
        #expect(again.skip == .present)
        #expect(again.response == AdmissionResponse())
    }

    @Test func theSidecarIsWhole() throws {
        let pod = try Self.mutated(Reviews.review(Reviews.job))
        let sidecar = try #require(pod["spec"]?["initContainers"]?.array?.last)
        #expect(sidecar["name"] == "kfmd-sidecar")
        #expect(sidecar["image"] == "ghcr.io/kubeflow/metadata:7")
        #expect(sidecar["args"] == ["sidecar"])
        #expect(sidecar["restartPolicy"] == "Always")
        #expect(sidecar["terminationMessagePolicy"] == "File")
        #expect(sidecar["resources"] == ["requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["memory": "64Mi"]])
        #expect(
            sidecar["securityContext"] == [
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true, "capabilities": ["drop": ["ALL"]],
                "seccompProfile": ["type": "RuntimeDefault"],
            ])
        let environment = (sidecar["env"]?.array ?? []).map { variable in
            (variable["name"]?.string ?? "")
                + "=" + (variable["value"]?.string ?? variable["valueFrom"]?["fieldRef"]?["fieldPath"]?.string ?? "")
        }
        #expect(
            environment == [
                "KFMD_POD_NAME=metadata.name", "KFMD_POD_NAMESPACE=metadata.namespace", "KFMD_POD_UID=metadata.uid",
                "KFMD_POD_INFO=/etc/kfmd/pod", "KFMD_METADATA=metadata-grpc-service.kubeflow:8080",
            ])
        #expect(
            sidecar["volumeMounts"] == [
                ["name": "kfmd-pod", "mountPath": "/etc/kfmd/pod", "readOnly": true],
                [
                    "name": "kfmd-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                    "readOnly": true,
                ],
                ["name": "work", "mountPath": "/work", "subPath": "runs", "readOnly": true],
            ])
        #expect(Self.names(pod, "volumes") == ["work", "kube-api-access-7xk2p", "kfmd-pod", "kfmd-token"])
        let injected = try #require(pod["metadata"]?["annotations"]?["metadata.kubeflow.org/injected"]?.string)
        #expect(try JSONValue(parsing: injected)["cluster"] == "east")
    }

    /// Stopped first, while the mesh still carries its words.
    @Test(arguments: [
        (Reviews.argo, ["init", "kfmd-sidecar"]), (Reviews.tekton, ["prepare", "place-scripts", "kfmd-sidecar"]),
        (Reviews.istio, ["istio-init", "istio-proxy", "kfmd-sidecar"]), (Reviews.bare, ["kfmd-sidecar"]),
    ]) func theSidecarIsTheLastInitContainer(_ pod: JSONValue, _ names: [String]) throws {
        #expect(Self.names(try Self.mutated(Reviews.review(pod)), "initContainers") == names)
    }

    @Test func aDryRunIsAnsweredInTheSameWay() throws {
        let review = Reviews.review(Reviews.job, ["dryRun": true])
        #expect(try Self.answer(review) == Self.answer(Reviews.review(Reviews.job)))
        #expect(try AdmissionReview(parsing: review.jsonBytes()).isDryRun)
    }

    @Test func emptyListsAreAddedTo() throws {
        let pod = Reviews.bare.merging(
            patch: ["spec": ["initContainers": [], "volumes": []], "metadata": ["annotations": [:]]])
        let mutated = try Self.mutated(Reviews.review(pod))
        #expect(Self.names(mutated, "initContainers") == ["kfmd-sidecar"])
        #expect(Self.names(mutated, "volumes") == ["kfmd-pod", "kfmd-token"])
    }

    // MARK: Left alone

    private static func changed(_ patch: JSONValue) -> JSONValue { Reviews.review(Reviews.job.merging(patch: patch)) }

    static let skipped: [(JSONValue, SkipReason)] = [
        (Reviews.review(nil, operation: "DELETE", ["oldObject": Reviews.job]), .operation),
        (Reviews.review(nil), .noObject),
        (Reviews.review(Reviews.job, operation: "UPDATE", ["subResource": "ephemeralcontainers"]), .subresource),
        (Reviews.review(Reviews.job, operation: "UPDATE"), .operation),
        (Reviews.review(Reviews.job, operation: "CONNECT"), .operation),
        (Reviews.review(Reviews.job, ["kind": ["group": "apps", "kind": "Deployment"]]), .otherKind),
        (Reviews.review(Reviews.job, ["kind": ["group": "metrics.k8s.io", "kind": "Pod"]]), .otherKind),
        (Reviews.review(Reviews.job, namespace: "kube-system"), .namespace),
        (Reviews.review(Reviews.job, namespace: "kube-public"), .namespace),
        (Reviews.review(Reviews.job, namespace: "kube-node-lease"), .namespace),
        (Reviews.review(Reviews.job, namespace: "kubeflow"), .namespace),
        (changed(["metadata": ["labels": ["metadata.kubeflow.org/inject": "false"]]]), .declined),
        (changed(["metadata": ["annotations": ["metadata.kubeflow.org/inject": "false"]]]), .declined),
        (changed(["metadata": ["annotations": ["kubernetes.io/config.mirror": "9f"]]]), .mirror),
        (changed(["spec": ["hostNetwork": true]]), .hostNetwork),
        (changed(["spec": ["os": ["name": "windows"]]]), .windows),
        (changed(["spec": ["nodeSelector": ["kubernetes.io/os": "windows"]]]), .windows),
        (changed(["spec": ["volumes": [["name": "kfmd-pod", "emptyDir": [:]]]]]), .conflict),
        (
            changed([
                "spec": ["containers": [["name": "a", "volumeMounts": [["name": "kfmd-token", "mountPath": "/t"]]]]]
            ]), .conflict
        ),
        (changed(["spec": ["containers": [["name": "kfmd-sidecar"]]]]), .present),
        (
            changed(["metadata": ["annotations": ["long": .string(String(repeating: "x", count: 262_000))]]]),
            .annotationsTooLong
        ),
    ]

    @Test(arguments: skipped) func someAreLeftAlone(_ review: JSONValue, _ reason: SkipReason) throws {
        let outcome = try Self.answer(review)
        #expect(outcome.skip == reason)
        #expect(outcome.response.denial == nil)
        #expect(outcome.response.patch.isEmpty)
        #expect(outcome.response.warnings.isEmpty == ![.conflict, .annotationsTooLong].contains(reason))
        let response = outcome.response.json(uid: "u")["response"]
        #expect(response?["allowed"] == true)
        #expect(response?["patch"] == nil)
        #expect(response?["patchType"] == nil)
    }

    @Test func anOldClusterGetsNone() throws {
        let outcome = try Self.answer(Reviews.review(Reviews.job), hasNativeSidecars: false)
        #expect(outcome.skip == .noNativeSidecars)
        #expect(outcome.response == AdmissionResponse())
    }

    // MARK: Resources

    private static func resources(_ spec: JSONValue) throws -> JSONValue? {
        try mutated(Reviews.review(Reviews.bare.merging(patch: ["spec": spec])))["spec"]?["initContainers"]?.array?
            .last?[
                "resources"]
    }

    @Test func theClassOfQualityStays() throws {
        let limits: JSONValue = ["cpu": "2", "memory": "4Gi"]
        let same: JSONValue = ["cpu": "50m", "memory": "64Mi"]
        #expect(
            try Self.resources(["containers": [["name": "a", "resources": ["limits": limits, "requests": limits]]]])
                == ["requests": same, "limits": same])
        #expect(
            try Self.resources([
                "containers": [["name": "a", "resources": ["limits": limits, "requests": ["cpu": "1"]]]]
            ])
                == ["requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["cpu": "100m", "memory": "64Mi"]])
        #expect(try Self.resources(["resources": ["limits": limits]]) == [:])
    }

    // MARK: Rules

    @Test func rulesGiveWhatIsMissing() throws {
        let rules = RuleIndex()
        let problems = rules.add(
            try KubernetesObject([
                "apiVersion": "metadata.kubeflow.org/v1alpha1", "kind": "MetadataRule",
                "metadata": ["name": "train", "namespace": "team-a"],
                "spec": [
                    "selector": ["labels": ["job-name": "train"]], "outputs": [["type": "model", "uri": "s3://other"]],
                    "inputs": [["type": "data_set", "uri": "s3://data"]], "workspace": "w",
                ],
            ]))
        #expect(problems.isEmpty)
        let pod = try Self.mutated(Reviews.review(Reviews.job), rules: rules)
        let annotations = try #require(pod["metadata"]?["annotations"]?.object?.strings)
        #expect(annotations["metadata.kubeflow.org/outputs"] == "[{type: model, uri: s3://models/7}]")
        #expect(annotations["metadata.kubeflow.org/inputs"]?.contains("s3://data") == true)
        #expect(annotations["metadata.kubeflow.org/workspace"] == nil)
        #expect(try Self.answer(Reviews.review(pod), rules: rules).response.patch.isEmpty)
        // Also where there can be no sidecar.
        let old = try Self.answer(Reviews.review(Reviews.job), hasNativeSidecars: false, rules: rules)
        #expect(old.response.patch.operations.count == 1)
    }
}
