import FoundationEssentials
import Kubernetes
import Lineage
import Logging

/// Takes part in a ``ShardElection`` through Leases of the API server, until it is cancelled.
actor LeaseElection {
    /// How the leases are found, and how often they are renewed.
    struct Options: Sendable {
        var namespace: String
        var name = "kfmd-recorder"
        var identity: String
        var shards = 1
        var renewInterval: Duration = .seconds(2)
    }

    private static let label = "metadata.kubeflow.org/lease"

    private let client: APIClient
    private let options: Options
    private let logger: Logger
    private let changed: @Sendable (Ownership.Division) async -> Void
    private var election: ShardElection
    private let begun = ContinuousClock.now
    private var sleeper: CheckedContinuation<Void, Never>?
    private var isWoken = false
    private var lastFailure = ""

    /// - Parameter changed: told who holds what, whenever that may have changed.
    init(
        _ client: APIClient, _ options: Options, logger: Logger,
        changed: @escaping @Sendable (Ownership.Division) async -> Void
    ) {
        self.client = client
        self.options = options
        self.logger = logger
        self.changed = changed
        election = ShardElection(identity: options.identity, shards: options.shards)
    }

    private var now: Duration { ContinuousClock.now - begun }
    private var time: String { Timestamp.formatMicroseconds(Date()) }

    private func name(_ shard: Int) -> String {
        options.shards == 1 ? options.name : "\(options.name)-\(shard)"
    }

    private var labels: [String: String] { [Self.label: options.name] }

    /// Takes part until it is cancelled, then gives its lease back.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch() }
            group.addTask { await self.renew() }
            // A request that hangs must not keep a lost lease from being noticed.
            group.addTask {
                while !Task.isCancelled {
                    await self.tell()
                    try? await Task.sleep(for: .milliseconds(500))
                }
            }
        }
        await Task { await self.release() }.value
    }

    private func watch() async {
        let selector = "\(Self.label)=\(options.name)"
        for await event in Watcher(client, .leases, namespace: options.namespace, labelSelector: selector) {
            switch event {
            case .page(let objects): for object in objects { observe(object) }
            case .applied(let object): observe(object)
            case .deleted(let object):
                if let shard = shard(object) { election.observe(shard, nil, at: now) }
            case .interrupted(.refused(let error)): fail("leases cannot be watched", "\(error)")
            case .listing, .listed, .watching, .unreadable, .interrupted: break
            }
            wake()
        }
    }

    private func shard(_ object: KubernetesObject) -> Int? { (0..<options.shards).first { name($0) == object.name } }

    private func observe(_ object: KubernetesObject) {
        if let shard = shard(object) { election.observe(shard, Lease(object), at: now) }
    }

    private func renew() async {
        var next = Duration.zero
        // Nothing is decided before the leases were seen, or could not be.
        var isFirst = true
        while !Task.isCancelled {
            if isFirst { await sleepUntilWoken(.seconds(5)) }
            isFirst = false
            let action = election.action(at: now)
            switch action {
            case .renew(let shard):
                if now >= next {
                    next = now + options.renewInterval
                    await put(shard)
                }
            case .acquire(let shard): await put(shard)
            case .standBy: break
            }
            await tell()
            await sleepUntilWoken(options.renewInterval)
        }
    }

    private func put(_ shard: Int) async {
        let start = now
        let lease = election.lease(for: shard, name: name(shard), time: time)
        do {
            if let written = try await client.put(lease, namespace: options.namespace, labels: labels) {
                election.wrote(written, shard, begun: start, at: now)
                lastFailure = ""
            } else if let object = try? await client.get(.leases, namespace: options.namespace, name: name(shard)) {
                // Somebody else was faster, and the watch may be slow to say so. What is there counts, though
                // its version be lower: a restored server counts anew.
                election.observe(shard, nil, at: now)
                observe(object)
            } else {
                election.observe(shard, nil, at: now)
            }
        } catch {
            fail("the lease cannot be renewed", "\(error)")
        }
    }

    private func fail(_ what: String, _ reason: String) {
        if reason != lastFailure, !Task.isCancelled {
            logger.warning("\(what), trying again", metadata: ["reason": "\(reason)"])
        }
        lastFailure = reason
    }

    private func tell() async {
        await changed(.init(members: election.members(at: now), own: election.held(at: now)))
    }

    private func sleepUntilWoken(_ duration: Duration) async {
        let timer = Task { if (try? await Task.sleep(for: duration)) != nil { wake() } }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if isWoken || Task.isCancelled { continuation.resume() } else { sleeper = continuation }
            }
        } onCancel: {
            Task { await self.wake() }
        }
        isWoken = false
        timer.cancel()
    }

    private func wake() {
        isWoken = sleeper == nil
        sleeper?.resume()
        sleeper = nil
    }

    private func release() async {
        await changed(.init(members: [], own: nil))
        guard let (_, lease) = election.release(name: name, time: time) else { return }
        _ = try? await client.put(lease, namespace: options.namespace, labels: labels)
    }
}
