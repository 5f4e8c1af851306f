import ClusterReplay
import JSON
import Kubernetes
import MetadataStore
@testable import Recorder
import Testing

// MARK: What is written onto pods

extension RecorderTests {
    private func namespace(_ name: String, _ labels: JSONValue = [:]) -> JSONValue {
        [
            "kind": "Namespace", "apiVersion": "v1",
            "metadata": ["name": .string(name), "uid": .string("uid-\(name)"), "labels": labels],
        ]
    }

    /// Ours on a pod of the cluster, by what follows the prefix.
    private func annotations(_ cluster: ReplayCluster, _ name: String) async -> [String: String] {
        let all =
            await cluster.object(.pods, namespace: "ml", name: name)?["metadata"]?["annotations"]?.object?.strings
            ?? [:]
        return all.reduce(into: [:]) { result, item in
            let prefix = "metadata.kubeflow.org/"
            if item.key.hasPrefix(prefix), item.key != prefix + "inputs" {
                result[String(item.key.dropFirst(prefix.count))] = item.value
            }
        }
    }

    @Test func idsAreWrittenOnceAndNeverReadBack() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events])
            await cluster.apply("ADDED", namespace("ml", ["metadata.kubeflow.org/annotate-pods": "true"]))
            await cluster.apply("ADDED", pod("a", "Running", inputs: "[{type: data_set, uri: 's3://b/in'}]"))
            try await recording(cluster, try Journal(path: ":memory:"), store, annotating: .labelled) {
                try await expect(["a": "running"], in: store)
                #expect(await annotations(cluster, "a").isEmpty)
                await cluster.apply(
                    "MODIFIED", pod("a", "Succeeded", inputs: "[{type: data_set, uri: 's3://b/in'}]"))
                try await expect(["a": "complete"], in: store)
                try await expectEventually { await !annotations(cluster, "a").isEmpty }
                let written = await annotations(cluster, "a")
                #expect(written["execution-id"] == "1" && written["input-ids"] == "1" && written["output-ids"] == nil)
                #expect(written["link"] == "https://metadata.example.com/executions/1")
                // The pod was changed by that, and told of again: nothing follows from it.
                await cluster.apply("ADDED", pod("b", "Succeeded"))
                try await expectEventually { await !annotations(cluster, "b").isEmpty }
                #expect(await cluster.requests["patch pods"] == 2)
                let before = try await store.text()
                #expect(!before.contains { $0.contains("execution-id") })
            }
            // A recorder that sees the pods for the first time with what was written on them.
            let before = try await store.text()
            try await recording(cluster, try Journal(path: ":memory:"), store, annotating: .all) {
                try await Task.sleep(for: .milliseconds(500))
                #expect(try await store.text() == before)
            }
        }
    }

    @Test func othersPodsAreLeftAlone() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events])
            await cluster.apply("ADDED", namespace("ml"))
            await cluster.apply("ADDED", pod("a", "Succeeded"))
            try await recording(cluster, try Journal(path: ":memory:"), store, annotating: .labelled) {
                try await expect(["a": "complete"], in: store)
                try await Task.sleep(for: .milliseconds(300))
                #expect(await cluster.requests["patch pods"] == nil)
            }
        }
    }

    /// Its own marks make no execution of a pod that nobody annotated.
    @Test func whatWeWroteIsNoAnnotation() async throws {
        try await withStore { store in
            let marked: JSONValue = [
                "kind": "Pod", "apiVersion": "v1",
                "metadata": [
                    "name": "a", "namespace": "ml", "uid": "uid-a",
                    "annotations": [
                        "metadata.kubeflow.org/execution-id": "5", "metadata.kubeflow.org/link": "x",
                        "metadata.kubeflow.org/injected": "{}",
                    ], "labels": ["metadata.kubeflow.org/inject": "false"],
                ],
                "spec": ["containers": [["name": "c"]]], "status": ["phase": "Succeeded"],
            ]
            try await store.record([KubernetesObject(marked)])
            try await expect([:], in: store)
        }
    }
}
