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
        /// How many objects a page of a list has.
        public var pageSize = 500
        /// After so long without a sign of life from a watch, objects are listed again.
        public var silence: Duration = .seconds(150)
        /// How long after a small batch the next one begins, so that what comes together is written together.
        public var linger: Duration = .milliseconds(200)
        /// How long an ended pod is held at most until it is recorded; `nil` holds none.
        public var guardDeadline: Duration?
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
    private let podGuard: PodGuard?

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
        let ownership = Ownership(isElected: options.election != nil)
        self.ownership = ownership
        self.logger = logger
        podGuard = options.guardDeadline.map {
            PodGuard(
                client, journal: journal, ownership: ownership, deadline: $0, metrics: metrics, logger: logger)
        }
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
        func places(_ kinds: [Capture.Kind]) -> [Place] {
            kinds.flatMap { kind in
                // What is of the cluster is in no namespace.
                (kind.isClusterScoped ? [nil] : namespaces).map { Place(kind: kind, namespace: $0) }
            }
        }
        let (owners, pods) = (places(Capture.kinds), places([Capture.pods]))
        let absence = Absence(
            journal, cluster: capture.cluster, namespaces: Set(options.namespaces), ownership: ownership)
        let installed = InstalledKinds()
        let ownersListed = FirstLists(Set(owners.map(\.name)))
        let firstLists = FirstLists(Set((owners + pods).map(\.name)))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await installed.watch(client) }
            for place in owners {
                group.addTask { await watch(place, absence, installed, [ownersListed, firstLists]) }
            }
            for place in pods {
                group.addTask {
                    // What a pod belongs to must be known when it is seen.
                    await ownersListed.wait()
                    await watch(place, absence, installed, [firstLists])
                }
            }
            group.addTask {
                await firstLists.wait()
                let absent = await installed.absent.sorted()
                if await firstLists.haveArrived { metrics.setReady() }
                if !absent.isEmpty {
                    logger.info("not installed; watched once they are", metadata: ["kinds": "\(absent)"])
                }
                await flush()
            }
            group.addTask { await prune() }
            group.addTask {
                await PodPatches(
                    journal: journal, client: client, limits: .init(perSecond: options.patchesPerSecond),
                    metrics: metrics, logger: logger
                ).run()
            }
            if let podGuard { group.addTask { await podGuard.run() } }
            if let election = options.election { group.addTask { await elect(election) } }
        }
    }

    /// A kind in a namespace, or in all.
    private struct Place: Sendable {
        var kind: Capture.Kind
        var namespace: String?

        var name: String { "\(kind.definition) \(namespace ?? "")" }
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

    /// Why a watch cannot go on.
    private enum Unavailable { case absent, forbidden, ended }

    /// Watches a kind, in the first version that the cluster serves. One that is not there, or may not be
    /// read, costs a line in the log and is looked for again.
    private func watch(
        _ place: Place, _ absence: Absence, _ installed: InstalledKinds, _ lists: [FirstLists]
    ) async {
        var logger = logger
        logger[metadataKey: "resource"] = "\(place.kind.definition)"
        if let namespace = place.namespace { logger[metadataKey: "namespace"] = "\(namespace)" }
        var told = ""
        var attempts = 0
        while !Task.isCancelled {
            let version = await installed.version(of: place.kind.definition)
            var reason = Unavailable.absent
            for resource in place.kind.versions {
                reason = await watch(resource, place, absence, lists, logger)
                if reason != .absent || Task.isCancelled { break }
            }
            if Task.isCancelled { return }
            if reason == .ended {
                logger.error("a watch ended by itself, beginning again")
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            if reason == .absent {
                await installed.note(absent: place.kind.definition)
                // In no version: what was of it is gone.
                let lost = try? await absence.listed(
                    place.kind.name, in: place.namespace, present: [], began: journal.clock.date)
                metrics.countLost(lost ?? 0)
            }
            for list in lists { await list.arrived(place.name) }
            let text =
                reason == .absent ? "the cluster does not have it; waiting until it is installed" : "may not be read"
            if text != told { logger.log(level: reason == .absent ? .debug : .warning, "\(text)") }
            told = text
            // A definition that was just made is served a moment later.
            attempts = await installed.version(of: place.kind.definition) > version ? 0 : attempts + 1
            let pause: Duration =
                attempts < 5 && version > 0 ? .seconds(1 << attempts) : reason == .absent ? .seconds(300) : .seconds(60)
            await installed.wait(for: place.kind.definition, after: version, atMost: pause)
        }
    }

    /// Watches a resource as long as it is there.
    private func watch(
        _ resource: Resource, _ place: Place, _ absence: Absence, _ lists: [FirstLists], _ logger: Logger
    ) async -> Unavailable {
        var lastInterruption = ""
        var present: Set<Int> = []
        var began = journal.clock.date
        func tellAbsence() async {
            do {
                metrics.countLost(
                    try await absence.listed(resource.kind, in: place.namespace, present: present, began: began))
            } catch {
                logger.error("the journal cannot be read", metadata: ["reason": "\(error)"])
            }
            present = []
        }
        // Events that come while the journal is being synced go into its next commit together.
        let buffer = EventBuffer<(event: Watcher.Event, time: Date)>(capacity: options.bufferedEvents)
        let watcher = Watcher(
            client, resource, namespace: place.namespace, pageSize: options.pageSize,
            fields: Capture.fields(of: resource),
            silence: options.silence, backoff: options.backoff)
        let reading = Task {
            for await event in watcher { await buffer.add((event, journal.clock.date)) }
            await buffer.finish()
        }
        defer { reading.cancel() }
        return await withTaskCancellationHandler {
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
                        for list in lists { await list.arrived(place.name) }
                    case .unreadable(let reason): logger.warning("left out", metadata: ["reason": "\(reason)"])
                    case .interrupted(let why):
                        metrics.countInterruption(resource.plural, cause: Self.cause(of: why))
                        if case .refused(let error) = why {
                            if error.isNotFound {
                                await buffer.close()
                                return .absent
                            }
                            if error.status == 403 {
                                logger.warning("refused: \(error)")
                                await buffer.close()
                                return .forbidden
                            }
                        }
                        // The same trouble is told once, not at every attempt.
                        let text = Self.describe(why)
                        if text != lastInterruption { logger.warning("\(text)") }
                        lastInterruption = text
                        for list in lists { await list.arrived(place.name) }
                    }
                }
                await keep(changed, logger)
            }
            return .ended
        } onCancel: {
            reading.cancel()
        }
    }

    private static func cause(of interruption: Watcher.Interruption) -> String {
        switch interruption {
        case .expired: "expired"
        case .silent: "silent"
        case .refused(let error): "refused_\(error.status)"
        case .disconnected: "disconnected"
        }
    }

    private static func describe(_ interruption: Watcher.Interruption) -> String {
        switch interruption {
        case .expired: "the watch expired; listing again"
        case .silent: "the watch said nothing; listing again"
        case .refused(let error): "refused, trying again: \(error)"
        case .disconnected(let reason): "disconnected, trying again: \(reason)"
        }
    }

    /// Captures objects into the journal. They count as seen only when that succeeded.
    private func keep(_ objects: [(KubernetesObject, isDeleted: Bool)], _ logger: Logger) async {
        guard !objects.isEmpty else { return }
        var executions: [Execution] = []
        var pods: [(KubernetesObject, [Execution], isDeleted: Bool)] = []
        var serving: [Capture.Serving] = []
        var problems: [(problems: [Problem], origin: Execution.Origin)] = []
        for (object, isDeleted) in objects {
            let result = capture(object, isDeleted: isDeleted)
            executions += result.executions
            if podGuard != nil, object.kind == "Pod" { pods.append((object, result.executions, isDeleted)) }
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
                for (pod, executions, isDeleted) in pods {
                    await podGuard?.saw(pod, executions, isDeleted: isDeleted)
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
