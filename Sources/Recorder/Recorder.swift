public import Capture
import FoundationEssentials
public import Kubernetes
import Lineage
public import Logging
public import MetadataAPI

/// Records a cluster: watches its objects, keeps what they say in the journal, and writes that to the
/// store in batches.
public struct Recorder: Sendable {
    /// What is watched and how.
    public struct Options: Sendable {
        /// Empty for all namespaces.
        public var namespaces: [String] = []
        /// The most steps that are written at once.
        public var batchSize = 200
        /// How long steps that ended stay in the journal.
        public var retention: Duration = .seconds(7 * 24 * 3600)
        public var backoff = Backoff()
        /// The most events of a watch that wait for the journal.
        public var bufferedEvents = 500
        /// How long after a small batch the next one begins, so that what comes together is written together.
        public var linger: Duration = .milliseconds(200)
        /// Where replicas agree who records; `nil` for one that is alone.
        public var election: Election?
        /// The most pods that are patched in a second.
        public var patchesPerSecond = 50

        public init() {}
    }

    /// How replicas agree who records.
    public struct Election: Sendable {
        /// The namespace of the leases.
        public var namespace: String
        /// A name that no other replica has.
        public var identity: String
        /// How many replicas record at once; others stand by.
        public var shards: Int

        public init(namespace: String, identity: String, shards: Int = 1) {
            self.namespace = namespace
            self.identity = identity
            self.shards = shards
        }
    }

    private let client: APIClient
    private let capture: Capture
    private let journal: Journal
    private let writer: BatchWriter
    private let options: Options
    private let logger: Logger
    private let reporter: EventReporter
    private let metrics: RecorderMetrics
    private let ownership: Ownership

    public init(
        client: APIClient, capture: Capture, journal: Journal, backend: any MetadataBackend,
        options: Options = Options(), metrics: RecorderMetrics = RecorderMetrics(), logger: Logger
    ) {
        self.client = client
        self.capture = capture
        self.journal = journal
        writer = BatchWriter(MeteredBackend(backend: backend, metrics: metrics))
        self.options = options
        self.metrics = metrics
        ownership = Ownership(isElected: options.election != nil)
        self.logger = logger
        reporter = EventReporter(client, logger: logger)
    }

    /// The name of a cluster within identities: the uid of `kube-system`, which lasts as long as it.
    /// - Throws: ``APIError`` when it may not be read, ``ConnectionError``.
    public static func clusterName(_ client: APIClient) async throws -> String {
        try await client.get(.namespaces, name: "kube-system").uid
    }

    /// The artifact repositories of Argo Workflows in the namespaces, as far as they may be read.
    public static func artifactRepositories(
        _ client: APIClient, namespaces: [String], logger: Logger
    ) async -> ArtifactRepositories {
        var result = ArtifactRepositories()
        let places: [String?] = namespaces.isEmpty ? [nil] : namespaces
        for namespace in places {
            do {
                let page = try await client.list(
                    .configMaps, namespace: namespace,
                    fieldSelector: "metadata.name=\(ArtifactRepositories.configMapName)")
                for problem in page.objects.flatMap({ result.add($0) }) {
                    logger.warning("artifact repository left out", metadata: ["problem": "\(problem)"])
                }
            } catch {
                logger.debug(
                    "no artifact repositories",
                    metadata: ["namespace": "\(namespace ?? "all")", "reason": "\(error)"])
            }
        }
        return result
    }

    /// Records until it is cancelled.
    public func run() async {
        let namespaces: [String?] = options.namespaces.isEmpty ? [nil] : options.namespaces
        let watches = namespaces.flatMap { namespace in [Resource.workflows, .pods].map { ($0, namespace) } }
        let names = Set(watches.map(Self.name))
        let absence = Absence(
            journal, cluster: capture.cluster, namespaces: Set(options.namespaces), wanted: names)
        let firstLists = FirstLists(names)
        await withTaskGroup(of: Void.self) { group in
            for (resource, namespace) in watches {
                group.addTask { await watch(resource, namespace, absence, firstLists) }
            }
            group.addTask {
                await firstLists.wait()
                if await firstLists.haveArrived { metrics.setReady() }
                await flush()
            }
            group.addTask { await prune() }
            group.addTask {
                await PodPatches(
                    journal: journal, client: client, limits: .init(perSecond: options.patchesPerSecond),
                    metrics: metrics, logger: logger
                ).run()
            }
            if let election = options.election { group.addTask { await elect(election) } }
        }
    }

    private func elect(_ options: Election) async {
        let election = LeaseElection(
            client, .init(namespace: options.namespace, identity: options.identity, shards: options.shards),
            logger: logger
        ) { division in
            guard ownership.set(division) else { return }
            metrics.setLeading(division.own != nil, members: division.members.count)
            logger.notice(
                division.own == nil ? "standing by" : "recording",
                metadata: ["shard": "\(division.own.map(String.init) ?? "none")", "members": "\(division.members)"])
            do {
                try await journal.reassign { ownership.owns($0) }
            } catch {
                logger.error("the journal cannot be written", metadata: ["reason": "\(error)"])
            }
        }
        await election.run()
    }

    // MARK: Watching

    private static func name(_ resource: Resource, _ namespace: String?) -> String {
        "\(resource.plural) \(namespace ?? "")"
    }

    private func watch(
        _ resource: Resource, _ namespace: String?, _ absence: Absence, _ firstLists: FirstLists
    ) async {
        var logger = logger
        logger[metadataKey: "resource"] = "\(resource.plural)"
        if let namespace { logger[metadataKey: "namespace"] = "\(namespace)" }
        var lastInterruption = ""
        var present: Set<Int> = []
        var began = Date()
        func tellAbsence() async {
            do {
                metrics.countLost(
                    try await absence.listed(Self.name(resource, namespace), present: present, began: began))
            } catch {
                logger.error("the journal cannot be read", metadata: ["reason": "\(error)"])
            }
            present = []
        }
        // Events that come while the journal is being synced go into its next commit together.
        let buffer = EventBuffer<(event: Watcher.Event, time: Date)>(capacity: options.bufferedEvents)
        let watcher = Watcher(
            client, resource, namespace: namespace, fields: Capture.fields(of: resource), backoff: options.backoff)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in watcher { await buffer.add((event, Date())) }
                await buffer.finish()
            }
            while let events = await buffer.take() {
                var changed: [(KubernetesObject, isDeleted: Bool)] = []
                for (event, time) in events {
                    switch event {
                    case .applied(let object): changed.append((object, false))
                    case .deleted(let object): changed.append((object, true))
                    default:
                        // In the order in which it was told.
                        await keep(changed, logger)
                        changed = []
                    }
                    switch event {
                    case .applied, .deleted: lastInterruption = ""
                    case .listing:
                        present = []
                        began = time
                    case .page(let objects):
                        for object in objects { present.insert(object.uid.hashValue) }
                        await keep(objects.map { ($0, false) }, logger)
                    case .listed:
                        lastInterruption = ""
                        logger.info("watching")
                        await tellAbsence()
                        await firstLists.arrived(Self.name(resource, namespace))
                    case .unreadable(let reason): logger.warning("left out", metadata: ["reason": "\(reason)"])
                    case .interrupted(let why):
                        metrics.countInterruption(resource.plural, cause: Self.cause(of: why))
                        // The same trouble is told once, not at every attempt.
                        let text = Self.describe(why, resource)
                        if text != lastInterruption {
                            logger.warning("\(text)")
                            if case .refused(let error) = why, error.isNotFound { await tellAbsence() }
                        }
                        lastInterruption = text
                        await firstLists.arrived(Self.name(resource, namespace))
                    }
                }
                await keep(changed, logger)
            }
        }
    }

    private static func cause(of interruption: Watcher.Interruption) -> String {
        switch interruption {
        case .expired: "expired"
        case .refused(let error): "refused_\(error.status)"
        case .disconnected: "disconnected"
        }
    }

    private static func describe(_ interruption: Watcher.Interruption, _ resource: Resource) -> String {
        switch interruption {
        case .expired: "the watch expired; listing again"
        case .refused(let error) where error.isNotFound:
            "the cluster has no \(resource.plural).\(resource.group); looking again from time to time"
        case .refused(let error): "refused, trying again: \(error)"
        case .disconnected(let reason): "disconnected, trying again: \(reason)"
        }
    }

    /// Captures objects into the journal. They count as seen only when that succeeded.
    private func keep(_ objects: [(KubernetesObject, isDeleted: Bool)], _ logger: Logger) async {
        guard !objects.isEmpty else { return }
        var executions: [Execution] = []
        var serving: [Capture.Serving] = []
        var problems: [(problems: [Problem], origin: Execution.Origin)] = []
        for (object, isDeleted) in objects {
            let result = capture(object, isDeleted: isDeleted)
            executions += result.executions
            if let found = result.serving, found.isReplaced { serving.append(found) }
            let origin = Execution.Origin(
                kind: object.kind, namespace: object.namespace, name: object.name, uid: object.uid)
            let found = result.problems + result.executions.flatMap(\.problems)
            if !found.isEmpty { problems.append((found, origin)) }
        }
        var backoff = options.backoff
        while !Task.isCancelled {
            do {
                try await journal.record(executions) { ownership.owns($0) }
                for found in serving {
                    try await journal.endRevisions(
                        found.prefix, except: found.live, at: found.end, isOwned: { ownership.owns($0) })
                }
                // Only when nothing can be lost any more.
                for (problems, origin) in problems {
                    metrics.countProblems(problems.count)
                    if ownership.owns(origin.namespace) { await reporter.report(problems, about: origin) }
                }
                return
            } catch {
                logger.error("the journal cannot be written, trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: backoff.delay())
            }
        }
    }

    // MARK: Writing

    private func flush() async {
        var backoff = options.backoff
        var isDown = false
        let clock = ContinuousClock()
        while !Task.isCancelled {
            await journal.waitForPending()
            let began = clock.now
            do {
                let count = try await flushAll()
                backoff.reset()
                if isDown { logger.info("the store answers again") }
                isDown = false
                // What changes meanwhile is written together: a step's states are then one write.
                if count < options.batchSize { try await clock.sleep(until: began + options.linger) }
            } catch is CancellationError {
                return
            } catch {
                if !isDown {
                    logger.warning("the store does not answer, trying again", metadata: ["reason": "\(error)"])
                }
                isDown = true
                metrics.countStoreError()
                try? await Task.sleep(for: backoff.delay())
            }
        }
    }

    /// Writes all that waits, batch after batch. While the store has one, the next is read from the
    /// journal.
    /// - Returns: how many steps the last batch had.
    private func flushAll() async throws -> Int {
        let limit = options.batchSize
        var batch = try await journal.pending(limit: limit)
        var count = 0
        while let last = batch.last?.revision {
            count = batch.count
            let isLast = count < limit
            async let next = isLast ? [] : journal.pending(limit: limit, after: last)
            try await flush(batch)
            batch = try await next
        }
        return count
    }

    private func flush(_ batch: [Journal.Pending]) async throws {
        let began = ContinuousClock.now
        // Others write these; they waited here until it could be seen whether that was done.
        let others = batch.filter { !ownership.owns($0.execution.namespace) }.map(\.execution)
        let ended = others.isEmpty ? [] : try await writer.ended(others)
        let pending = batch.filter { !ended.contains($0.execution.id) }
        try await journal.acknowledge(
            batch.filter { ended.contains($0.execution.id) }.map { ($0.execution.id, $0.revision, nil) })
        guard !pending.isEmpty else { return }
        let outcomes = try await writer.write(
            pending.map(\.execution), unwritten: Set(pending.filter(\.isUnwritten).map(\.execution.id)))
        metrics.observeBatch(ContinuousClock.now - began)
        var done: [(id: String, revision: Int64, refused: String?)] = []
        var failed: [(id: String, revision: Int64)] = []
        var patches: [Journal.Patch] = []
        for step in pending {
            switch outcomes[step.execution.id] {
            case .recorded(let receipt)?:
                count(step.execution, .recorded)
                if let patch = WriteBack.patch(receipt, of: step.execution) { patches.append(patch) }
                done.append((step.execution.id, step.revision, nil))
            case .refused(let reason)?:
                count(step.execution, .refused)
                done.append((step.execution.id, step.revision, reason))
                let origin = step.execution.mainOrigin
                await reporter.report(
                    [Problem(object: origin?.description ?? step.execution.id, field: "the store", reason: reason)],
                    about: origin)
            case nil: failed.append((step.execution.id, step.revision))
            }
        }
        try await journal.acknowledge(done, patches: patches)
        if !failed.isEmpty {
            try await journal.postpone(failed)
            logger.warning("the store failed at some steps; tried again later", metadata: ["steps": "\(failed.count)"])
        }
        logger.debug("recorded", metadata: ["steps": "\(done.count)"])
    }

    private func count(_ execution: Execution, _ outcome: RecorderMetrics.Outcome) {
        metrics.count(outcome, convention: execution.evidence.first?.convention ?? "unknown")
        if outcome == .recorded, execution.state.isFinal, let end = execution.end {
            metrics.observeLag(Date().timeIntervalSince(end))
        }
    }

    private func prune() async {
        while !Task.isCancelled {
            do {
                try await journal.prune(olderThan: options.retention)
            } catch {
                logger.warning("the journal was not pruned", metadata: ["reason": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(3600))
        }
    }
}
