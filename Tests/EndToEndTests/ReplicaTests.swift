import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import Testing

/// Several recorders of one cluster.
@Suite(.serialized) struct ReplicaTests {
    private static func recorder(
        _ folder: String, _ kubeconfig: String, _ grpc: String, _ name: String, _ options: [String]
    )
        async throws -> Running
    {
        try await Running(
            ["record", "--kubeconfig", kubeconfig, "--metadata", grpc, "--journal", "\(folder)/\(name).db"] + options,
            log: "\(folder)/\(name).log")
    }

    /// Until a recorder says that it records.
    private static func leads(_ recorder: Running) async throws {
        _ = try await recorder.wait(for: "[Recorder] recording")
    }

    /// Who holds the Lease; empty where it was given back.
    private static func holder(_ cluster: ReplayCluster) async -> String? {
        let lease = await cluster.object(.leases, namespace: "kubeflow", name: "kfmd-recorder")
        return lease?["spec"]?["holderIdentity"]?.string
    }

    @Test(.timeLimit(.minutes(10))) func aStandbyTakesOver() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let fleet = Fleet(workflows: 6, steps: 4)
        try await withCluster(path) { cluster, kubeconfig in
            let service = try await MetadataProcess(folder: path)
            let options = ["--leader-elect", "--lease-namespace", "kubeflow"]
            let first = try await Self.recorder(path, kubeconfig, service.grpc, "first", options)
            try await Self.leads(first)
            let second = try await Self.recorder(path, kubeconfig, service.grpc, "second", options)
            _ = try await second.wait(for: "watching")
            for workflow in 1...2 {
                for event in fleet.events(of: workflow) { await cluster.apply(event.type, event.object) }
            }
            #expect(!second.output.contains("[Recorder] recording"))

            // Killed while it has steps that nobody else wrote; their pods are gone at once.
            _ = try await first.stop("KILL")
            for workflow in 3...4 {
                for event in fleet.events(of: workflow) { await cluster.apply(event.type, event.object) }
            }
            try await Self.leads(second)

            // A clean stop hands over: the Lease is given back, and nobody waits for its end.
            let third = try await Self.recorder(path, kubeconfig, service.grpc, "third", options)
            _ = try await third.wait(for: "watching")
            let before = await Self.holder(cluster)
            #expect(before?.isEmpty == false)
            #expect(try await second.stop() == 0)
            #expect(await Self.holder(cluster) != before)
            try await Self.leads(third)
            for workflow in 5...6 {
                for event in fleet.events(of: workflow) { await cluster.apply(event.type, event.object) }
            }
            #expect(try await FleetContents.settled("\(path)/store.db", fleet) == FleetContents(expectedOf: fleet))
            #expect(try await third.stop() == 0)
            _ = try await service.running.stop()
        }
    }

    /// Two that both believe that they lead record nothing twice.
    @Test(.timeLimit(.minutes(10))) func twoAtOnceRecordNothingTwice() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let fleet = Fleet(workflows: 30, steps: 4)
        try await withCluster(path) { cluster, kubeconfig in
            let service = try await MetadataProcess(folder: path)
            let one = try await Self.recorder(path, kubeconfig, service.grpc, "one", [])
            let two = try await Self.recorder(path, kubeconfig, service.grpc, "two", [])
            _ = try await one.wait(for: "watching")
            _ = try await two.wait(for: "watching")
            for workflow in 1...fleet.workflows {
                for event in fleet.events(of: workflow) { await cluster.apply(event.type, event.object) }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await FleetContents.settled("\(path)/store.db", fleet) == FleetContents(expectedOf: fleet))
            #expect(try await one.stop() == 0)
            #expect(try await two.stop() == 0)
            _ = try await service.running.stop()
        }
    }

    @Test(.timeLimit(.minutes(10))) func releaseTakesTheFinalizerFromAllPods() async throws {
        let folder = try TemporaryFolder()
        try await withCluster(folder.path) { cluster, kubeconfig in
            for name in ["held", "free"] {
                let finalizers: JSONValue =
                    name == "held" ? ["metadata.kubeflow.org/recorded", "other/one"] : ["other/one"]
                await cluster.apply(
                    "ADDED",
                    [
                        "apiVersion": "v1", "kind": "Pod",
                        "metadata": [
                            "name": .string(name), "namespace": "ml", "uid": .string("uid-\(name)"),
                            "finalizers": finalizers,
                        ],
                    ])
            }
            let ended = try await Program.run(Program.kfmd, ["record", "--release", "--kubeconfig", kubeconfig])
            #expect(ended.status == 0, "\(ended)")
            #expect(ended.output == "1 pods let go\n")
            for name in ["held", "free"] {
                let pod = await cluster.object(.pods, namespace: "ml", name: name)
                #expect(pod?["metadata"]?["finalizers"] == ["other/one"])
            }
        }
    }
}
