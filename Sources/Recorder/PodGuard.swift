import FoundationEssentials
import JSON
public import Kubernetes
import Lineage
import Logging

/// Holds pods by a finalizer until they are recorded, at most for a while after their end.
///
/// The pods themselves keep who is held: after a restart their list tells.
actor PodGuard {
    /// The finalizer.
    static let finalizer = "metadata.kubeflow.org/recorded"

    private struct Held: Sendable {
        var namespace: String
        var name: String
        var executions: [String]
        /// When a pod that is being deleted should be gone.
        var leaves: Date?
        /// Since when nothing more comes of it.
        var endedSince: ContinuousClock.Instant?
    }

    private static let concurrency = 16
    /// How much later a replica lets go of pods that are another's.
    private static let standby: Duration = .seconds(600)

    private let client: APIClient
    private let journal: Journal
    private let ownership: Ownership
    private let deadline: Duration
    private let metrics: RecorderMetrics
    private let logger: Logger
    private var held: [String: Held] = [:]
    /// Pods that are to be held, by uid.
    private var wanted: [String: (namespace: String, name: String)] = [:]

    init(
        _ client: APIClient, journal: Journal, ownership: Ownership, deadline: Duration, metrics: RecorderMetrics,
        logger: Logger
    ) {
        self.client = client
        self.journal = journal
        self.ownership = ownership
        self.deadline = deadline
        self.metrics = metrics
        self.logger = logger
    }

    /// A pod was seen, with the executions that it tells of.
    func saw(_ pod: KubernetesObject, _ executions: [Execution], isDeleted: Bool) {
        let metadata = pod.raw["metadata"]
        let leaves = metadata?["deletionTimestamp"]?.string.flatMap(Timestamp.parse)
        let phase = pod.raw["status"]?["phase"]?.string ?? ""
        let hasEnded = phase == "Succeeded" || phase == "Failed"
        let isHeld = (metadata?["finalizers"]?.array ?? []).contains { $0.string == Self.finalizer }
        let isWanted = !isDeleted && !isHeld && !executions.isEmpty && !hasEnded && leaves == nil
        wanted[pod.uid] = isWanted ? (pod.namespace, pod.name) : nil
        guard isHeld, !isDeleted else {
            held[pod.uid] = nil
            return
        }
        let since = held[pod.uid]?.endedSince ?? (hasEnded ? .now : nil)
        held[pod.uid] = Held(
            namespace: pod.namespace, name: pod.name, executions: executions.map(\.id), leaves: leaves,
            endedSince: since)
    }

    /// Holds and lets go until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            await hold()
            await letGo()
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func hold() async {
        let pods = wanted.filter { ownership.owns($0.value.namespace) }
        await each(pods.map { ($0.key, $0.value.namespace, $0.value.name) }) { client, uid, namespace, name in
            try await client.modify(.pods, namespace: namespace, name: name) { object in
                let hasEnded = ["Succeeded", "Failed"].contains(object.raw["status"]?["phase"]?.string ?? "")
                guard object.uid == uid, !hasEnded, object.raw["metadata"]?["deletionTimestamp"] == nil else {
                    return nil
                }
                return Self.patch(object) { $0 + ($0.contains(Self.finalizer) ? [] : [Self.finalizer]) }
            }
        } done: { uid, error in
            // It is tried again where that may help.
            if let error, (error as? APIError)?.status != 403 {
                if (error as? APIError)?.isNotFound != true {
                    return fail(error, "the pod is not held, trying again", uid)
                }
            } else if let error {
                fail(error, "the pod is not held", uid)
            }
            wanted[uid] = nil
        }
    }

    private func letGo() async {
        var ready: [(String, String, String)] = []
        var lost: [String: Int] = [:]
        for (uid, pod) in held {
            var since = pod.endedSince
            if since == nil, let leaves = pod.leaves, leaves < Date() {
                since = .now
                held[uid]?.endedSince = since
            }
            guard let since else { continue }
            let isOwn = ownership.owns(pod.namespace)
            let isRecorded = (try? await journal.haveEnded(pod.executions, written: true)) ?? false
            let isLate = ContinuousClock.now - since > deadline + (isOwn ? .zero : Self.standby)
            guard isLate || isRecorded && isOwn else { continue }
            ready.append((uid, pod.namespace, pod.name))
            // What the journal has is late, not lost.
            let isSeen = (try? await journal.haveEnded(pod.executions, written: false)) ?? false
            if !isSeen { lost[uid] = pod.executions.count }
        }
        await each(ready) { client, uid, namespace, name in
            try await Self.release(client, namespace: namespace, name: name, uid: uid)
        } done: { uid, error in
            if let error { return fail(error, "the pod is not let go, trying again", uid) }
            let pod = held.removeValue(forKey: uid)
            guard let count = lost[uid] else { return }
            metrics.countLost(count)
            logger.error(
                "a pod was let go though its end was not seen: the deadline is over",
                metadata: ["pod": "\(pod?.namespace ?? "")/\(pod?.name ?? "")"])
        }
    }

    /// Does something with pods, some at a time: one that hangs holds up few.
    private func each(
        _ pods: [(uid: String, namespace: String, name: String)],
        _ body: @escaping @Sendable (APIClient, String, String, String) async throws -> Void,
        done: (String, (any Error)?) -> Void
    ) async {
        await withTaskGroup(of: (String, (any Error)?).self) { group in
            for (number, pod) in pods.enumerated() {
                if number >= Self.concurrency, let (uid, error) = await group.next() { done(uid, error) }
                group.addTask { [client] in
                    do {
                        try await body(client, pod.uid, pod.namespace, pod.name)
                        return (pod.uid, nil)
                    } catch {
                        return (pod.uid, error)
                    }
                }
            }
            for await (uid, error) in group { done(uid, error) }
        }
    }

    private func fail(_ error: any Error, _ what: String, _ uid: String) {
        if Task.isCancelled { return }
        let pod = held[uid].map { "\($0.namespace)/\($0.name)" } ?? wanted[uid].map { "\($0.namespace)/\($0.name)" }
        logger.warning("\(what)", metadata: ["pod": "\(pod ?? uid)", "reason": "\(error)"])
    }

    /// Takes the finalizer from a pod.
    static func release(_ client: APIClient, namespace: String, name: String, uid: String) async throws {
        do {
            try await client.modify(.pods, namespace: namespace, name: name) { object in
                object.uid == uid ? patch(object) { $0.filter { $0 != finalizer } } : nil
            }
        } catch let error as APIError where error.isNotFound {
            // Nothing is held any more.
        }
    }

    private static func patch(_ pod: KubernetesObject, _ change: ([String]) -> [String]) -> JSONValue? {
        let old = (pod.raw["metadata"]?["finalizers"]?.array ?? []).compactMap(\.string)
        let new = change(old)
        return new == old ? nil : ["metadata": ["finalizers": .array(new.map { .string($0) })]]
    }
}

extension Recorder {
    /// Takes the finalizer of the guard from all pods: before a recorder is uninstalled.
    /// - Returns: how many pods were held.
    /// - Throws: ``APIError``, ``ConnectionError``.
    public static func releasePods(_ client: APIClient, namespaces: [String]) async throws -> Int {
        var count = 0
        for namespace in namespaces.isEmpty ? [nil] : namespaces.map(Optional.some) {
            var continuation: String?
            repeat {
                let page = try await client.list(
                    .pods, namespace: namespace, continuation: continuation,
                    fields: ["metadata": .without(["managedFields"])])
                for pod in page.objects {
                    let finalizers = pod.raw["metadata"]?["finalizers"]?.array ?? []
                    guard finalizers.contains(where: { $0.string == PodGuard.finalizer }) else { continue }
                    try await PodGuard.release(client, namespace: pod.namespace, name: pod.name, uid: pod.uid)
                    count += 1
                }
                continuation = page.next
            } while continuation != nil
        }
        return count
    }
}
