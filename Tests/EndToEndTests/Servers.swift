import ClusterReplay
import FoundationEssentials
import JSON
import Logging

/// A `kfmd serve` on free ports.
struct MetadataProcess {
    let running: Running
    let grpc: String
    let http: String

    /// - Parameters:
    ///   - store: a file in the folder.
    ///   - database: a database instead, as the environment has it: command lines are for all to read.
    init(
        folder: String, store: String = "store.db", database: String? = nil, options: [String] = []
    ) async throws {
        let running = try await Running(
            ["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"] + options,
            log: "\(folder)/serve-\(UUID().uuidString.prefix(6)).log",
            environment: ["KFMD_STORE": database ?? "\(folder)/\(store)"])
        func address(_ label: String) async throws -> String {
            _ = try await running.wait(for: label)
            let line = running.output.split(separator: "\n").first { $0.contains(label) } ?? ""
            let text = line.firstRange(of: "address=").map { line[$0.upperBound...].prefix { $0 != " " } } ?? ""
            return String(text)
        }
        self.running = running
        grpc = try await address("gRPC listens")
        http = try await address("HTTP listens")
    }
}

/// A replayed cluster with a kubeconfig for it.
func withCluster(
    _ folder: String, _ body: @Sendable (ReplayCluster, _ kubeconfig: String) async throws -> Void
) async throws {
    let cluster = ReplayCluster()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { [logger] in try await ReplayServer(cluster, logger: logger).run { port.yield($0) } }
        let number = await ports.first { _ in true } ?? 0
        let path = "\(folder)/kubeconfig"
        try Data(ReplayServer.kubeconfig(port: number).utf8).write(to: URL(fileURLWithPath: path))
        do {
            try await body(cluster, path)
        } catch {
            group.cancelAll()
            throw error
        }
        group.cancelAll()
    }
}

/// The demo's recorded cluster.
enum Example {
    static let folder = Program.root + "Examples/xgboost-synthetic"

    /// Runs `kfmd demo` on a folder with a recording, into a store, to its end.
    static func play(_ recording: String = folder, into store: String) async throws -> Program.Ended {
        try await Program.run(
            Program.kfmd,
            ["demo", "--recording", recording, "--http-listen", "127.0.0.1:0", "--speed", "40", "--store", store],
            environment: ["KFMD_DEMO_EXIT": "1"])
    }

    static func recording() throws -> Recording {
        try Recording(Array(FileManager.default.contents(atPath: folder + "/cluster.jsonl") ?? Data()))
    }

    /// What the Python client reads of it: a line an execution and a line an event.
    static func expectedGraph() throws -> String {
        let path = Program.root + "Tests/EndToEndTests/xgboost-synthetic.graph"
        return String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
