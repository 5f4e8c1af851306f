import ClusterReplay
import FoundationEssentials
import JSON
import Testing

/// `kfmd sidecar` as a process, with what a kubelet does to it: SIGTERM after the other containers, and KILL soon after.
@Suite(.timeLimit(.minutes(5))) struct SidecarProcessTests {
    private static let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod",
        "metadata": [
            "name": "train-1", "namespace": "ml", "uid": "uid-1", "resourceVersion": "10",
            "creationTimestamp": "2026-11-02T08:00:00Z",
            "annotations": ["metadata.kubeflow.org/inputs": "{type: data_set, uri: s3://lake/in}"],
        ],
        "spec": ["restartPolicy": "Never", "containers": [["name": "train"]]],
        "status": [
            "phase": "Succeeded", "startTime": "2026-11-02T08:00:00Z",
            "containerStatuses": [
                [
                    "name": "train",
                    "state": [
                        "terminated": [
                            "exitCode": 0, "startedAt": "2026-11-02T08:00:00Z", "finishedAt": "2026-11-02T08:01:00Z",
                        ]
                    ],
                ]
            ],
        ],
    ]

    /// What the downward API and the webhook give.
    private func info(_ folder: String, _ annotations: [String: String]) throws {
        try FileManager.default.createDirectory(atPath: folder + "/info", withIntermediateDirectories: true)
        let lines = annotations.map { "\($0)=\(JSONValue.string($1).jsonText())\n" }.joined()
        #expect(FileManager.default.createFile(atPath: folder + "/info/annotations", contents: Data(lines.utf8)))
        #expect(FileManager.default.createFile(atPath: folder + "/info/labels", contents: Data()))
    }

    private func sidecar(_ folder: String, _ options: [String]) async throws -> Running {
        try await Running(
            ["sidecar", "--pod-info", folder + "/info", "--termination-message", folder + "/message"] + options,
            log: "\(folder)/sidecar-\(UUID().uuidString.prefix(6)).log",
            environment: ["KFMD_POD_NAME": "train-1", "KFMD_POD_NAMESPACE": "ml", "KFMD_POD_UID": "uid-1"])
    }

    private func states(_ store: String) async throws -> String {
        let ended = try await Program.run(Program.kfmd, ["lineage", "s3://lake/in", "--store", store])
        return ended.output + ended.errors
    }

    @Test func itEndsWhenTheEndIsWritten() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        try info(path, ["metadata.kubeflow.org/record": "true"])
        let service = try await MetadataProcess(folder: path)
        try await withCluster(path) { cluster, kubeconfig in
            await cluster.apply("ADDED", Self.pod)
            let running = try await sidecar(
                path, ["--kubeconfig", kubeconfig, "--metadata", service.grpc, "--cluster", "c", "--interval", "1"])
            _ = try await running.wait(for: "recording")
            #expect(try await running.stop() == 0)
        }
        #expect(try await service.running.stop() == 0)
        let states = try await states("\(path)/store.db")
        #expect(states.contains("complete"), "\(states)")
    }

    /// The store is down, and stays so: the kubelet does not wait, and the message is in the pod's status.
    @Test func whatItFoundOutlivesItsKilling() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        // A volume that is mounted here, as one is in a pod.
        let volume = "/dev/shm/kfmd-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: volume) }
        #expect(FileManager.default.createFile(atPath: volume + "/model", contents: Data("weights".utf8)))
        let report = #"{"metrics": {"accuracy": 0.9}}"#
        #expect(FileManager.default.createFile(atPath: volume + "/report", contents: Data(report.utf8)))
        try info(
            path,
            [
                "metadata.kubeflow.org/digest-paths": "[\(volume)/model, /etc/hostname, \(volume)/none]",
                "metadata.kubeflow.org/report-path": volume + "/report",
            ])
        let running = try await sidecar(path, ["--metadata", "127.0.0.1:1", "--cluster", "c"])
        _ = try await running.wait(for: "recording")
        async let end = running.stop()
        var message: JSONValue?
        for _ in 0..<3_000 where message == nil {
            try await Task.sleep(for: .milliseconds(20))
            message = FileManager.default.contents(atPath: path + "/message").flatMap {
                try? JSONValue(parsing: Array($0))
            }
        }
        // What a kubelet sends when the grace period is over; it ends by itself only later.
        _ = try await running.stop("KILL")
        _ = try await end
        let digests = message?["digests"]?.array ?? []
        let isMounted =
            FileManager.default.contents(atPath: "/proc/self/mountinfo")
            .map { String(decoding: $0, as: UTF8.self).contains(" /dev/shm ") } ?? false
        if isMounted {
            #expect(digests.count == 1 && digests[0]["size"]?.integer == 7, "\(message ?? .null)")
            #expect(message?["metrics", "accuracy"]?.number == 0.9)
        }
        let problems = (message?["problems"]?.array ?? []).compactMap(\.string)
        #expect(problems.contains { $0.hasPrefix("digest of /etc/hostname: ") }, "\(problems)")
        #expect(problems.contains { $0.hasPrefix("digest of \(volume)/none: ") }, "\(problems)")
    }

    @Test func whatIsMissingIsNamed() async throws {
        let ended = try await Program.run(Program.kfmd, ["sidecar", "--metadata", "127.0.0.1:1"])
        #expect(ended.status == 64)
        #expect(ended.errors == "kfmd: give --pod-name, or KFMD_POD_NAME by the downward API\n")
    }
}
