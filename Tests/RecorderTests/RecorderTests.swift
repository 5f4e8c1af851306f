import Capture
import ClusterReplay
import JSON
import Kubernetes
import Logging
import MetadataAPI
import MetadataStore
import Recorder
import Testing

/// A recorder in this process, against a replayed cluster and a real store.
@Suite(.timeLimit(.minutes(2))) struct RecorderTests {
    private func pod(_ name: String, _ phase: String, uid: String? = nil, inputs: String = "[]") -> JSONValue {
        [
            "kind": "Pod", "apiVersion": "v1",
            "metadata": [
                "name": .string(name), "namespace": "ml", "uid": .string(uid ?? "uid-\(name)"),
                "annotations": ["metadata.kubeflow.org/inputs": .string(inputs)],
            ],
            "spec": ["restartPolicy": "Never", "containers": [["name": "c"]]],
            "status": ["phase": .string(phase), "startTime": "2026-11-02T09:00:00Z"],
        ]
    }

    /// Runs a recorder while `body` runs.
    private func recording(
        _ cluster: ReplayCluster, _ journal: Journal, _ backend: any MetadataBackend,
        _ body: () async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = Task { [logger] in try await ReplayServer(cluster, logger: logger).run { port.yield($0) } }
        let number = await ports.first { _ in true } ?? 0
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(number)"))
        var options = Recorder.Options()
        options.backoff = Backoff(first: .milliseconds(20), maximum: .milliseconds(100))
        let recorder = Recorder(
            client: client, capture: Capture(cluster: "c"), journal: journal, backend: backend, options: options,
            logger: logger)
        let task = Task { await recorder.run() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        task.cancel()
        await task.value
        await client.shutdown()
        server.cancel()
        _ = try? await server.value
        try result.get()
    }

    /// The states of what is recorded, by name.
    private func states(_ store: MetadataStore) async throws -> [String: String] {
        let executions = try await store.read { try $0.getExecutions(.init()).executions }
        return Dictionary(executions.map { ($0.title, $0.stateName) }) { "\($0)+\($1)" }
    }

    private func expect(_ expected: [String: String], in store: MetadataStore) async throws {
        var found: [String: String] = [:]
        for _ in 0..<200 {
            found = try await states(store)
            if found == expected { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        #expect(found == expected)
    }

    @Test func whatIsThereAndWhatComesIsRecorded() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", pod("old", "Succeeded"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["old": "complete"], in: store)
                await cluster.apply("ADDED", pod("new", "Running"))
                try await expect(["old": "complete", "new": "running"], in: store)
                await cluster.apply("MODIFIED", pod("new", "Failed"))
                try await expect(["old": "complete", "new": "failed"], in: store)
            }
        }
    }

    @Test func aPodThatWentWhileNobodyWatchedHasEnded() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            let journal = try Journal(path: ":memory:")
            await cluster.apply("ADDED", pod("gone", "Running"))
            await cluster.apply("ADDED", pod("stays", "Running"))
            try await recording(cluster, journal, store) {
                try await expect(["gone": "running", "stays": "running"], in: store)
            }
            await cluster.apply("DELETED", pod("gone", "Running"))
            // Times in the journal are whole seconds.
            try await Task.sleep(for: .milliseconds(1100))
            try await recording(cluster, journal, store) {
                try await expect(["gone": "canceled", "stays": "running"], in: store)
            }
        }
    }

    @Test func aClusterWithoutWorkflowsIsRecordedToo() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .events, .namespaces])
            await cluster.apply("ADDED", pod("a", "Succeeded"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["a": "complete"], in: store)
            }
        }
    }

    @Test func whatCannotBeRecordedIsAnEventOnThePod() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", pod("bad", "Running", inputs: "[{"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["bad": "running"], in: store)
                // Seen again, told once.
                await cluster.apply("MODIFIED", pod("bad", "Succeeded", inputs: "[{"))
                try await expect(["bad": "complete"], in: store)
            }
            let events = await cluster.all(.events)
            #expect(events.count == 1)
            #expect(events.first?["involvedObject"]?["name"] == "bad")
            #expect(events.first?["message"]?.string?.contains("metadata.kubeflow.org/inputs") == true)
        }
    }

    @Test func steadyStateMakesNoRequests() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", pod("a", "Succeeded"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["a": "complete"], in: store)
                // The watches are open.
                for _ in 0..<200 {
                    let requests = await cluster.requests
                    if requests["watch pods"] != nil, requests["watch workflows"] != nil { break }
                    try await Task.sleep(for: .milliseconds(25))
                }
                let before = await cluster.requests
                try await Task.sleep(for: .seconds(1))
                #expect(await cluster.requests == before)
            }
        }
    }
}
