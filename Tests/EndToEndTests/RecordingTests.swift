import ClusterReplay
import FoundationEssentials
import Testing

/// Separate processes over sockets: a service, a recorder, a replayed cluster, the Python client.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RecordingTests {
    private static let hasPython = Program.python != nil

    private func graph(_ address: String) async throws -> String {
        let script = Program.root + "Tests/clients/read_graph.py"
        let ended = try await Program.run(try #require(Program.python), [script, address])
        #expect(ended.status == 0, "\(ended)")
        return ended.output
    }

    /// Reads the graph until it is the expected one, or does not become it.
    private func expectGraph(_ address: String) async throws {
        let expected = try Example.expectedGraph().split(separator: "\n")
        var found: [Substring] = []
        for _ in 0..<60 {
            found = try await graph(address).split(separator: "\n")
            if found == expected { return }
            try await Task.sleep(for: .milliseconds(300))
        }
        for line in expected where !found.contains(line) { Issue.record("missing: \(line)") }
        for line in found where !expected.contains(line) { Issue.record("unexpected: \(line)") }
        #expect(found.count == expected.count)
    }

    /// A recorder that watches: what comes and goes before that nobody can see.
    private func record(
        _ cluster: ReplayCluster, _ kubeconfig: String, _ metadata: String, _ folder: String
    ) async throws -> Running {
        let before = await cluster.requests["watch pods"] ?? 0
        let running = try await Running(
            [
                "record", "--kubeconfig", kubeconfig, "--metadata", metadata, "--journal", "\(folder)/journal.db",
                "--http-listen", "127.0.0.1:0",
            ],
            log: "\(folder)/record-\(UUID().uuidString.prefix(6)).log")
        for _ in 0..<3_000 {
            if await cluster.requests["watch pods"] ?? 0 > before { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        return running
    }

    /// The recorder's own port tells what it did.
    private func expectMetrics(of recorder: Running) async throws {
        _ = try await recorder.wait(for: "HTTP listens")
        let line = recorder.output.split(separator: "\n").first { $0.contains("[kfmd] HTTP listens") } ?? ""
        let start = try #require(line.firstRange(of: "address="))
        let address = "http://" + line[start.upperBound...].prefix { $0 != " " }
        func get(_ path: String) async throws -> String {
            let script =
                "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())"
            let ended = try await Program.run(try #require(Program.python), ["-c", script, address + path])
            #expect(ended.status == 0, "\(ended.errors)")
            return ended.output
        }
        #expect(try await get("/healthz") == "ok\n")
        #expect(try await get("/readyz") == "ok\n")
        let metrics = try await get("/metrics")
        for line in [
            "kfmd_ready 1", "kfmd_journal_depth 0", "kfmd_steps_lost_total 0", "kfmd_store_errors_total 0",
            "# TYPE kfmd_step_lag_seconds histogram",
        ] { #expect(metrics.contains(line + "\n"), "\(line) in \(metrics)") }
        // Each step is told when it begins and when it ends: at least once each.
        let recorded = metrics.split(separator: "\n").filter { $0.contains("outcome=\"recorded\"") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(recorded >= 6, "\(metrics)")
        #expect(!metrics.contains("outcome=\"refused\""))
        #expect(metrics.contains("kfmd_patches_total{result=\"written\"}"))
    }

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func aWholeClusterIsRecorded() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let service = try await MetadataProcess(folder: path)
        try await withCluster(path) { cluster, kubeconfig in
            let recorder = try await record(cluster, kubeconfig, service.grpc, path)
            try await Example.recording().play(in: cluster, speed: 20)
            try await expectGraph(service.grpc)
            try await expectMetrics(of: recorder)
            // The ids are on the pods, as Kubeflow Pipelines' own recorder leaves them.
            let pods = await cluster.all(.pods).filter { $0["metadata"]?["labels"]?["pipeline/runid"] != nil }
            #expect(pods.count == 4)
            for pod in pods {
                #expect(pod["metadata"]?["labels"]?["pipelines.kubeflow.org/metadata_written"] == "true")
                #expect(pod["metadata"]?["labels"]?["pipelines.kubeflow.org/metadata_execution_id"] != nil)
                let outputs = pod["metadata"]?["annotations"]?["pipelines.kubeflow.org/metadata_output_artifact_ids"]
                #expect(outputs?.string?.contains("minio://") == true)
            }
            #expect(try await recorder.stop() == 0, "\(recorder.output)")
        }
        #expect(try await service.running.stop() == 0)
        // The original library opens the file, and we open it after it has written.
        let script = Program.root + "Tests/clients/same_file.py"
        let python = try #require(Program.python)
        let read = try await Program.run(python, [script, "read", "\(path)/store.db"])
        #expect(read.output == "5 6 5 12\n", "\(read)")
        let write = try await Program.run(python, [script, "write", "\(path)/store.db"])
        #expect(write.output == "6 6 5 12\n", "\(write)")
        let lineage = try await Program.run(
            Program.kfmd, ["lineage", "from-the-wheel", "--store", "\(path)/store.db"])
        #expect(lineage.status == 0 && lineage.output.contains("wheel.Type"), "\(lineage)")
    }

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func aRecorderThatIsKilledLosesNothing() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let service = try await MetadataProcess(folder: path)
        try await withCluster(path) { cluster, kubeconfig in
            var (first, rest) = (try Example.recording(), try Example.recording())
            first.events = first.events.filter { $0.at <= .seconds(44) }
            rest.events = rest.events.filter { $0.at > .seconds(44) }
            let playing = Task { [first] in try await first.play(in: cluster, speed: 10) }
            for _ in 0..<4 {
                let recorder = try await record(cluster, kubeconfig, service.grpc, path)
                try await Task.sleep(for: .milliseconds(900))
                #expect(try await recorder.stop("KILL") != 0)
            }
            try await playing.value
            // Up again before the old server's pod is deleted: its end can be seen only then.
            let recorder = try await record(cluster, kubeconfig, service.grpc, path)
            _ = try await recorder.wait(for: "resource=pods")
            try await Task.sleep(for: .milliseconds(500))
            try await rest.play(in: cluster, speed: 40)
            try await expectGraph(service.grpc)
            #expect(try await recorder.stop() == 0)
        }
        #expect(try await service.running.stop() == 0)
    }

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func aServiceThatIsDownIsWaitedFor() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let first = try await MetadataProcess(folder: path)
        let port = try #require(first.grpc.split(separator: ":").last)
        try await withCluster(path) { cluster, kubeconfig in
            let recorder = try await record(cluster, kubeconfig, first.grpc, path)
            #expect(try await first.running.stop("KILL") != 0)
            try await Example.recording().play(in: cluster, speed: 40)
            let again = try await Running(
                [
                    "serve", "--store", "\(path)/store.db", "--grpc-listen", "127.0.0.1:\(port)", "--http-listen",
                    "127.0.0.1:0",
                ], log: "\(path)/again.log")
            _ = try await again.wait(for: "gRPC listens")
            try await expectGraph(first.grpc)
            #expect(try await recorder.stop() == 0)
            #expect(try await again.stop() == 0)
        }
    }

    /// For its first second a server answers 403 to everybody: under another name all would be recorded again. As seen of
    /// kube-apiserver 1.36.
    @Test func aServerThatHasJustStartedKeepsTheClustersName() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        try await withCluster(path) { cluster, kubeconfig in
            await cluster.refuse(for: .seconds(2))
            let recorder = try await Running(
                [
                    "record", "--kubeconfig", kubeconfig, "--store", "\(path)/store.db", "--journal",
                    "\(path)/journal.db",
                ], log: "\(path)/record.log")
            _ = try await recorder.wait(for: "cluster=28df0fa7-fbdf-4279-b326-78e1328da882")
            #expect(!recorder.output.contains("default"))
            _ = try await recorder.stop()
        }
    }
}
