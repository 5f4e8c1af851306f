import Capture
import ClusterReplay
import JSON
import Kubernetes
import Logging
import MetadataStore
@testable import Recorder
import Testing

// MARK: All kinds, rights, servers that start

extension RecorderTests {
    /// More kinds than an HTTP client's usual eight connections: each has a watch of its own.
    @Test func everyKindIsListedAndWatched() async throws {
        let kinds = Capture.kinds + [Capture.pods]
        let others = (0..<20).map {
            Resource(group: "other\($0).example.com", version: "v1", plural: "others\($0)", kind: "Other\($0)")
        }
        let resources =
            kinds.compactMap(\.versions.first) + others
            + [.namespaces, .events, .configMaps, .leases, .customResourceDefinitions]
        #expect(resources.count > 40)
        try await withStore { store in
            let cluster = ReplayCluster(resources: resources)
            let metrics = RecorderMetrics()
            try await recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                for kind in kinds {
                    let plural = kind.versions.first?.plural ?? ""
                    try await expectEventually(plural) { await cluster.openWatches(plural) == 1 }
                }
                try await expectEventually { metrics.isReady }
                #expect(metrics.unwatched.isEmpty)
                // Short calls have connections of their own: an Event is made beside all watches.
                await cluster.apply("ADDED", pod("bad", "Succeeded", inputs: "[{"))
                try await expect(["bad": "complete"], in: store)
                try await expectEventually { await cluster.all(.events).count == 1 }
                for other in others { #expect(await cluster.requests["list \(other.plural)"] == nil) }
            }
        }
    }

    /// A server that has just started refuses what it allows a moment later.
    @Test func aServerThatHasJustStartedIsAskedAgain() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            let metrics = RecorderMetrics()
            await cluster.apply("ADDED", pod("early", "Succeeded"))
            await cluster.refuse(for: .seconds(2))
            try await recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                #expect(!metrics.isReady)
                try await expect(["early": "complete"], in: store)
                try await expectEventually { metrics.isReady }
                #expect(await cluster.openWatches("pods") == 1)
                #expect(await cluster.openWatches("workflows") == 1)
            }
        }
    }

    /// Definitions are watched again once that is allowed.
    @Test func definitionsAreWatchedAfterARefusal() async throws {
        let trials = Resource(group: "kubeflow.org", version: "v1beta1", plural: "trials", kind: "Trial")
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events, .customResourceDefinitions])
            await cluster.refuse(for: .seconds(1))
            try await recording(cluster, try Journal(path: ":memory:"), store) {
                try await expectEventually { await cluster.openWatches("customresourcedefinitions") == 1 }
                await cluster.addResource(trials)
                await cluster.apply(
                    "ADDED",
                    [
                        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                        "metadata": ["name": "trials.kubeflow.org", "uid": "uid-crd"],
                    ])
                try await expectEventually { await cluster.openWatches("trials") == 1 }
            }
        }
    }

    @Test func aKindThatMayNotBeReadIsTold() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            let metrics = RecorderMetrics()
            await cluster.forbid("workflows")
            await cluster.apply("ADDED", pod("a", "Succeeded"))
            try await recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                try await expect(["a": "complete"], in: store)
                try await expectEventually { metrics.isReady }
                #expect(metrics.unwatched.count == 1)
                #expect(metrics.unwatched.first?.contains("workflows.argoproj.io: refused") == true)
                let text = metrics.text(depth: 0, age: 0)
                #expect(text.contains(#"kfmd_watching{resource="workflows.argoproj.io",namespace=""} 0"#))
                #expect(text.contains(#"kfmd_watching{resource="pods",namespace=""} 1"#))
                // Rights that come later are used.
                await cluster.forbid("workflows", false)
                try await expectEventually { await cluster.openWatches("workflows") == 1 }
                try await expectEventually { metrics.unwatched.isEmpty }
            }
        }
    }

    @Test func withoutPodsItIsNotReady() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            let metrics = RecorderMetrics()
            await cluster.forbid("pods")
            try await recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                try await expectEventually { await cluster.openWatches("workflows") == 1 }
                try await expectEventually { metrics.unready.contains { $0.contains("pods: refused") } }
                #expect(!metrics.isReady)
            }
        }
    }

    @Test func kindsThatAreNotInstalledCostOneRequest() async throws {
        try await withStore { store in
            let cluster = ReplayCluster(resources: [.pods, .namespaces, .events, .customResourceDefinitions])
            let metrics = RecorderMetrics()
            try await recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                try await expectEventually { metrics.isReady }
                let requests = await cluster.requests
                let lists = requests.keys.filter { $0.hasPrefix("list ") }.sorted()
                #expect(lists == ["list customresourcedefinitions", "list namespaces", "list pods"])
                // One, and another where the answer has grown old meanwhile; not one a kind.
                #expect(requests["discovery", default: 0] < Capture.kinds.count / 2)
            }
        }
    }

    @Test func aProblemIsOneEventWhateverTheNumberOfRecorders() async throws {
        try await withStore { store in
            let cluster = ReplayCluster()
            await cluster.apply("ADDED", pod("bad", "Succeeded", inputs: "[{"))
            let kept = try Journal(path: ":memory:")
            // Again with what it kept, and by one that knows nothing.
            for journal in [kept, kept, try Journal(path: ":memory:")] {
                try await recording(cluster, journal, store) {
                    try await expectEventually { await cluster.openWatches("pods") == 1 }
                    try await expectEventually { await cluster.all(.events).count == 1 }
                }
            }
            #expect(await cluster.all(.events).count == 1)
            // Only the one that knew nothing asked for it again.
            #expect(await cluster.requests["create events", default: 0] <= 2)
        }
    }

    @Test func anObjectThatCannotBeReadHoldsUpNoOther() async throws {
        let deep = (0..<400).reduce(JSONValue.string("x")) { value, _ in ["n": value] }
        try await withStore { store in
            let cluster = ReplayCluster()
            let metrics = RecorderMetrics()
            func workflow(_ labels: JSONValue) -> JSONValue {
                [
                    "kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1", "spec": deep,
                    "metadata": ["name": "deep", "namespace": "ml", "uid": "uid-deep", "labels": labels],
                ]
            }
            await cluster.apply("ADDED", workflow([:]))
            await cluster.apply(
                "ADDED",
                [
                    "kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1",
                    "metadata": ["name": "w", "namespace": "ml", "uid": "uid-w"], "spec": ["entrypoint": "main"],
                    "status": ["phase": "Running", "startedAt": "2026-11-02T09:00:00Z"],
                ])
            try await recording(cluster, try Journal(path: ":memory:", settle: .zero), store, metrics: metrics) {
                try await expectEventually {
                    try await store.read { try $0.getContexts(.init()).contexts.contains { $0.name == "w-uid-w" } }
                }
                // Changed, it comes by the watch.
                await cluster.apply("MODIFIED", workflow(["a": "b"]))
                await cluster.apply("ADDED", pod("a", "Succeeded"))
                try await expect(["a": "complete"], in: store)
                try await expectEventually {
                    metrics.text(depth: 0, age: 0).contains(#"kfmd_set_aside_total{what="unreadable_object"} 2"#)
                }
            }
        }
    }
}

extension RecorderTests {
    /// Ids are written onto pods that are there; of one that was seen to go nobody need ask.
    @Test func nothingIsWrittenOntoPodsThatAreGone() async throws {
        let cluster = ReplayCluster()
        await cluster.apply("ADDED", pod("there", "Succeeded"))
        let journal = try Journal(path: ":memory:")
        try await journal.record([step("a", 0, 1), step("b", 0, 1)])
        func patch(_ name: String) -> Journal.Patch {
            let body = #"{"metadata":{"uid":"uid-\#(name)","labels":{"seen":"yes"}}}"#
            return Journal.Patch(id: 0, namespace: "ml", pod: name, body: body)
        }
        let pending = try await journal.pending(limit: 10)
        try await journal.acknowledge(
            pending.map { ($0.execution.id, $0.revision, nil) }, patches: [patch("gone"), patch("there")])
        let gone = GonePods()
        gone.add("uid-gone")
        let metrics = RecorderMetrics()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = Task { [logger] in try await ReplayServer(cluster, logger: logger).run { port.yield($0) } }
        let number = await ports.first { _ in true } ?? 0
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(number)"))
        let patches = PodPatches(
            journal: journal, client: client, gone: gone, limits: .init(), metrics: metrics, logger: logger)
        let writing = Task { await patches.run() }
        try await expectEventually {
            await cluster.object(.pods, namespace: "ml", name: "there")?["metadata"]?["labels"]?["seen"] == "yes"
        }
        try await expectEventually { try await journal.patches(limit: 10).isEmpty }
        writing.cancel()
        await writing.value
        await client.shutdown()
        server.cancel()
        _ = try? await server.value
        #expect(await cluster.requests["patch pods"] == 1)
        #expect(metrics.text(depth: 0, age: 0).contains(#"kfmd_patches_total{result="gone"} 1"#))
    }

    @Test func onlyTheLastPodsThatWentAreKnown() {
        let gone = GonePods()
        for number in 0..<30_000 { gone.add("uid-\(number)") }
        #expect(!gone.contains("uid-9999"))
        #expect(gone.contains("uid-10000") && gone.contains("uid-29999"))
    }
}

@Suite struct WatchStatesTests {
    private let start = ContinuousClock.now

    private func states(_ change: (inout WatchStates) -> Void) -> WatchStates {
        var states = WatchStates()
        for place in ["pods", "jobs", "trials"] { states.begin(place, place, namespace: nil, at: start) }
        change(&states)
        return states
    }

    @Test func nothingIsWellBeforeAllWereListed() {
        let states = states {
            $0.isWatching("jobs")
            $0.isAbsent("trials")
        }
        #expect(!states.areWell(at: start))
        #expect(states.unwatched(at: start).map(\.name) == ["pods"])
    }

    @Test func aWatchThatIsAwayForAWhileIsTold() {
        let states = states {
            for place in ["pods", "jobs", "trials"] { $0.isWatching(place) }
            $0.failed("jobs", "refused: HTTP 401", isForbidden: false, at: start + .seconds(10))
            // Later signs of the same trouble do not begin it anew.
            $0.failed("jobs", "refused: HTTP 401", isForbidden: false, at: start + .seconds(35))
        }
        #expect(states.areWell(at: start + .seconds(39)))
        #expect(!states.areWell(at: start + .seconds(41)))
        #expect(states.unwatched(at: start + .seconds(41)).first?.reason == "refused: HTTP 401")
    }

    @Test func onlyRightsThatWereNotGivenAreTolerated() {
        let refusedToAll = states {
            for place in ["pods", "jobs", "trials"] { $0.failed(place, "403", isForbidden: true, at: start) }
        }
        #expect(!refusedToAll.areWell(at: start))
        let refusedToSome = states {
            $0.isWatching("pods")
            $0.isAbsent("trials")
            $0.failed("jobs", "403", isForbidden: true, at: start)
        }
        #expect(refusedToSome.areWell(at: start + .seconds(600)))
        #expect(refusedToSome.unwatched(at: start).map(\.isTolerated) == [true])
    }
}

@Suite struct ThrottleTests {
    @Test func whatIsTooMuchIsCounted() {
        var throttle = Throttle(burst: 2, perSecond: 1)
        #expect((0..<4).map { _ in throttle.admit(at: .zero) } == [0, 0, nil, nil])
        #expect(throttle.admit(at: .seconds(1)) == 2)
        #expect(throttle.admit(at: .seconds(1)) == nil)
        // No more than the burst gathers.
        #expect((0..<3).map { _ in throttle.admit(at: .seconds(100)) } == [1, 0, nil])
    }
}
