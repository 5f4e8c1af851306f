import ClusterReplay
import JSON
import Kubernetes
import Logging

/// A replayed cluster on a free port, and a client of it.
func withReplay(
    _ cluster: ReplayCluster = ReplayCluster(), options: ReplayServer.Options = .init(),
    watchTimeout: Duration = .seconds(30), silence: Duration = .seconds(5),
    credentials: Credentials = .none, _ body: @Sendable (ReplayCluster, APIClient) async throws -> Void
) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { [logger] in
            try await ReplayServer(cluster, options: options, logger: logger).run { port.yield($0) }
        }
        let number = await ports.first { _ in true } ?? 0
        var configuration = ClusterConfiguration(server: "http://127.0.0.1:\(number)")
        configuration.credentials = credentials
        let client = try APIClient(configuration, watchTimeout: watchTimeout, silence: silence)
        do {
            try await body(cluster, client)
        } catch {
            await client.shutdown()
            group.cancelAll()
            throw error
        }
        await client.shutdown()
        group.cancelAll()
    }
}

/// A pod with a name and a phase.
func pod(_ name: String, _ phase: String = "Running", labels: JSONValue = [:], namespace: String = "demo") -> JSONValue
{
    [
        "kind": "Pod", "apiVersion": "v1",
        "metadata": [
            "name": .string(name), "namespace": .string(namespace), "uid": .string("uid-\(name)"), "labels": labels,
        ], "status": ["phase": .string(phase)],
    ]
}

/// What a watcher tells, in short: `listing`, `page p1,p2`, `listed`, `applied p1 5`, …
struct Told {
    private var iterator: Watcher.Iterator
    private(set) var versions: [String: String] = [:]

    init(_ watcher: Watcher) { iterator = watcher.makeAsyncIterator() }

    mutating func next() async -> String {
        switch await iterator.next() {
        case .listing?: return "listing"
        case .page(let objects)?: return "page \(objects.map(\.name).sorted().joined(separator: ","))"
        case .listed?: return "listed"
        // It follows each list at once, and says when nothing is missed any more.
        case .watching?: return await next()
        case .interrupted(.ended)?: return "ended"
        case .applied(let object)?: return "applied \(object.name)"
        case .deleted(let object)?: return "deleted \(object.name)"
        case .unreadable?: return "unreadable"
        case .interrupted(.expired)?: return "expired"
        case .interrupted(.silent)?: return "silent"
        case .interrupted(.refused(let error))?: return "refused \(error.status)"
        case .interrupted(.disconnected)?: return "disconnected"
        case nil: return "end"
        }
    }

    mutating func next(_ count: Int) async -> [String] {
        var result: [String] = []
        for _ in 0..<count { result.append(await next()) }
        return result
    }
}

/// Waits until something holds, for as long as a slow machine may need.
func eventually(_ condition: () async -> Bool) async throws {
    for _ in 0..<2400 {
        if await condition() { return }
        try await Task.sleep(for: .milliseconds(25))
    }
}
