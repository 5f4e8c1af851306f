import ClusterReplay
import FoundationEssentials
import Testing

/// The recorder's promise under faults that come at random, from a seed: each step that ended is in the store
/// exactly once, with its state, its input and its output.
///
/// `make soak MINUTES=30` goes on with new seeds; `KFMD_SEED` repeats one.
@Suite(.serialized) struct FaultTests {
    private static var seeds: [UInt64] {
        if let seed = Program.environment("KFMD_SEED").flatMap({ UInt64($0) }) { return [seed] }
        return [1, 2, 3]
    }

    @Test(.timeLimit(.minutes(10)), arguments: seeds) func eachStepIsRecordedOnce(seed: UInt64) async throws {
        try await run(seed)
    }

    @Test(.enabled(if: Program.environment("KFMD_SOAK_MINUTES") != nil, "only by make soak"))
    func soak() async throws {
        let minutes = Program.environment("KFMD_SOAK_MINUTES").flatMap { Double($0) } ?? 30
        let end = Date().addingTimeInterval(minutes * 60)
        var count = 0
        while Date() < end {
            let seed = UInt64.random(in: 0 ... .max)
            try await run(seed)
            count += 1
        }
        print("\(count) runs")
    }

    /// A disk of its own for the journal, which is filled and emptied again.
    @Test(.timeLimit(.minutes(10))) func aFullDiskOfTheJournalLosesNothing() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let disk = "\(path)/disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        let mounted = try await Program.run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk])
        guard mounted.status == 0 else {
            print("skipped: a file system cannot be mounted here")
            return
        }
        let fleet = Fleet(workflows: 40, steps: 4)
        try await withCluster(path) { cluster, kubeconfig in
            let service = try await MetadataProcess(folder: path)
            let recorder = try await Running(
                [
                    "record", "--kubeconfig", kubeconfig, "--metadata", service.grpc, "--journal", "\(disk)/journal.db",
                ], log: "\(path)/record.log")
            _ = try await recorder.wait(for: "watching")
            for workflow in 1...fleet.workflows {
                for event in fleet.events(of: workflow) { await cluster.apply(event.type, event.object) }
                if workflow == 10 {
                    // No room is left for a while.
                    _ = try await Program.run("/bin/sh", ["-c", "dd if=/dev/zero of=\(disk)/filler bs=4k 2>/dev/null"])
                }
                if workflow == 30 {
                    _ = try await recorder.wait(for: "the journal cannot be written")
                    try FileManager.default.removeItem(atPath: "\(disk)/filler")
                }
            }
            #expect(try await FleetContents.settled("\(path)/store.db", fleet) == FleetContents(expectedOf: fleet))
            #expect(try await recorder.stop() == 0)
            _ = try await service.running.stop()
        }
        _ = try await Program.run("umount", [disk])
    }

    // MARK: A run

    /// The processes of a run, which are killed and started again.
    private struct Processes {
        let folder: String
        let kubeconfig: String
        var service: Running
        let grpc: String
        /// Between the recorder and the service.
        let proxy: FaultyProxy
        var recorder: Running
        private var number = 0

        init(folder: String, kubeconfig: String) async throws {
            let service = try await MetadataProcess(folder: folder)
            (self.folder, self.kubeconfig, self.service, grpc) = (folder, kubeconfig, service.running, service.grpc)
            proxy = try await FaultyProxy(to: service.grpc)
            recorder = try await Self.recorder(folder, kubeconfig, proxy, 0)
        }

        private static func recorder(
            _ folder: String, _ kubeconfig: String, _ proxy: FaultyProxy, _ number: Int
        ) async throws -> Running {
            // Small pages and short watches, so that something can go wrong between them.
            try await Running(
                [
                    "record", "--kubeconfig", kubeconfig, "--metadata", "127.0.0.1:\(proxy.port)", "--journal",
                    "\(folder)/journal.db", "--chunk-size", "25", "--watch-timeout", "2",
                    "--watch-silence", "2",
                ],
                log: "\(folder)/record-\(number).log")
        }

        mutating func killRecorder() async throws {
            _ = try await recorder.stop("KILL")
            number += 1
            recorder = try await Self.recorder(folder, kubeconfig, proxy, number)
        }

        mutating func killService(down: Duration) async throws {
            _ = try await service.stop("KILL")
            try await Task.sleep(for: down)
            number += 1
            service = try await Running(
                [
                    "serve", "--store", "\(folder)/store.db", "--grpc-listen", grpc, "--http-listen", "127.0.0.1:0",
                ], log: "\(folder)/serve-\(number).log")
            _ = try await service.wait(for: "gRPC listens")
        }
    }

    private func run(_ seed: UInt64) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let fleet = Fleet(workflows: 60, steps: 4)
        try await withCluster(path) { cluster, kubeconfig in
            var random = SeededGenerator(seed: seed)
            var injected: [String: Int] = [:]
            var processes = try await Processes(folder: path, kubeconfig: kubeconfig)
            var waiting = (1...fleet.workflows).map { fleet.events(of: $0)[...] }
            while !waiting.isEmpty {
                let index = Int.random(in: 0..<waiting.count, using: &random)
                if let event = waiting[index].popFirst() {
                    // Watches may merge states: only the last of each object is always told.
                    let isLast = event.type == "DELETED" || waiting[index].count < 3
                    if isLast || event.type == "ADDED" || Int.random(in: 0..<5, using: &random) > 0 {
                        await cluster.apply(event.type, event.object)
                        // The same state again, as a status that is written anew.
                        if event.type != "DELETED", Int.random(in: 0..<20, using: &random) == 0 {
                            await cluster.apply("MODIFIED", event.object)
                        }
                    }
                }
                if waiting[index].isEmpty { waiting.remove(at: index) }
                if Int.random(in: 0..<4, using: &random) == 0 { try await Task.sleep(for: .milliseconds(5)) }
                if Int.random(in: 0..<40, using: &random) == 0 {
                    let fault = try await Self.inject(in: cluster, &processes, &random)
                    injected[fault, default: 0] += 1
                }
            }
            // Whoever failed often waits long before the next attempt.
            await cluster.clearFaults()
            let found = try await FleetContents.settled("\(path)/store.db", fleet)
            if found != FleetContents(expectedOf: fleet) {
                Issue.record(
                    """
                    seed \(seed), injected \(injected): found \(found), expected \(FleetContents(expectedOf: fleet))
                    recorder: \(Self.essence(of: processes.recorder.output))
                    """)
            }
            #expect(try await processes.recorder.stop() == 0)
            #expect(try await processes.service.stop() == 0)
            print("seed \(seed): \(fleet.stepCount) steps, injected \(injected.sorted { $0.key < $1.key })")
        }
    }

    /// The end of an output, or where it tells of a crash.
    private static func essence(of output: String) -> Substring {
        guard let crash = output.firstRange(of: "rash") else { return output.suffix(2000) }
        return output[crash.lowerBound...].prefix(3000)
    }

    /// Something goes wrong.
    private static func inject(
        in cluster: ReplayCluster, _ processes: inout Processes, _ random: inout SeededGenerator
    ) async throws -> String {
        let resource = Bool.random(using: &random) ? "pods" : "workflows"
        switch Int.random(in: 0..<18, using: &random) {
        case 0:
            await cluster.inject(Fault(.any, resource: resource, .tooManyRequests(retryAfter: 1)))
            await cluster.endWatches()
            return "429"
        case 1:
            await cluster.inject(
                Fault(.watch, resource: resource, .status(code: 500, reason: "InternalError", message: "etcd")))
            await cluster.endWatches()
            return "500"
        case 2:
            await cluster.inject(
                Fault(.list, resource: resource, .status(code: 503, reason: "ServiceUnavailable", message: "starting")))
            await cluster.compact()
            await cluster.endWatches()
            return "503 of a list"
        case 3:
            await cluster.inject(
                Fault(.any, resource: resource, .status(code: 401, reason: "Unauthorized", message: "Unauthorized")))
            await cluster.endWatches()
            return "expired token"
        case 4, 5:
            await cluster.inject(
                Fault(.watch, resource: resource, .cut(afterEvents: Int.random(in: 0..<5, using: &random))))
            await cluster.endWatches()
            return "cut connection"
        case 6:
            await cluster.compact()
            await cluster.endWatches()
            return "410"
        case 7:
            await cluster.endWatches()
            return "end of watches"
        case 11:
            await cluster.inject(
                Fault(.list, resource: resource, .cutBody(share: Double.random(in: 0..<1, using: &random))))
            await cluster.compact()
            await cluster.endWatches()
            return "list cut in the middle"
        case 12:
            // The token of the next page is refused, or the server fails there.
            await cluster.compact()
            await cluster.endWatches()
            try await Task.sleep(for: .milliseconds(5))
            await cluster.inject(
                Fault(.list, resource: resource, .status(code: 410, reason: "Expired", message: "too old")))
            return "error between pages"
        case 13:
            await cluster.restartHistory()
            return "history counted anew"
        case 14:
            await cluster.inject(Fault(.watch, resource: resource, .silence))
            await cluster.endWatches()
            return "stalled watch"
        case 15:
            processes.proxy.set(.stall)
            try await Task.sleep(for: .milliseconds(Int.random(in: 50..<500, using: &random)))
            processes.proxy.set(.pass)
            return "slow service"
        case 16, 17:
            processes.proxy.set(.loseAnswers)
            try await Task.sleep(for: .milliseconds(Int.random(in: 50..<400, using: &random)))
            processes.proxy.set(.pass)
            return "lost answers"
        case 8, 9:
            try await processes.killRecorder()
            return "recorder killed"
        default:
            try await processes.killService(down: .milliseconds(Int.random(in: 0..<800, using: &random)))
            return "service killed"
        }
    }
}

/// SplitMix64: the same numbers from the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
