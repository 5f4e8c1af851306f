import Capture
import ClusterReplay
import JSON
import Kubernetes
import Logging
import MetadataAPI
import MetadataStore
@testable import Recorder
import Testing

/// A recorder in this process, against a replayed cluster and a real store.
@Suite(.timeLimit(.minutes(2))) struct RecorderTests {
    func pod(_ name: String, _ phase: String, uid: String? = nil, inputs: String = "[]") -> JSONValue {
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
    func recording(
        _ cluster: ReplayCluster, _ journal: Journal, _ backend: any MetadataBackend,
        guardDeadline: Duration? = nil, annotating: Recorder.PodAnnotating = .none,
        metrics: RecorderMetrics = RecorderMetrics(), _ body: () async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = Task { [logger] in try await ReplayServer(cluster, logger: logger).run { port.yield($0) } }
        let number = await ports.first { _ in true } ?? 0
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(number)"))
        var options = Recorder.Options()
        options.guardDeadline = guardDeadline
        (options.annotating, options.pages) = (annotating, "https://metadata.example.com")
        options.backoff = Backoff(first: .milliseconds(20), maximum: .milliseconds(100))
        let recorder = Recorder(
            client: client, capture: Capture(cluster: "c"), journal: journal, backend: backend, options: options,
            metrics: metrics, logger: logger)
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
    func states(_ store: MetadataStore) async throws -> [String: String] {
        let executions = try await store.read { try $0.getExecutions(.init()).executions }
        return Dictionary(executions.map { ($0.title, $0.stateName) }) { "\($0)+\($1)" }
    }

    func expect(_ expected: [String: String], in store: MetadataStore) async throws {
        var found: [String: String] = [:]
        _ = try await eventually {
            found = try await states(store)
            return found == expected
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

    @Test func aRunTellsHowFarItHasCome() async throws {
        func workflow(_ status: JSONValue) -> JSONValue {
            [
                "kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1",
                "metadata": ["name": "w", "namespace": "ml", "uid": "uid-w"], "spec": ["entrypoint": "main"],
                "status": status,
            ]
        }
        try await withStore { store in
            func expect(_ state: String, _ loss: String?) async throws {
                var found: [String: MlMetadata_Value] = [:]
                for _ in 0..<400 {
                    found = try await store.read {
                        try $0.getContexts(.init()).contexts.first { $0.name == "w-uid-w" }?.customProperties ?? [:]
                    }
                    if found["state"]?.stringValue == state { break }
                    try await Task.sleep(for: .milliseconds(25))
                }
                #expect(found["state"]?.stringValue == state)
                #expect(found["output:loss"]?.stringValue == loss)
            }
            let cluster = ReplayCluster()
            let journal = try Journal(path: ":memory:", settle: .milliseconds(50))
            await cluster.apply("ADDED", workflow(["phase": "Running", "startedAt": "2026-11-02T09:00:00Z"]))
            try await recording(cluster, journal, store) {
                try await expect("RUNNING", nil)
                await cluster.apply(
                    "MODIFIED",
                    workflow([
                        "phase": "Succeeded", "startedAt": "2026-11-02T09:00:00Z", "finishedAt": "2026-11-02T09:10:00Z",
                        "outputs": ["parameters": [["name": "loss", "value": "0.1"]]],
                    ]))
                try await expect("COMPLETE", "0.1")
            }
            await cluster.apply("ADDED", workflow(["phase": "Running", "startedAt": "2026-11-02T10:00:00Z"]))
            try await recording(cluster, journal, store) { try await expect("RUNNING", nil) }
            // Gone while nobody watched.
            await cluster.apply("DELETED", workflow([:]))
            try await Task.sleep(for: .milliseconds(1100))
            try await recording(cluster, journal, store) { try await expect("CANCELED", nil) }
        }
    }

    @Test func aRuleHoldsForWhatWasThereBeforeIt() async throws {
        func pod(_ name: String, _ labels: JSONValue) -> JSONValue {
            [
                "kind": "Pod", "apiVersion": "v1",
                "metadata": [
                    "name": .string(name), "namespace": "ml", "uid": .string("uid-\(name)"), "labels": labels,
                ],
                "spec": ["restartPolicy": "Never", "containers": [["name": "c"]]], "status": ["phase": "Succeeded"],
            ]
        }
        try await withStore { store in
            let rules = Capture.kinds.filter { $0.stage == .rules }.flatMap(\.versions)
            let cluster = ReplayCluster(resources: [.pods, .workflows, .namespaces, .events, .configMaps] + rules)
            await cluster.apply("ADDED", pod("before", ["app": "nightly"]))
            await cluster.apply("ADDED", pod("other", [:]))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await Task.sleep(for: .milliseconds(300))
                try await expect([:], in: store)
                await cluster.apply(
                    "ADDED",
                    [
                        "kind": "MetadataRule", "apiVersion": "metadata.kubeflow.org/v1alpha1",
                        "metadata": ["name": "nightly", "namespace": "ml", "uid": "uid-rule"],
                        "spec": ["selector": ["labels": ["app": "nightly"]], "record": "true"],
                    ])
                try await Task.sleep(for: .milliseconds(300))
                // A server says something at least each minute.
                await cluster.apply("ADDED", pod("another", [:]))
                try await expect(["before": "complete"], in: store)
            }
        }
    }

    /// The list that follows an expired watch tells of nothing that went: it is told by what it has not.
    @Test func aRuleThatWentWhileItsWatchWasExpiredHoldsNoMore() async throws {
        func pod(_ name: String) -> JSONValue {
            [
                "kind": "Pod", "apiVersion": "v1",
                "metadata": [
                    "name": .string(name), "namespace": "ml", "uid": .string("uid-\(name)"),
                    "labels": ["app": "nightly"],
                ],
                "spec": ["restartPolicy": "Never", "containers": [["name": "c"]]], "status": ["phase": "Succeeded"],
            ]
        }
        let rule: JSONValue = [
            "kind": "MetadataRule", "apiVersion": "metadata.kubeflow.org/v1alpha1",
            "metadata": ["name": "nightly", "namespace": "ml", "uid": "uid-rule"],
            "spec": ["selector": ["labels": ["app": "nightly"]], "record": "true"],
        ]
        try await withStore { store in
            let rules = Capture.kinds.filter { $0.stage == .rules }.flatMap(\.versions)
            let cluster = ReplayCluster(resources: [.pods, .workflows, .namespaces, .events, .configMaps] + rules)
            await cluster.apply("ADDED", rule)
            await cluster.apply("ADDED", pod("first"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["first": "complete"], in: store)
                await cluster.loseWithoutAWord(rule)
                // From some time on the rule is known to be gone: of two pods that come then, neither is recorded.
                var number = 0
                try await expectEventually {
                    number += 1
                    await cluster.apply("ADDED", pod("before-\(number)"))
                    try await Task.sleep(for: .milliseconds(500))
                    await cluster.apply("ADDED", pod("after-\(number)"))
                    try await Task.sleep(for: .milliseconds(1500))
                    let found = try await states(store)
                    return found["before-\(number)"] == nil && found["after-\(number)"] == nil
                }
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

// MARK: Kinds that come and go, services, guards

extension RecorderTests {
    private static let trainJobs = Resource(
        group: "trainer.kubeflow.org", version: "v1alpha1", plural: "trainjobs", kind: "TrainJob")
    private static let services = Resource(
        group: "serving.kserve.io", version: "v1beta1", plural: "inferenceservices", kind: "InferenceService")
    private static let jobs = Resource(group: "batch", version: "v1", plural: "jobs", kind: "Job")

    private func trainJob(_ name: String) -> JSONValue {
        [
            "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
            "metadata": [
                "name": .string(name), "namespace": "ml", "uid": .string("uid-\(name)"),
                "creationTimestamp": "2026-11-02T09:00:00Z",
            ],
            "spec": ["initializer": ["dataset": ["storageUri": "hf://org/data"]]],
            "status": [
                "conditions": [["type": "Complete", "status": "True", "lastTransitionTime": "2026-11-02T09:10:00Z"]]
            ],
        ]
    }

    @Test func aKindThatIsInstalledLaterIsWatchedThen() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(
                resources: [.pods, .workflows, .namespaces, .events, .configMaps, .customResourceDefinitions])
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                await cluster.apply("ADDED", pod("p", "Succeeded"))
                try await expect(["p": "complete"], in: store)
                await cluster.addResource(Self.trainJobs)
                await cluster.apply("ADDED", trainJob("t"))
                await cluster.apply(
                    "ADDED",
                    [
                        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                        "metadata": ["name": "trainjobs.trainer.kubeflow.org", "uid": "crd"],
                    ])
                try await expect(["p": "complete", "t": "complete"], in: store)
            }
        }
    }

    @Test func podsOfAnAnnotatedJobAreRecordedWithItsAnnotations() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events, .configMaps, Self.jobs])
            await cluster.apply(
                "ADDED",
                [
                    "apiVersion": "batch/v1", "kind": "Job",
                    "metadata": [
                        "name": "job", "namespace": "ml", "uid": "uid-job",
                        "annotations": [
                            "metadata.kubeflow.org/outputs": #"{"type": "model", "uri": "s3://m/$(pod.name)"}"#
                        ],
                    ],
                ])
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                for number in 1...2 {
                    var metadata = pod("job-\(number)", "Succeeded")["metadata"]?.object ?? JSONObject()
                    metadata["annotations"] = nil
                    metadata["ownerReferences"] = [
                        ["apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "uid-job", "controller": true]
                    ]
                    var object = pod("job-\(number)", "Succeeded").object ?? JSONObject()
                    object["metadata"] = .object(metadata)
                    await cluster.apply("ADDED", .object(object))
                }
                try await expect(["job-1": "complete", "job-2": "complete"], in: store)
                #expect(try await store.edges() == ["job-1 -> s3://m/job-1#1", "job-2 -> s3://m/job-2#2"])
            }
        }
    }

    @Test func whatComesTogetherIsWrittenTogether() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            let metrics = RecorderMetrics()
            try await recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                for number in 0..<40 {
                    await cluster.apply("ADDED", pod("p\(number)", "Succeeded"))
                    try await Task.sleep(for: .milliseconds(10))
                }
                let all = (0..<40).map { ("p\($0)", "complete") }
                try await expect(Dictionary(uniqueKeysWithValues: all), in: store)
                // One batch a fifth of a second, whose new runs and graph are a call each.
                #expect(metrics.calls["PutLineageSubgraph", default: 0] <= 16, "\(metrics.calls)")
            }
        }
    }

    @Test func stepsOfAKindInALaterVersionOutliveARestart() async throws {
        let jobs = Resource(group: "kubeflow.org", version: "v1", plural: "mpijobs", kind: "MPIJob")
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events, .configMaps, jobs])
            await cluster.apply(
                "ADDED",
                [
                    "apiVersion": "kubeflow.org/v1", "kind": "MPIJob",
                    "metadata": ["name": "m", "namespace": "ml", "uid": "uid-m"],
                    "status": [
                        "conditions": [["type": "Running", "status": "True"]], "startTime": "2026-11-02T09:00:00Z",
                    ],
                ])
            let journal = try Journal(path: ":memory:")
            for _ in 0..<2 {
                try await recording(cluster, journal, store) {
                    try await expect(["m": "running"], in: store)
                    try await Task.sleep(for: .milliseconds(500))
                }
            }
            #expect(try await states(store) == ["m": "running"])
        }
    }

    @Test func whereNothingHappensNothingIsAsked() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(
                resources: [.pods, .workflows, .namespaces, .events, .configMaps, .customResourceDefinitions])
            await cluster.apply("ADDED", pod("p", "Succeeded"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["p": "complete"], in: store)
                try await Task.sleep(for: .seconds(1))
                let before = await cluster.requests
                let version = try await store.read {
                    try $0.getExecutions(.init()).executions.first?.lastUpdateTimeSinceEpoch
                }
                try await Task.sleep(for: .seconds(2))
                #expect(await cluster.requests == before)
                #expect(
                    try await store.read { try $0.getExecutions(.init()).executions.first?.lastUpdateTimeSinceEpoch }
                        == version)
            }
        }
    }

    @Test func aKindThatMayNotBeReadCostsOnlyItself() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [
                .pods, .workflows, .namespaces, .events, .configMaps, Self.trainJobs,
            ])
            for _ in 0..<3 {
                await cluster.inject(
                    Fault(
                        .list, resource: "workflows",
                        .status(code: 403, reason: "Forbidden", message: "workflows is forbidden")))
            }
            await cluster.apply("ADDED", pod("p", "Succeeded"))
            await cluster.apply("ADDED", trainJob("t"))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expect(["p": "complete", "t": "complete"], in: store)
            }
        }
    }

    private func service(_ uri: String, ready: String, changed: String) -> JSONValue {
        [
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": [
                "name": "s", "namespace": "ml", "uid": "uid-s",
                "managedFields": [
                    ["manager": "x", "time": .string(changed), "fieldsV1": ["f:spec": .object(JSONObject())]]
                ],
            ],
            "spec": ["predictor": ["model": ["modelFormat": ["name": "sklearn"], "storageUri": .string(uri)]]],
            "status": [
                "conditions": [["type": "PredictorReady", "status": "True", "lastTransitionTime": .string(ready)]]
            ],
        ]
    }

    /// In Standard mode the status stays ready while another revision is rolled out.
    @Test func aRolloutThatIsNotReadyServesNothing() async throws {
        func set(_ name: String, _ uri: String, ready: Int64, created: String) -> JSONValue {
            [
                "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": [
                    "name": .string(name), "namespace": "ml", "uid": .string("uid-\(name)"),
                    "creationTimestamp": .string(created),
                    "labels": ["serving.kserve.io/inferenceservice": "s", "component": "predictor"],
                ],
                "spec": [
                    "replicas": 1,
                    "template": [
                        "metadata": [
                            "annotations": [
                                "internal.serving.kserve.io/storage-initializer-sourceuri": .string(uri)
                            ]
                        ]
                    ],
                ],
                "status": ["readyReplicas": .integer(ready)],
            ]
        }
        try await withStore { store in
            let sets = Resource(group: "apps", version: "v1", plural: "replicasets", kind: "ReplicaSet")
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events, .configMaps, Self.services, sets])
            func expect(_ expected: [String]) async throws {
                var found: [String] = []
                for _ in 0..<200 {
                    let executions = try await store.read { try $0.getExecutions(.init()).executions }
                    found = executions.map(\.stateName)
                    if found == expected { break }
                    try await Task.sleep(for: .milliseconds(25))
                }
                #expect(found == expected)
            }
            await cluster.apply("ADDED", set("s-1", "s3://models/1", ready: 1, created: "2027-02-01T08:59:30Z"))
            await cluster.apply(
                "ADDED", service("s3://models/1", ready: "2027-02-01T09:00:00Z", changed: "2027-02-01T08:59:00Z"))
            let journal = try Journal(path: ":memory:")
            try await recording(cluster, journal, store) { try await expect(["running"]) }
            // The rollout begins while nobody watches.
            await cluster.apply(
                "MODIFIED", service("s3://models/2", ready: "2027-02-01T09:00:00Z", changed: "2027-02-01T10:00:00Z"))
            await cluster.apply("ADDED", set("s-2", "s3://models/2", ready: 0, created: "2027-02-01T10:00:05Z"))
            try await recording(cluster, journal, store) {
                try await expect(["running", "new"])
                await cluster.apply("MODIFIED", set("s-2", "s3://models/2", ready: 1, created: "2027-02-01T10:00:05Z"))
                try await expect(["running", "running"])
                await cluster.apply("MODIFIED", set("s-1", "s3://models/1", ready: 0, created: "2027-02-01T08:59:30Z"))
                try await expect(["complete", "running"])
            }
        }
    }

    @Test func anotherModelEndsTheRevisionThatServedBefore() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events, .configMaps, Self.services])
            _ = try await BatchWriter(store).write([step("train", 0, 10, writes: [file("s3://models/2")])])
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                await cluster.apply(
                    "ADDED", service("s3://models/1", ready: "2027-02-01T09:00:00Z", changed: "2027-02-01T08:59:00Z"))
                try await expect(["train": "complete", "s": "running"], in: store)
                await cluster.apply(
                    "MODIFIED",
                    service("s3://models/2/", ready: "2027-02-01T10:00:00Z", changed: "2027-02-01T09:59:00Z"))
                var found: [String] = []
                for _ in 0..<100 {
                    let executions = try await store.read { try $0.getExecutions(.init()).executions }
                    found = executions.filter { $0.title == "s" }.map(\.stateName)
                    if found == ["complete", "running"] { break }
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(found == ["complete", "running"])
                // What is served is what training wrote, whatever the slash at the end.
                #expect(try await store.edges().contains("s <- s3://models/2#1"))
            }
        }
    }

    @Test func aGuardedPodStaysUntilItIsRecorded() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", pod("p", "Running"))
            try await recording(cluster, try Journal(path: ":memory:"), store, guardDeadline: .seconds(60)) {
                try await expect(["p": "running"], in: store)
                for _ in 0..<100 where await finalizers(cluster).isEmpty {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(await finalizers(cluster) == ["metadata.kubeflow.org/recorded"])
                await cluster.apply("MODIFIED", pod("p", "Succeeded"))
                await cluster.delete(.pods, namespace: "ml", name: "p")
                try await expect(["p": "complete"], in: store)
                for _ in 0..<100 where await !cluster.all(.pods).isEmpty {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(await cluster.all(.pods).map { $0.jsonText() } == [])
            }
        }
    }

    @Test func afterTheDeadlineAGuardedPodIsLetGo() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", pod("p", "Running"))
            // Nothing can be recorded.
            await store.close()
            try await recording(cluster, try Journal(path: ":memory:"), store, guardDeadline: .seconds(2)) {
                for _ in 0..<100 where await finalizers(cluster).isEmpty {
                    try await Task.sleep(for: .milliseconds(50))
                }
                await cluster.apply("MODIFIED", pod("p", "Succeeded"))
                await cluster.delete(.pods, namespace: "ml", name: "p")
                try await Task.sleep(for: .seconds(1))
                #expect(await cluster.all(.pods).count == 1)
                for _ in 0..<100 where await !cluster.all(.pods).isEmpty {
                    try await Task.sleep(for: .milliseconds(50))
                }
                print("LEFT", await cluster.all(.pods).map { $0.jsonText() }, await cluster.requests)
                #expect(await cluster.all(.pods).map { $0.jsonText() } == [])
            }
        }
    }

    private func finalizers(_ cluster: ReplayCluster) async -> [String] {
        let pod = await cluster.object(.pods, namespace: "ml", name: "p")
        return (pod?["metadata"]?["finalizers"]?.array ?? []).compactMap(\.string)
    }
}
