import Capture
import ClusterReplay
import HTTPTypes
import Hummingbird
import JSON
import Kubernetes
import Logging
import MetadataAPI
import MetadataStore
@testable import Recorder
import Synchronization
import Testing

/// An Argo server over real HTTP, which answers as those of 2.12 to 4.1 do: live Workflows by name, without
/// `apiVersion` and `kind`, archived ones by uid; errors are those of its gRPC gateway.
private final class ArgoServerDouble: Sendable {
    private struct State {
        var live: [String: JSONValue] = [:]
        var archived: [String: JSONValue] = [:]
        var hasArchive = true
        var isDown = false
        var requests: [String] = []
    }

    private let state = Mutex(State())
    let token: String

    init(token: String) { self.token = token }

    func setLive(_ name: String, _ workflow: JSONValue?) { state.withLock { $0.live[name] = workflow } }
    func archive(_ uid: String, _ workflow: JSONValue) { state.withLock { $0.archived[uid] = workflow } }
    func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }
    func removeArchive() { state.withLock { $0.hasArchive = false } }
    var requests: [String] { state.withLock { $0.requests } }

    func answer(_ request: Request) -> Response {
        let parts = request.uri.path.split(separator: "/").map(String.init)
        state.withLock { $0.requests.append(request.uri.path) }
        if request.headers[.authorization] != "Bearer \(token)" {
            return error(401, 16, "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/")
        }
        return state.withLock { state in
            if state.isDown { return error(503, 14, "no healthy upstream") }
            if parts.count == 5, parts[0...2] == ["api", "v1", "workflows"] {
                guard let found = state.live[parts[4]] else {
                    return error(404, 5, "workflows.argoproj.io \"\(parts[4])\" not found")
                }
                return response(200, found)
            }
            if parts.count == 4, parts[0...2] == ["api", "v1", "archived-workflows"] {
                guard state.hasArchive else { return error(500, 13, "getting archived workflows not supported") }
                return state.archived[parts[3]].map { response(200, $0) } ?? error(404, 5, "not found")
            }
            return error(404, 5, "Not Found")
        }
    }

    private func error(_ status: Int, _ code: Int64, _ message: String) -> Response {
        response(status, ["code": .integer(code), "message": .string(message)])
    }

    private func response(_ status: Int, _ body: JSONValue) -> Response {
        Response(
            status: .init(code: status), headers: [.contentType: "application/json"],
            body: .init(byteBuffer: .init(bytes: body.jsonBytes())))
    }
}

@Suite(.timeLimit(.minutes(2))) struct ArgoServerTests {
    private static func workflow(_ name: String, _ uid: String, phase: String, nodes: Bool) -> JSONValue {
        var status = JSONObject([
            ("phase", .string(phase)), ("startedAt", "2026-11-02T09:00:00Z"),
            ("finishedAt", phase == "Running" ? .null : "2026-11-02T09:10:00Z"),
        ])
        if nodes {
            status["nodes"] = [
                "\(name)-1": [
                    "id": .string("\(name)-1"), "name": .string("\(name).train"), "displayName": "train", "type": "Pod",
                    "phase": "Succeeded", "templateName": "train", "startedAt": "2026-11-02T09:00:00Z",
                    "finishedAt": "2026-11-02T09:10:00Z",
                    "outputs": [
                        "artifacts": [["name": "model", "s3": ["endpoint": "e", "bucket": "b", "key": .string(uid)]]]
                    ],
                ]
            ]
        } else {
            status["offloadNodeStatusVersion"] = .string("fnv:\(phase)")
        }
        var object = JSONObject()
        object["metadata"] = ["name": .string(name), "namespace": "ml", "uid": .string(uid)]
        object["spec"] = ["entrypoint": "main"]
        object["status"] = .object(status)
        // The API server tells them, the Argo server does not.
        if !nodes { (object["apiVersion"], object["kind"]) = ("argoproj.io/v1alpha1", "Workflow") }
        return .object(object)
    }

    /// Runs a recorder with an Argo server while `body` runs.
    private func recording(
        _ cluster: ReplayCluster, _ argo: ArgoServerDouble, _ journal: Journal, _ store: MetadataStore,
        metrics: RecorderMetrics = RecorderMetrics(), _ body: @Sendable () async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let quiet = logger
        let (ports, port) = AsyncStream.makeStream(of: (isCluster: Bool, number: Int).self)
        let clusterServer = Task {
            try await ReplayServer(cluster, logger: quiet).run { port.yield((true, $0)) }
        }
        let argoServer = Task {
            try await Application(
                responder: CallbackResponder { (request: Request, _: BasicRequestContext) in argo.answer(request) },
                configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: { port.yield((false, $0.localAddress?.port ?? 0)) }, logger: quiet
            ).run()
        }
        var (clusterPort, argoPort) = (0, 0)
        for await (isCluster, number) in ports {
            if isCluster { clusterPort = number } else { argoPort = number }
            if clusterPort > 0, argoPort > 0 { break }
        }
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(clusterPort)"))
        var configuration = ClusterConfiguration(server: "http://127.0.0.1:\(argoPort)")
        configuration.credentials = .token("secret")
        let server = ArgoServer(try APIClient(configuration))
        var options = Recorder.Options()
        options.backoff = Backoff(first: .milliseconds(20), maximum: .milliseconds(100))
        let recorder = Recorder(
            client: client, capture: Capture(cluster: "c"), journal: journal, backend: store, options: options,
            argoServer: server, metrics: metrics, logger: quiet)
        let recording = Task { await recorder.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        // The clients first: NIO does not bear a connection to a server that is being cancelled.
        recording.cancel()
        await recording.value
        await client.shutdown()
        await server.shutdown()
        for task in [clusterServer, argoServer] {
            task.cancel()
            _ = try? await task.value
        }
        try result.get()
    }

    private func waitFor(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<800 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("it did not come to that")
    }

    @Test func nodesOfTheDatabaseAreFetched() async throws {
        try await withStore { store in
            let (cluster, argo) = (ReplayCluster(), ArgoServerDouble(token: "secret"))
            let journal = try Journal(path: ":memory:", settle: .milliseconds(50))
            await cluster.apply("ADDED", Self.workflow("w", "u-1", phase: "Succeeded", nodes: false))
            argo.setLive("w", Self.workflow("w", "u-1", phase: "Succeeded", nodes: true))
            try await recording(cluster, argo, journal, store) {
                try await waitFor { try await store.edges() == ["train -> s3://b/u-1#1"] }
            }
            let asked = argo.requests.count
            // What was fetched is not fetched again when everything is listed anew.
            try await recording(cluster, argo, journal, store) { try await Task.sleep(for: .milliseconds(500)) }
            #expect(argo.requests.count == asked)
        }
    }

    @Test func aWorkflowThatIsGoneIsInTheArchive() async throws {
        try await withStore { store in
            let (cluster, argo) = (ReplayCluster(), ArgoServerDouble(token: "secret"))
            let journal = try Journal(path: ":memory:", settle: .milliseconds(50))
            let metrics = RecorderMetrics()
            await cluster.apply("ADDED", Self.workflow("w", "u-1", phase: "Running", nodes: false))
            // Another has its name by now.
            argo.setLive("w", Self.workflow("w", "u-2", phase: "Succeeded", nodes: true))
            argo.setDown(true)
            try await recording(cluster, argo, journal, store, metrics: metrics) {
                try await waitFor { metrics.offloaded["failed"] ?? 0 > 0 }
                await cluster.apply("DELETED", Self.workflow("w", "u-1", phase: "Succeeded", nodes: false))
                argo.archive("u-1", Self.workflow("w", "u-1", phase: "Succeeded", nodes: true))
                argo.setDown(false)
                try await waitFor { try await store.edges() == ["train -> s3://b/u-1#1"] }
            }
        }
    }

    /// Tried a few times, as the archive comes after the end, and then told.
    @Test func whatNobodyHasIsGivenUp() async throws {
        try await withStore { store in
            let (cluster, argo) = (ReplayCluster(), ArgoServerDouble(token: "secret"))
            argo.removeArchive()
            let metrics = RecorderMetrics()
            let journal = try Journal(path: ":memory:", settle: .milliseconds(50))
            await cluster.apply("ADDED", Self.workflow("w", "u-1", phase: "Succeeded", nodes: false))
            try await recording(cluster, argo, journal, store, metrics: metrics) {
                try await waitFor { metrics.offloaded["missing"] == 1 }
                let asked = argo.requests.count
                #expect(asked > 4)
                try await Task.sleep(for: .milliseconds(500))
                #expect(argo.requests.count == asked)
                // Its nodes have changed: asked anew.
                argo.setLive("w", Self.workflow("w", "u-1", phase: "Failed", nodes: true))
                await cluster.apply("MODIFIED", Self.workflow("w", "u-1", phase: "Failed", nodes: false))
                try await waitFor { try await store.edges() == ["train -> s3://b/u-1#1"] }
            }
        }
    }
}
