import Capture
import ClusterReplay
import JSON
import Kubernetes
import Testing

@testable import Webhook

/// What is asked of the cluster.
@Suite(.timeLimit(.minutes(5))) struct ClusterFactsTests {
    @Test func nativeSidecarsAreKnownByWhatTheServerServes() async throws {
        try await Cluster.with { cluster, client in
            let facts = ClusterFacts()
            #expect(!facts.hasNativeSidecars)
            await facts.findNativeSidecars(client, logger: Cluster.logger)
            #expect(facts.hasNativeSidecars)

            await cluster.removeResource(Cluster.flowSchemas)
            let old = ClusterFacts()
            let asking = Task { await old.findNativeSidecars(client, logger: Cluster.logger) }
            for _ in 0..<400 where await cluster.requests["discovery"] ?? 0 < 2 {
                try await Task.sleep(for: .milliseconds(25))
            }
            #expect(!old.hasNativeSidecars)
            asking.cancel()
            await asking.value
        }
    }

    @Test func rulesAreReadWhereThereAreAny() async throws {
        try await Cluster.with { cluster, client in
            let pod = try KubernetesObject(
                Reviews.argo.merging(patch: ["metadata": ["labels": ["app": "x"]]]), resource: .pods)
            #expect(try await ClusterFacts.readRules(client).annotations(missingOn: pod).isEmpty)
            for kind in Capture.ruleKinds { await cluster.addResource(kind) }
            await cluster.apply(
                "ADDED",
                [
                    "apiVersion": "metadata.kubeflow.org/v1alpha1", "kind": "ClusterMetadataRule",
                    "metadata": ["name": "all"],
                    "spec": ["selector": ["labels": ["app": "x"]], "owner": "me", "workspace": "elsewhere"],
                ])
            await cluster.apply(
                "ADDED",
                [
                    "apiVersion": "metadata.kubeflow.org/v1alpha1", "kind": "MetadataRule",
                    "metadata": ["name": "wrong", "namespace": "team-a"], "spec": 1,
                ])
            let annotations = try await ClusterFacts.readRules(client).annotations(missingOn: pod)
            #expect(annotations == ["metadata.kubeflow.org/owner": "me"])
        }
    }
}
