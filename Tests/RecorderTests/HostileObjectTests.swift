import ClusterReplay
import JSON
import Kubernetes
import MetadataStore
@testable import Recorder
import Testing

// MARK: No object can stop the record of others

extension RecorderTests {
    /// Objects that anybody may make who may make a pod.
    static let hostile: [(name: String, annotations: [String: String], spec: JSONValue)] = {
        let long = String(repeating: "x", count: 60_000)
        func list(_ count: Int, _ item: (Int) -> String) -> String {
            "[" + (0..<count).map(item).joined(separator: ",") + "]"
        }
        var bomb = "x: &x0 [a,a,a,a,a,a,a,a,a,a]\n"
        for level in 1...8 {
            let aliases = Array(repeating: "*x\(level - 1)", count: 10).joined(separator: ",")
            bomb += "x\(level): &x\(level) [\(aliases)]\n"
        }
        let plain: JSONValue = ["restartPolicy": "Never", "containers": [["name": "c"]]]
        let variables: JSONValue = [
            "restartPolicy": "Never",
            "containers": [["name": "c", "env": [["name": "LONG", "value": .string(long)]]]],
        ]
        return [
            ("outputs", ["outputs": list(6200) { #"{"type":"model","name":"m","uri":"s3://b/\#($0)"}"# }], plain),
            ("inputs", ["inputs": list(6200) { #"{"type":"model","name":"m\#($0)","uri":"s3://b/one"}"# }], plain),
            ("aliases", ["inputs": bomb], plain),
            (
                "variables",
                ["inputs": #"[{"type":"model","uri":""# + String(repeating: "$(env.LONG)", count: 20_000) + #""}]"#],
                variables
            ),
            ("problems", ["inputs": list(120_000) { _ in "1" }], plain),
            ("brackets", ["inputs": String(repeating: "[", count: 240_000)], plain),
            ("types", ["outputs": list(900) { #"{"type":"t\#($0)","name":"m\#($0)"}"# }], plain),
        ]
    }()

    private func hostilePod(_ name: String, _ annotations: [String: String], _ spec: JSONValue) -> JSONValue {
        [
            "kind": "Pod", "apiVersion": "v1", "spec": spec,
            "metadata": [
                "name": .string(name), "namespace": "other", "uid": .string("uid-\(name)"),
                "annotations": .object(
                    JSONObject(annotations.map { ("metadata.kubeflow.org/\($0.key)", .string($0.value)) })),
            ],
            "status": ["phase": "Succeeded", "startTime": "2026-11-02T09:00:00Z"],
        ]
    }

    @Test(arguments: hostile.indices) func besideAHostilePodOthersAreRecorded(index: Int) async throws {
        let (name, annotations, spec) = Self.hostile[index]
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", hostilePod(name, annotations, spec))
            for number in 0..<20 { await cluster.apply("ADDED", pod("p\(number)", "Succeeded")) }
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expectEventually(name) {
                    let found = try await states(store)
                    return (0..<20).allSatisfy { found["p\($0)"] == "complete" } && found[name] == "complete"
                }
                // It comes again with each change of it.
                await cluster.apply("MODIFIED", hostilePod(name, annotations, spec))
                await cluster.apply("ADDED", pod("later", "Succeeded"))
                try await expectEventually(name) { try await states(store)["later"] == "complete" }
            }
        }
    }
}
