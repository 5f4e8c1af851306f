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
        /// On which pods the ids are written as `metadata.kubeflow.org/` annotations, beside those of Kubeflow
        /// Pipelines v1.
        public var annotating = PodAnnotating.none
        /// Where the pages are, for the link on pods.
        public var pages: String?
        /// The most pods that are patched in a second.
        public var patchesPerSecond = 50

        public init() {}
    }

    /// On which pods what was recorded is written back.
    public enum PodAnnotating: String, Sendable, CaseIterable {
        case none
        /// Those of namespaces with the label `metadata.kubeflow.org/annotate-pods: "true"`.
        case labelled
        case all
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

    let client: APIClient
    let capture: Capture
    let journal: Journal
    let writer: BatchWriter
    let options: Options
    let logger: Logger
    let reporter: EventReporter
    let metrics: RecorderMetrics
    let ownership: Ownership
    let podGuard: PodGuard?
    let writeBack: WriteBack
    let argoServer: ArgoServer?
    let gonePods = GonePods()

    /// - Parameter argoServer: where nodes of Workflows are fetched that the controller keeps in its database.
    public init(
        client: APIClient, capture: Capture, journal: Journal, backend: any MetadataBackend,
        options: Options = Options(), argoServer: ArgoServer? = nil, metrics: RecorderMetrics = RecorderMetrics(),
        logger: Logger
    ) {
        self.argoServer = argoServer
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
        let annotating = options.annotating
        writeBack = WriteBack(
            isWanted: { annotating == .all || annotating == .labelled && capture.annotatesPods(in: $0) },
            pages: options.pages)
        reporter = EventReporter(client, journal: journal, metrics: metrics, logger: logger)
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
        let result = ArtifactRepositories()
        let places: [String?] = namespaces.isEmpty ? [nil] : namespaces
        // The controller's own may be in a namespace that is not watched.
        let asked =
            places.map { ($0, ArtifactRepositories.configMapNames[0]) }
            + [(String?.none, ArtifactRepositories.configMapNames[1])]
        for (namespace, name) in asked {
            do {
                let page = try await client.list(
                    .configMaps, namespace: namespace,
                    fieldSelector: "metadata.name=\(name)")
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
        let kinds = Capture.kinds + [Capture.pods]
        let stages = Capture.Stage.allCases.map { stage in places(kinds.filter { $0.stage == stage }) }
        let absence = Absence(
            journal, cluster: capture.cluster, namespaces: Set(options.namespaces), ownership: ownership)
        let installed = InstalledKinds(client)
        let stagesListed = stages.map { FirstLists(Set($0.map(\.name))) }
        let firstLists = FirstLists(Set(stages.joined().map(\.name)))
        let begun = ContinuousClock.now
        metrics.updateWatches { states in
            for place in stages.joined() {
                states.begin(place.name, place.kind.definition, namespace: place.namespace, at: begun)
            }
        }
        await journal.awaitPods()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await installed.watch() }
            group.addTask { await reporter.run() }
            for (number, places) in stages.enumerated() {
                for place in places {
                    group.addTask {
                        if number > 0 { await stagesListed[number - 1].wait() }
                        await watch(place, absence, installed, [stagesListed[number], firstLists])
                    }
                }
            }
            group.addTask {
                await firstLists.wait()
                let absent = await installed.absent.sorted()
                if !absent.isEmpty {
                    logger.info("not installed; watched once they are", metadata: ["kinds": "\(absent)"])
                }
                await retrying("the journal cannot be written") {
                    try await journal.podsAreListed { ownership.owns($0) }
                }
            }
            group.addTask {
                // A step that its Workflow tells of waits for its pod.
                await stagesListed[Capture.Stage.membersOfMembers.rawValue].wait()
                // A store that changes no type is told of nothing before all that may declare one was seen.
                if await !canAmend() { await firstLists.wait() }
                await flush()
            }
            group.addTask { await prune() }
            group.addTask {
                await PodPatches(
                    journal: journal, client: client, gone: gonePods,
                    limits: .init(perSecond: options.patchesPerSecond),
                    metrics: metrics, logger: logger
                ).run()
            }
            if let argoServer { group.addTask { await fetchOffloaded(from: argoServer) } }
            if let podGuard { group.addTask { await podGuard.run() } }
            if let election = options.election { group.addTask { await elect(election) } }
        }
    }

    /// Whether the store takes corrections. Asked until it answers.
    private func canAmend() async -> Bool {
        var backoff = Backoff(first: .milliseconds(200), maximum: .seconds(1))
        while !Task.isCancelled {
            do {
                let isSupported = try await writer.amending.isSupported()
                if !isSupported {
                    logger.notice(
                        "the store is not kfmd's: types that are declared late are kept as declared_type, and links stay"
                    )
                }
                return isSupported
            } catch {
                metrics.countStoreError()
                try? await Task.sleep(for: backoff.delay())
            }
        }
        return false
    }

    /// A kind in a namespace, or in all.
    struct Place: Sendable {
        var kind: Capture.Kind
        var namespace: String?

        var name: String { "\(kind.definition) \(namespace ?? "")" }
    }

    /// Does something until it succeeds.
    private func retrying(_ trouble: String, _ body: () async throws -> Void) async {
        var backoff = options.backoff
        while !Task.isCancelled {
            do {
                return try await body()
            } catch {
                logger.error("\(trouble), trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: backoff.delay())
            }
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
}
