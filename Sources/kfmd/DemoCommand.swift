import ArgumentParser
import Capture
import ClusterReplay
import FoundationEssentials
import Kubernetes
import Logging
import MetadataAPI
import MetadataService
import MetadataStore
import Recorder

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replay a recorded cluster into a store, live, and show its pages.",
        discussion: """
            An API server on this machine replays a Kubernetes cluster on which a model is trained,
            evaluated, served and trained again. A recorder watches it as it would a real one. The page
            fills as the pods proceed; the lineage is printed at the end.
            KFMD_DEMO_EXIT=1 ends it by itself, with status 0 only if the whole lineage was recorded.
            """)

    @Option(
        help: ArgumentHelp("Where the pages are. (KFMD_HTTP_LISTEN; 127.0.0.1:8081)", valueName: "host:port"))
    var httpListen: String?

    @Option(
        help: ArgumentHelp(
            "Which example: xgboost-synthetic or fraud. (KFMD_EXAMPLE; xgboost-synthetic)", valueName: "name"))
    var example: String?

    @Option(
        help: ArgumentHelp(
            "The folder of a recorded cluster, in place of an example. (KFMD_RECORDING)", valueName: "folder"))
    var recording: String?

    @Option(help: ArgumentHelp("The store file; a temporary one by default. (KFMD_STORE)", valueName: "file"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "How many times as fast as it was. (KFMD_SPEED; 2, with KFMD_DEMO_EXIT 8)", valueName: "factor"))
    var speed: Double?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (KFMD_LOG_LEVEL)")
    var logLevel: String?

    func run() async throws {
        let logger = try Settings.logger(
            "kfmd.demo", level: logLevel ?? Settings.value(nil, "KFMD_LOG_LEVEL") ?? "warning")
        let example = try Example(
            folder: Example.find(
                Settings.value(recording, "KFMD_RECORDING"), name: Settings.value(example, "KFMD_EXAMPLE")))
        let exits = ProcessInfo.processInfo.environment["KFMD_DEMO_EXIT"] == "1"
        let given = Settings.value(speed.map { String($0) }, "KFMD_SPEED") ?? (exits ? "8" : "2")
        guard let speed = Double(given), speed > 0, speed.isFinite else {
            throw Failure.usage("--speed \(given): should be a number above 0")
        }
        let path =
            Settings.value(store, "KFMD_STORE")
            ?? "\(temporaryFolder)/kfmd-demo-\(UUID().uuidString.prefix(8)).db"
        let store = try Settings.openStore(.file(path))
        try await store.registerPredefinedTypes()
        var options = MetadataServer.Options()
        options.grpc = .init(host: "127.0.0.1", port: 0)
        options.http = try Settings.address(
            Settings.value(httpListen, "KFMD_HTTP_LISTEN") ?? "127.0.0.1:8081", "--http-listen")
        try await show(example, store, path, options, speed, exits, logger)
    }

    private func show(
        _ example: Example, _ store: MetadataStore, _ path: String, _ options: MetadataServer.Options,
        _ speed: Double, _ exits: Bool, _ logger: Logger
    ) async throws {
        let kinds = Capture.kinds.compactMap(\.versions.first)
        let cluster = ReplayCluster(
            resources: [.pods, .events, .configMaps, .leases] + kinds)
        let (pages, page) = AsyncStream.makeStream(of: String.self)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        // The servers are stopped by cancellation here, which they would report as an error.
        var quiet = logger
        quiet.logLevel = .critical
        let serverLogger = quiet
        let search = try SearchIndex(of: store)
        let server = try MetadataServer(store, search: search, options: options, logger: serverLogger)
        let service = try server.service(onHTTP: { page.yield("http://\($0)/") })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            group.addTask { await search.run() }
            group.addTask {
                try await ReplayServer(cluster, logger: serverLogger).run { port.yield($0) }
            }
            group.addTask {
                guard let page = await pages.first(where: { _ in true }),
                    let port = await ports.first(where: { _ in true })
                else { return }
                StandardOutput.write("The page is open: \(page)\nThe store is \(path)\n\n")
                let result = try await record(example, cluster, port, store, speed, logger)
                StandardOutput.write(result.text)
                StandardOutput.write("\nSee it: \(page)artifacts/\(result.artifact)\n")
                if !result.differences.isEmpty {
                    throw Failure.runtime(
                        "not the expected lineage: " + result.differences.joined(separator: "; "))
                }
                if exits { throw CancellationError() }
                StandardOutput.write("Ctrl-C ends it.\n")
            }
            do {
                // The servers run for ever: the first to end, ends all.
                while try await group.next() != nil {}
            } catch is CancellationError {
                group.cancelAll()
            } catch let error as MetadataServer.ListenError {
                throw Failure.runtime(error.description)
            }
        }
        await search.close()
        await store.close()
    }

    /// What was recorded, and how it differs from what was to be.
    private struct Outcome {
        var text: String
        var artifact: Int64
        var differences: [String]
    }

    private func record(
        _ example: Example, _ cluster: ReplayCluster, _ port: Int, _ store: MetadataStore, _ speed: Double,
        _ logger: Logger
    ) async throws -> Outcome {
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(port)"))
        let journal = try Journal(path: ":memory:")
        let metrics = RecorderMetrics()
        let recorder = Recorder(
            client: client, capture: Capture(cluster: try await Recorder.clusterName(client)), journal: journal,
            backend: store, metrics: metrics, logger: logger)
        let recording = Task { await recorder.run() }
        // A pod that is gone before it is watched for nobody can record: on a busy machine that takes a while.
        for _ in 0..<600 where !metrics.isReady { try await Task.sleep(for: .milliseconds(50)) }
        try await example.recording.play(in: cluster, speed: speed)
        // What happened last is recorded a moment later.
        var lines: [String] = []
        for _ in 0..<100 {
            lines = try await Self.lines(store)
            if Set(lines) == Set(example.expected), try await journal.isSettled() { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        recording.cancel()
        await recording.value
        await client.shutdown()
        let differences =
            example.expected.filter { !lines.contains($0) }.map { "missing: \($0)" }
            + lines.filter { !example.expected.contains($0) }.map { "unexpected: \($0)" }
        let artifact = try await Self.newest(example.shown, store)
        return Outcome(
            text: lines.joined(separator: "\n") + "\n", artifact: artifact, differences: differences)
    }

    /// Everything in the store, as text.
    private static func lines(_ store: MetadataStore) async throws -> [String] {
        try await store.read { transaction in
            var graph = MlMetadata_LineageGraph()
            graph.artifacts = try transaction.getArtifacts(.init()).artifacts
            graph.executions = try transaction.getExecutions(.init()).executions
            var request = MlMetadata_GetEventsByExecutionIDsRequest()
            request.executionIds = graph.executions.map(\.id)
            graph.events = try transaction.getEventsByExecutionIDs(request).events
            return LineageText(graph).lines + graph.artifacts.map(Self.line)
        }
    }

    /// An artifact with the values that were measured, such as the accuracy.
    private static func line(_ artifact: MlMetadata_Artifact) -> String {
        let prefix = PropertyName.measuredPrefix
        let values = artifact.customProperties.filter { $0.key.hasPrefix(prefix) }
            .map { "  \($0.key.dropFirst(prefix.count)) \($0.value.text)" }.sorted().joined()
        return "\(artifact.type)  \(artifact.title)  \(artifact.uri)\(values)"
    }

    private static func newest(_ name: String, _ store: MetadataStore) async throws -> Int64 {
        try await store.read { transaction in
            let artifacts = try transaction.getArtifacts(.init()).artifacts
            return artifacts.last { $0.title == name }?.id ?? artifacts.last?.id ?? 0
        }
    }
}

/// An example: the recording, and what it comes to.
private struct Example {
    var recording: Recording
    /// The lines of ``LineageText`` that the whole recording comes to.
    var expected: [String]
    /// The name of the artifact whose page is to be seen.
    var shown: String

    /// - Throws: ``Failure`` that names the file.
    init(folder: String) throws {
        func read(_ name: String) throws -> [UInt8] { try InputFile.read("\(folder)/\(name)") }
        do {
            recording = try Recording(try read("cluster.jsonl"))
        } catch let error as Recording.Malformed {
            throw Failure.usage("\(folder)/cluster.jsonl, \(error)")
        }
        let lines = String(decoding: try read("lineage.txt"), as: UTF8.self).split(separator: "\n")
            .map(String.init)
        expected = lines
        let name = folder.split(separator: "/").last.map(String.init) ?? ""
        shown = Self.known.first { $0.name == name }?.shown ?? ""
    }

    /// The examples, and of which artifact a reader would ask first.
    private static let known = [
        (name: "xgboost-synthetic", shown: "MNIST"), (name: "fraud", shown: "fraud-model"),
    ]

    /// The folder as given, else that of the example: in the working folder, else beside the installed binary.
    static func find(_ given: String?, name: String?) throws -> String {
        if let given { return given }
        let names = known.map(\.name)
        let name = name ?? names[0]
        guard names.contains(name) else {
            throw Failure.usage("--example \(name): should be one of \(names.joined(separator: ", "))")
        }
        let binary = CommandLine.arguments.first ?? ""
        let folder = binary.lastIndex(of: "/").map { String(binary[..<$0]) } ?? "."
        let places = ["Examples/\(name)", "\(folder)/../share/kfmd/examples/\(name)"]
        for place in places where FileManager.default.fileExists(atPath: place + "/cluster.jsonl") {
            return place
        }
        throw Failure.usage(
            "no recorded cluster: neither \(places.joined(separator: " nor ")) exists; give --recording")
    }
}

/// The folder for temporary files.
private var temporaryFolder: String {
    ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
}
