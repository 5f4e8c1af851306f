import Capture
import FoundationEssentials
public import Kubernetes
import Lineage
public import Logging
public import MetadataAPI
import Recorder

/// Records the one pod that it is in, from beside its containers.
///
/// What it can know depends on its rights. With `get` on pods it reads its pod as the recorder of a cluster does; without, it
/// knows what the downward API and the webhook's annotation say, that the other containers have ended (a native sidecar gets
/// SIGTERM after the last of them: Kubernetes 1.29 and later, KEP-753), and what they left on shared volumes. What it cannot
/// know it leaves out: the recorder of the cluster completes it under the same identity, whoever comes first.
public actor Sidecar {
    /// Where and how often it looks.
    public struct Options: Sendable {
        public var pod: (name: String, namespace: String, uid: String)
        /// The folder of the downward API's files `labels` and `annotations`.
        public var infoFolder = "/etc/kfmd/pod"
        /// Where Kubernetes reads the termination message (`terminationMessagePath`).
        public var messagePath = "/dev/termination-log"
        /// The cluster's name within identities, where it was given.
        public var cluster: String?
        /// How often the pod is read while it runs.
        public var interval: Duration = .seconds(5)
        /// How long digests may take when the pod has ended: of a grace period that is used up 2 s are left.
        public var lastDigests: Duration = .seconds(1)
        /// How long the pod's status is waited for, which tells the end later than the signal.
        public var lag: Duration = .seconds(8)
        /// How long the store is tried at the end.
        public var patience: Duration = .seconds(13)
        /// Where volumes are; `nil` reads what is mounted.
        public var volumes: [String]?

        public init(name: String, namespace: String, uid: String) { pod = (name, namespace, uid) }
    }

    private let options: Options
    private let client: APIClient?
    private let writer: BatchWriter
    private let logger: Logger
    private let digester: FileDigester
    private var capture: Capture?
    /// Whether nobody will say the cluster's name.
    private var isClusterUnknown = false

    /// The pod as it was read last; `nil` where it never was.
    private var pod: KubernetesObject?
    /// When reading it is tried again after a refusal.
    private var refusedUntil: ContinuousClock.Instant?
    private var ended: Date?
    private var report = SidecarReport()
    private var written: [Execution] = []
    private var told: Set<String> = []

    /// - Parameter client: `nil` where there is no way to the API server.
    public init(_ options: Options, client: APIClient?, backend: any MetadataBackend, logger: Logger) {
        (self.options, self.client, self.logger) = (options, client, logger)
        writer = BatchWriter(backend, isLive: false)
        digester = FileDigester(
            options.volumes.map { Volumes(points: $0) }
                ?? Volumes(mountinfo: SystemFile.text(of: "/proc/self/mountinfo", upTo: 4 << 20)))
    }

    // MARK: While the pod runs

    /// Records the pod as it goes on, until it is cancelled.
    public func run() async {
        async let digests: Void = digestEarly()
        var backoff = Backoff(first: .seconds(1), maximum: .seconds(30))
        while !Task.isCancelled {
            await readPod()
            let isWritten = await write()
            try? await Task.sleep(for: isWritten ? options.interval : backoff.delay())
            if isWritten { backoff.reset() }
        }
        await digests
    }

    /// Digests what does not change any more, so that little is left to do at the end.
    private func digestEarly() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: options.interval)
            for item in DigestPaths(annotations[DigestPaths.annotationKey]).items where !Task.isCancelled {
                _ = try? await digester.digest(item, .gentle)
            }
        }
    }

    private var downward: InjectedPod {
        InjectedPod(
            name: options.pod.name, namespace: options.pod.namespace, uid: options.pod.uid,
            labels: DownwardFiles.read(options.infoFolder + "/labels"),
            annotations: DownwardFiles.read(options.infoFolder + "/annotations"))
    }

    private var annotations: [String: String] { pod?.annotations ?? downward.annotations }

    private var isRefused: Bool { refusedUntil.map { ContinuousClock.now < $0 } ?? false }

    /// Reads the pod, where that is allowed.
    private func readPod() async {
        if capture == nil { await findCluster() }
        guard let client, !isRefused else { return }
        do {
            let found = try await client.get(.pods, namespace: options.pod.namespace, name: options.pod.name)
            // Another of its name, made after this one was removed by force.
            guard found.uid == options.pod.uid else { return }
            (pod, refusedUntil) = (found, nil)
        } catch let error as APIError where error.status == 401 || error.status == 403 {
            refusedUntil = .now + .seconds(60)
            tell("the pod may not be read: what the downward API says is recorded, without exit codes", "\(error)")
        } catch {
            logger.debug("the pod was not read", metadata: ["reason": "\(error)"])
        }
    }

    /// Identities begin with the cluster's name: without it nothing is written, for another recorder would not find it again.
    private func findCluster() async {
        var name = options.cluster ?? downward.cluster
        if name == nil, let client {
            do { name = try await Recorder.clusterName(client) } catch {
                isClusterUnknown = (error as? APIError).map { $0.status == 401 || $0.status == 403 } ?? false
                logger.debug("the cluster's name was not found", metadata: ["reason": "\(error)"])
            }
        }
        if let name {
            // A server that has just started refuses everybody at first.
            (capture, isClusterUnknown) = (Capture(cluster: name), false)
        } else if client == nil || isClusterUnknown {
            isClusterUnknown = true
            tell(
                "the cluster has no name: nothing is written to the store, and the termination message has what was found; set KFMD_CLUSTER to the uid of the namespace kube-system",
                "neither given nor in the annotation \(InjectedPod.annotationKey), and kube-system may not be read")
        }
    }

    /// Whether the cluster's name is known; for tests.
    var isNamed: Bool { capture != nil }

    /// Says something once.
    private func tell(_ text: String, _ reason: String) {
        guard told.insert(text).inserted else { return }
        logger.notice("\(text)", metadata: ["reason": "\(reason)"])
    }

    // MARK: What is written

    /// What is known of the pod now.
    private var sights: [Execution] {
        guard let capture else { return [] }
        let downward = downward
        let object = pod ?? downward.object
        var result = pod.map { capture.beside($0) } ?? []
        // What the signal said counts where the status does not say more.
        if pod == nil || ended != nil && !result.contains(where: { $0.role == .step && $0.state.isFinal }) {
            result += capture(downward, end: ended)
        }
        guard !result.isEmpty else {
            tell(
                "nothing is written to the store: the recorder reads what the sidecar found",
                pod == nil
                    ? "what the pod belongs to is not known"
                    : "no convention and no annotation says that the pod is one execution")
            return []
        }
        if let addition = capture.addition(of: report, pod: object, to: result) { result.append(addition) }
        return result
    }

    /// Writes what is new.
    /// - Returns: whether the store has it all.
    private func write() async -> Bool {
        let sights = sights
        guard !sights.isEmpty, sights != written else { return true }
        do {
            for (id, outcome) in try await writer.write(sights) {
                if case .refused(let reason) = outcome {
                    logger.error(
                        "the store refused it for good", metadata: ["execution": "\(id)", "reason": "\(reason)"])
                }
            }
            written = sights
            return true
        } catch {
            tell("the store does not take it; it is tried again", "\(error)")
            return false
        }
    }

    // MARK: The end

    /// Those of an Argo pod in a mesh: where nobody said how many there are.
    private static let usualContainers = 6

    /// The containers have ended: digests what they left, leaves the message, and writes the rest.
    /// - Returns: whether the store has it all.
    @discardableResult
    public func finish() async -> Bool {
        let begun = ContinuousClock.now
        ended = Date()
        // Rights may have come since.
        refusedUntil = nil
        report = await finalReport(annotations, until: begun + options.lastDigests).withoutSecrets
        if !report.isEmpty { leaveMessage() }
        var backoff = Backoff(first: .milliseconds(100), maximum: .seconds(2))
        var isWritten = false
        // The grace period may end at any moment: what is known now comes first, what the status says later after it.
        while !Task.isCancelled {
            if capture == nil, !isClusterUnknown { await readPod() }
            isWritten = await write()
            let waited = ContinuousClock.now - begun
            if isWritten, waited >= options.lag || isEndKnown { break }
            if waited >= options.patience { break }
            try? await Task.sleep(for: isWritten ? .milliseconds(250) : backoff.delay())
            if !isEndKnown { await readPod() }
        }
        if !isWritten {
            logger.error(
                "the store has not taken all; the termination message has what was found beside the containers")
        }
        return isWritten
    }

    /// Whether nothing more is to be learnt of the end.
    private var isEndKnown: Bool {
        // Nothing will be read.
        guard client != nil, !isRefused, !isClusterUnknown else { return true }
        guard let capture, let pod else { return false }
        let executions = capture.beside(pod)
        // A pod that is not recorded is not waited for.
        return executions.isEmpty || executions.contains { $0.state.isFinal }
    }

    private func finalReport(
        _ annotations: [String: String], until end: ContinuousClock.Instant
    ) async -> SidecarReport {
        let paths = DigestPaths(annotations[DigestPaths.annotationKey])
        let digester = digester
        let box = ReportBox(SidecarReport())
        let time = ended
        // Not waited for longer than it may take: a volume whose server does not answer holds its thread.
        let work = Task {
            var report = SidecarReport()
            report.time = time
            report.problems = paths.problems
            if let path = annotations[SidecarReport.pathAnnotationKey], !path.isEmpty {
                do {
                    report = try await digester.read(path, into: report)
                } catch {
                    report.problems.append("report-path \(path.cut(to: 200)): \(error)")
                }
                await box.set(report)
            }
            for item in paths.items {
                do {
                    let digest = try await digester.digest(item, .until(end))
                    if digest.sha256 == nil {
                        report.problems.append("digest of \(item.path): no time, or still written; its size only")
                    }
                    report.digests.append(digest)
                } catch {
                    report.problems.append("digest of \(item.path): \(error)")
                }
                await box.set(report)
            }
            await box.finish(report)
        }
        let isWhole = await box.wait(until: end + .milliseconds(200))
        work.cancel()
        var result = await box.report
        if !isWhole { result.problems.append("not all files could be looked at in time") }
        result.time = time
        return result
    }

    /// Leaves what was found in the pod's status, which the recorder of the cluster reads.
    private func leaveMessage() {
        // The kubelet keeps a share of all messages of a pod for each container: of how many, the pod says, else the webhook.
        let count =
            pod.map { pod in
                ["initContainers", "containers"].reduce(0) { $0 + (pod.raw["spec"]?[$1]?.array?.count ?? 0) }
            } ?? downward.containerCount ?? Self.usualContainers
        let bytes = Array(report.message(upTo: SidecarReport.messageLength(ofContainers: count)).utf8)
        if !SystemFile.write(bytes, to: options.messagePath) {
            logger.error("no termination message could be written", metadata: ["path": "\(options.messagePath)"])
        }
    }
}

/// A report while it is made.
private actor ReportBox {
    private(set) var report: SidecarReport
    private var isFinished = false

    init(_ report: SidecarReport) { self.report = report }

    func set(_ report: SidecarReport) { self.report = report }

    func finish(_ report: SidecarReport) { (self.report, isFinished) = (report, true) }

    /// - Returns: whether it was finished by then.
    func wait(until end: ContinuousClock.Instant) async -> Bool {
        while !isFinished, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
        return isFinished
    }
}
