import ArgumentParser
import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Logging

/// An API server with pods for the recorder: a backlog, or pods that come and go at a rate.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "cluster", abstract: "Serve a cluster's API.")

    @Option(help: "How many finished pods there are.") var backlog = 0
    @Option(help: "How many pods a second run and are deleted as they end.") var rate = 0
    @Option(help: "For how many seconds.") var seconds = 0
    @Option(help: "Where the kubeconfig is written once the server listens, and a file .played at the end.")
    var kubeconfig: String

    func run() async throws {
        let cluster = ReplayCluster()
        for number in 0..<backlog { await cluster.load(BenchPod(number: number).object(), resource: .pods) }
        var logger = Logger(label: "cluster")
        logger.logLevel = .error
        let path = kubeconfig
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [logger] in
                try await ReplayServer(cluster, logger: logger).run { port in
                    try? Data(ReplayServer.kubeconfig(port: port).utf8).write(to: URL(fileURLWithPath: path))
                }
            }
            group.addTask { try await play(in: cluster) }
            try await group.waitForAll()
        }
    }

    /// Pods begin once a line is read from standard input.
    private func play(in cluster: ReplayCluster) async throws {
        guard rate > 0 else { return }
        await Task.detached { _ = readLine() }.value
        let clock = ContinuousClock()
        let began = clock.now
        for number in 0..<rate * seconds {
            try await clock.sleep(until: began + .seconds(Double(number) / Double(rate)))
            let pod = BenchPod(number: number)
            await cluster.apply("ADDED", pod.object(phase: "Pending"))
            await cluster.apply("MODIFIED", pod.object(phase: "Running"))
            let now = Date()
            let ended = pod.object(end: Timestamp.format(now), emitted: Timestamp.milliseconds(now))
            await cluster.apply("MODIFIED", ended)
            await cluster.apply("DELETED", ended)
            if number % 100 == 0 { await cluster.compact(keeping: 2000) }
        }
        try Data().write(to: URL(fileURLWithPath: kubeconfig + ".played"))
    }
}
