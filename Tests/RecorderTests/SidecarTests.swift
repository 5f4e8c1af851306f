import Capture
import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Logging
import MetadataAPI
import MetadataStore
@testable import Recorder
@testable import Sidecar
import Testing

/// A sidecar beside its pod: with and without rights, with and without a store, and together with the recorder of the cluster.
@Suite(.timeLimit(.minutes(3))) struct SidecarTests {
    private static let outputs = #"[{"type": "model", "name": "model", "uri": "pvc://models/model.bin"}]"#
    private static let inputs = #"[{"type": "data_set", "name": "data", "uri": "s3://lake/data"}]"#

    /// Seconds after the pod was made, which was a while ago: the sidecar looks at the clock.
    private static let made = Date().addingTimeInterval(-600)
    private static func moment(_ seconds: Double) -> JSONValue {
        .string(Timestamp.format(Date(timeIntervalSince1970: made.timeIntervalSince1970.rounded() + seconds)))
    }

    /// A pod as the API server has it.
    /// - Parameter message: the termination message of its sidecar.
    private static func pod(_ phase: String, version: Int, folder: String = "/none", message: String? = nil)
        -> JSONValue
    {
        var status = JSONObject([("phase", .string(phase)), ("startTime", moment(0))])
        if phase != "Pending" {
            let state: JSONValue =
                phase == "Running"
                ? ["running": ["startedAt": moment(1)]]
                : [
                    "terminated": [
                        "exitCode": phase == "Succeeded" ? 0 : 3, "startedAt": moment(1),
                        "finishedAt": moment(300),
                    ]
                ]
            status["containerStatuses"] = [["name": "train", "state": state]]
        }
        if let message {
            status["initContainerStatuses"] = [
                ["name": "kfmd-sidecar", "state": ["terminated": ["exitCode": 0, "message": .string(message)]]]
            ]
        }
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": "train-1", "namespace": "ml", "uid": "uid-1", "resourceVersion": .string(String(version)),
                "creationTimestamp": moment(0), "labels": ["app": "train"],
                "annotations": .object(
                    JSONObject(annotations(folder).sorted { $0.key < $1.key }.map { ($0, .string($1)) })),
                "ownerReferences": [
                    ["apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "uid-job", "controller": true]
                ],
            ],
            "spec": ["restartPolicy": "Never", "containers": [["name": "train", "image": "train:1"]]],
            "status": .object(status),
        ]
    }

    private static func annotations(_ folder: String) -> [String: String] {
        [
            "metadata.kubeflow.org/inputs": inputs, "metadata.kubeflow.org/outputs": outputs,
            "metadata.kubeflow.org/digest-paths": "{model: \(folder)/volume/model.bin}",
            "metadata.kubeflow.org/report-path": "\(folder)/volume/report.jsonl",
        ]
    }

    /// A pod's volumes, with what its containers leave there.
    private func withVolumes(_ body: (String) async throws -> Void) async throws {
        let folder = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-sidecar-\(UUID().uuidString)"
        for name in ["volume", "info"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ text: String, _ name: String) {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data(text.utf8)))
        }
        write("weights", "volume/model.bin")
        write(
            #"{"input": {"type": "data_set", "name": "extra", "uri": "s3://lake/extra"}, "metrics": {"accuracy": 0.9}}"#,
            "volume/report.jsonl")
        var annotations = Self.annotations(folder)
        annotations[InjectedPod.annotationKey] = InjectedPod.annotation(
            for: Self.pod("Pending", version: 1, folder: folder), cluster: "c")
        func quoted(_ text: String) -> String { JSONValue.string(text).jsonText() }
        write(annotations.map { "\($0)=\(quoted($1))\n" }.sorted().joined(), "info/annotations")
        write("app=\"train\"\n", "info/labels")
        try await body(SystemFile.resolved(folder) ?? folder)
    }

    private func sidecar(
        _ folder: String, _ client: APIClient?, _ backend: any MetadataBackend, cluster: String? = nil
    ) -> Sidecar {
        var options = Sidecar.Options(name: "train-1", namespace: "ml", uid: "uid-1")
        (options.infoFolder, options.messagePath) = (folder + "/info", folder + "/message")
        (options.volumes, options.cluster) = ([folder + "/volume"], cluster)
        (options.interval, options.lag, options.patience) = (.milliseconds(50), .seconds(60), .seconds(100))
        options.lastDigests = .seconds(60)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Sidecar(options, client: client, backend: backend, logger: logger)
    }

    private func message(_ folder: String) -> String? {
        FileManager.default.contents(atPath: folder + "/message").map { String(decoding: $0, as: UTF8.self) }
    }

    /// With an API server on this machine.
    private func withServer(_ cluster: ReplayCluster, _ body: (APIClient) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = Task { [logger] in try await ReplayServer(cluster, logger: logger).run { port.yield($0) } }
        let number = await ports.first { _ in true } ?? 0
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(number)"))
        let result: Result<Void, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.shutdown()
        server.cancel()
        _ = try? await server.value
        try result.get()
    }

    private func execution(_ store: MetadataStore) async throws -> MlMetadata_Execution? {
        try await store.read { try $0.getExecutions(.init()).executions.first }
    }

    private func artifacts(_ store: MetadataStore) async throws -> [String: MlMetadata_Artifact] {
        let all = try await store.read { try $0.getArtifacts(.init()).artifacts }
        return Dictionary(all.map { ($0.title, $0) }) { first, _ in first }
    }

    @Test func withoutAnyRightItTellsWhatItSaw() async throws {
        try await withVolumes { folder in
            try await withStore { store in
                let sidecar = sidecar(folder, nil, store)
                let run = Task { await sidecar.run() }
                try await expectEventually { try await execution(store)?.lastKnownState == .running }
                let identity = Identity.execution(cluster: "c", namespace: "ml", kind: "pods", uid: "uid-1")
                #expect(try await execution(store)?.externalID == identity)
                run.cancel()
                #expect(await sidecar.finish())
                await run.value
                // It has ended; how nobody could see.
                let ended = try #require(try await execution(store))
                #expect(ended.lastKnownState == .unknown && ended.customProperties["exit_code"] == nil)
                #expect(ended.customProperties["end_time"] != nil)
                #expect(ended.customProperties["size:model"]?.intValue == 7)
                let found = try await artifacts(store)
                #expect(Set(found.keys) == ["data", "extra", "train-1-metrics"])
                #expect(found["train-1-metrics"]?.customProperties["values.accuracy"]?.doubleValue == 0.9)
                let report = try #require(SidecarReport(parsing: message(folder) ?? ""))
                #expect(report.digests.map(\.size) == [7] && report.problems.isEmpty)
            }
        }
    }

    /// The status lags behind the signal: it is waited for.
    @Test func withRightsItTellsTheEnd() async throws {
        try await withVolumes { folder in
            try await withStore { store in
                let cluster = ReplayCluster(resources: [.pods, .namespaces])
                await cluster.apply("ADDED", Self.pod("Running", version: 10, folder: folder))
                try await withServer(cluster) { client in
                    let sidecar = sidecar(folder, client, store, cluster: "c")
                    let run = Task { await sidecar.run() }
                    try await expectEventually { try await execution(store)?.lastKnownState == .running }
                    run.cancel()
                    let finish = Task { await sidecar.finish() }
                    try await expectEventually { try await execution(store)?.lastKnownState == .unknown }
                    await cluster.apply("MODIFIED", Self.pod("Succeeded", version: 20, folder: folder))
                    #expect(await finish.value)
                    let ended = try #require(try await execution(store))
                    #expect(
                        ended.lastKnownState == .complete && ended.customProperties["exit_code"]?.stringValue == "0")
                    let found = try await artifacts(store)
                    #expect(Set(found.keys) == ["data", "extra", "model", "train-1-metrics"])
                    let model = try #require(found["model"])
                    #expect(model.customProperties["size"]?.intValue == 7)
                    #expect(model.customProperties["sha256"]?.stringValue.count == 64)
                }
            }
        }
    }

    @Test func aRefusalIsNoEnd() async throws {
        try await withVolumes { folder in
            try await withStore { store in
                let cluster = ReplayCluster(resources: [.pods, .namespaces])
                await cluster.forbid("pods")
                await cluster.apply("ADDED", Self.pod("Running", version: 10, folder: folder))
                try await withServer(cluster) { client in
                    let sidecar = sidecar(folder, client, store, cluster: "c")
                    let run = Task { await sidecar.run() }
                    try await expectEventually { try await execution(store)?.lastKnownState == .running }
                    run.cancel()
                    // It does not wait for what it may not read.
                    #expect(await sidecar.finish())
                    #expect(try await execution(store)?.lastKnownState == .unknown)
                }
            }
        }
    }

    /// Without the cluster's name identities would be others': the message tells it all, and the recorder reads that.
    @Test func whatTheMessageSaysTheRecorderRecords() async throws {
        try await withVolumes { folder in
            try await withStore { store in
                try? FileManager.default.removeItem(atPath: folder + "/info/annotations")
                let quoted = Self.annotations(folder).map { "\($0)=\(JSONValue.string($1).jsonText())\n" }.joined()
                #expect(
                    FileManager.default.createFile(atPath: folder + "/info/annotations", contents: Data(quoted.utf8)))
                let alone = sidecar(folder, nil, store)
                #expect(await alone.finish())
                #expect(try await execution(store) == nil)
                let message = try #require(self.message(folder))
                let object = try KubernetesObject(Self.pod("Succeeded", version: 20, folder: folder, message: message))
                try await store.record([object])
                let found = try await artifacts(store)
                #expect(Set(found.keys) == ["data", "extra", "model", "train-1-metrics"])
                #expect(found["model"]?.customProperties["size"]?.intValue == 7)
                // And a sidecar that could write says the same of it.
                let before = try await store.text()
                let named = sidecar(folder, nil, store, cluster: "c")
                #expect(await named.finish())
                let after = try await store.text()
                let differing = Set(before).symmetricDifference(after).filter { !$0.contains("__kfmd_evidence__") }
                #expect(differing.isEmpty, "\(differing)")
            }
        }
    }

    /// Whoever comes first: the recorder's sights, the sidecar's, its report and its message, cut or whole.
    @Test func anyOrderGivesTheSameStore() async throws {
        let capture = Capture(cluster: "c")
        var report = SidecarReport()
        report.time = Self.moment(300).string.flatMap(Timestamp.parse)?.addingTimeInterval(0.25)
        report.digests = [.init(name: "model", path: "/v/m", size: 7, sha256: String(repeating: "a", count: 64))]
        report.inputs = [["type": "data_set", "name": "extra", "uri": "s3://lake/extra"]]
        report.metrics = [("accuracy", 0.9)]
        var cut = report
        (cut.inputs, cut.isCut) = ([], true)
        let downward = InjectedPod(
            name: "train-1", namespace: "ml", uid: "uid-1", labels: ["app": "train"],
            annotations: Self.annotations("/none").merging([
                InjectedPod.annotationKey: InjectedPod.annotation(for: Self.pod("Pending", version: 1), cluster: "c")
            ]) { $1 })
        func pod(_ phase: String, _ version: Int, _ message: String? = nil) throws -> [Execution] {
            capture(try KubernetesObject(Self.pod(phase, version: version, message: message))).executions
        }
        let unknown = capture(downward, end: report.time)
        let object = try KubernetesObject(Self.pod("Running", version: 10))
        let sights: [[Execution]] = [
            try pod("Running", 10), try pod("Succeeded", 20), try pod("Succeeded", 20, cut.json.jsonText()),
            capture(downward, end: nil),
            unknown + [try #require(capture.addition(of: report, pod: object, to: unknown))],
            capture.beside(object), capture.beside(try KubernetesObject(Self.pod("Succeeded", version: 30))),
        ]
        #expect(sights[2].count == 2 && unknown.count == 1)
        var expected: [String]?
        var random = SystemRandomNumberGenerator()
        for attempt in 0..<40 {
            let order = attempt == 0 ? sights : sights.shuffled(using: &random)
            try await withStore { store in
                for sights in order { _ = try await BatchWriter(store, isLive: attempt % 2 == 0).write(sights) }
                let text = try await store.text()
                if let expected {
                    let differing = Set(text).symmetricDifference(expected)
                    #expect(differing.isEmpty, "\(order.map { $0.map(\.state) }): \(differing)")
                } else {
                    expected = text
                    #expect(text.contains { $0.hasSuffix("is kubeflow.org/alpha/execution complete") }, "\(text)")
                }
            }
        }
    }

    /// A rule or an owner says more than the pod: a sidecar's newer sight takes nothing of it away.
    @Test func aSidecarTakesNothingFromTheRecorder() async throws {
        try await withStore { store in
            var rule = try KubernetesObject([
                "kind": "MetadataRule", "apiVersion": "metadata.kubeflow.org/v1alpha1",
                "metadata": ["name": "train", "namespace": "ml", "uid": "uid-rule"],
                "spec": [
                    "selector": ["labels": ["app": "train"]], "workspace": "vision",
                    "outputs": [["type": "model", "name": "by-rule", "uri": "s3://lake/model"]],
                ],
            ])
            rule.resourceVersion = "1"
            let capture = Capture(cluster: "c")
            capture.learn(rule)
            var bare = try KubernetesObject(Self.pod("Succeeded", version: 20))
            for key in ["outputs", "digest-paths", "report-path"] {
                bare.annotations["metadata.kubeflow.org/" + key] = nil
            }
            let recorder = BatchWriter(store)
            _ = try await recorder.write(capture(bare).executions)
            let before = try await store.text()
            #expect(before.contains { $0.contains("by-rule") })
            // Our own ids on it make it newer.
            bare.resourceVersion = "30"
            bare.annotations["metadata.kubeflow.org/workspace"] = "other-team"
            _ = try await BatchWriter(store, isLive: false).write(Capture(cluster: "c").beside(bare))
            let after = try await store.text()
            let differing = Set(before).symmetricDifference(after).filter { !$0.contains("__kfmd_evidence__") }
            #expect(differing.isEmpty, "\(differing)")
        }
    }

    /// That a sidecar runs does not say that the step does: its image may be missing.
    @Test func aStepThatNeverBeganReadNothing() async throws {
        try await withStore { store in
            let capture = Capture(cluster: "c")
            let downward = InjectedPod(
                name: "train-1", namespace: "ml", uid: "uid-1", labels: [:],
                annotations: Self.annotations("/none").merging([
                    InjectedPod.annotationKey: InjectedPod.annotation(
                        for: Self.pod("Pending", version: 1), cluster: "c")
                ]) { $1 })
            let pending = try KubernetesObject(Self.pod("Pending", version: 10))
            for sights in [
                capture(pending).executions, capture(downward, end: nil), capture(pending, isDeleted: true).executions,
            ] { _ = try await BatchWriter(store).write(sights) }
            let ended = try #require(try await execution(store))
            #expect(ended.lastKnownState == .canceled && ended.customProperties["start_time"] == nil)
            #expect(try await store.read { try $0.getArtifacts(.init()).artifacts }.isEmpty)
        }
    }

    /// Of pods whose execution may be an owner far away the recorder tells.
    @Test func podsOfOthersAreLeftToTheRecorder() throws {
        let capture = Capture(cluster: "c")
        func executions(_ owner: JSONValue?, _ labels: JSONValue = [:]) throws -> Int {
            var pod = Self.pod("Running", version: 1)
            pod = pod.merging(patch: [
                "metadata": ["ownerReferences": owner.map { .array([$0]) } ?? .null, "labels": labels]
            ])
            return capture.beside(try KubernetesObject(pod)).count
        }
        func owner(_ apiVersion: String, _ kind: String) -> JSONValue {
            ["apiVersion": .string(apiVersion), "kind": .string(kind), "name": "o", "uid": "uid-o", "controller": true]
        }
        #expect(try executions(nil) == 1)
        #expect(try executions(owner("batch/v1", "Job")) == 1)
        #expect(try executions(owner("batch/v1", "Job"), ["jobset.sigs.k8s.io/jobset-name": "j"]) == 0)
        #expect(try executions(owner("batch/v1", "Job"), ["katib.kubeflow.org/trial": "t"]) == 0)
        #expect(try executions(owner("apps/v1", "ReplicaSet")) == 0)
        #expect(try executions(owner("kubeflow.org/v1", "PyTorchJob")) == 0)
        // Without the webhook's word it is not known whose it is.
        let unsaid = InjectedPod(
            name: "train-1", namespace: "ml", uid: "uid-1", labels: [:], annotations: Self.annotations("/none"))
        #expect(capture(unsaid, end: nil).isEmpty)
    }

    /// What the kubelet has cut is told, and not taken for nothing.
    @Test func aCutMessageIsTold() throws {
        let pod = Self.pod(
            "Succeeded", version: 20, message: #"{"kfmd":1,"time":"2026-11-02T09:00:00Z","digests":[{"na"#)
        let execution = try #require(Capture(cluster: "c")(try KubernetesObject(pod)).executions.first)
        #expect(execution.problems.contains { $0.reason.contains("was cut by the kubelet") })
        // Another program's message is none of ours.
        let other = Self.pod("Succeeded", version: 20, message: "Error: x")
        #expect(try Capture(cluster: "c")(KubernetesObject(other)).executions.first?.problems.isEmpty == true)
    }

    /// Which file belongs to which output, and what nobody said otherwise.
    @Test func digestsBelongToOneOutput() throws {
        let capture = Capture(cluster: "c")
        func outputs(_ annotation: String, _ digests: [SidecarReport.Digest]) throws -> [String: [String:
            PropertyValue]]
        {
            var object = try KubernetesObject(Self.pod("Succeeded", version: 20))
            object.annotations["metadata.kubeflow.org/outputs"] = annotation
            var report = SidecarReport()
            report.digests = digests
            let own = capture(object).executions
            var record = Record(try #require(own.first))
            record.add(try #require(capture.addition(of: report, pod: object, to: own)))
            return Dictionary(
                record.current.outputs.map { ($0.artifact.uri ?? "", $0.artifact.customProperties) }
            ) { first, _ in first }
        }
        func digest(_ name: String) -> SidecarReport.Digest {
            .init(name: name, path: "/v/" + name, size: 7, sha256: String(repeating: "a", count: 64))
        }
        let two = #"[{type: model, uri: "s3://a/data"}, {type: model, uri: "s3://b/data"}]"#
        #expect(try outputs(two, [digest("data")]).values.allSatisfy { $0["size"] == nil })
        let one = #"[{type: model, uri: "s3://a/data"}, {type: model, uri: "s3://b/other"}]"#
        let found = try outputs(one, [digest("data")])
        #expect(found["s3://a/data"]?["size"] == .int(7) && found["s3://b/other"]?["size"] == nil)
        let said = try outputs(#"[{type: model, name: data, uri: "s3://a/x", size: 3}]"#, [digest("data")])
        #expect(said["s3://a/x"]?["size"] == .int(3))
    }

    /// Neither the webhook's annotation nor the message is a place for secrets.
    @Test func secretsStayWhereTheyAre() throws {
        var pod = Self.pod("Pending", version: 1)
        pod = pod.merging(patch: [
            "metadata": ["annotations": ["metadata.kubeflow.org/inputs": "[{uri: $(env.SOURCE), type: data_set}]"]],
            "spec": [
                "containers": [
                    [
                        "name": "train", "args": ["--password=hunter2"],
                        "env": [
                            ["name": "SOURCE", "value": "s3://user:secret@lake/in"], ["name": "TOKEN", "value": "abc"],
                            ["name": "KEY", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k"]]],
                        ],
                    ]
                ]
            ],
        ])
        let annotation = InjectedPod.annotation(for: pod, cluster: "c")
        #expect(annotation.contains("SOURCE") && annotation.contains(#""count":2"#), "\(annotation)")
        for text in ["hunter2", "secret@", "abc", "KEY"] {
            #expect(!annotation.contains(text), "\(text) in \(annotation)")
        }
        var report = SidecarReport()
        report.outputs = [["uri": "https://user:secret@host/x", "type": "model"]]
        #expect(!report.withoutSecrets.message().contains("secret@"))
    }

    /// A server that has just started refuses everybody for a moment: the end is waited for all the same.
    @Test func aServerThatRefusedAtFirstIsAskedForTheEnd() async throws {
        try await withVolumes { folder in
            try await withStore { store in
                // The webhook did not say the cluster's name.
                try FileManager.default.removeItem(atPath: folder + "/info/annotations")
                let cluster = ReplayCluster(resources: [.pods, .namespaces], uid: "c")
                await cluster.apply("ADDED", Self.pod("Running", version: 10, folder: folder))
                await cluster.refuse(for: .milliseconds(300))
                try await withServer(cluster) { client in
                    let sidecar = sidecar(folder, client, store)
                    let run = Task { await sidecar.run() }
                    // By its name, which is asked for again and again until it is told.
                    try await expectEventually { await sidecar.isNamed }
                    run.cancel()
                    let finish = Task { await sidecar.finish() }
                    try await expectEventually { try await execution(store)?.lastKnownState == .running }
                    await cluster.apply("MODIFIED", Self.pod("Succeeded", version: 20, folder: folder))
                    #expect(await finish.value)
                    #expect(try await execution(store)?.lastKnownState == .complete)
                }
            }
        }
    }
}
