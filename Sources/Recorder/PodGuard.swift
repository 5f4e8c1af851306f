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

    private struct Held {
        var namespace: String
        var name: String
        var executions: [String]
        /// Since when nothing but the finalizer keeps it, or nothing more comes of it.
        var endedSince: Date?
    }

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
        if isDeleted {
            held[pod.uid] = nil
            wanted[pod.uid] = nil
            return
        }
        let metadata = pod.raw["metadata"]
        let isLeaving = metadata?["deletionTimestamp"] != nil
        let phase = pod.raw["status"]?["phase"]?.string ?? ""
        let hasEnded = isLeaving || phase == "Succeeded" || phase == "Failed"
        let isHeld = (metadata?["finalizers"]?.array ?? []).contains { $0.string == Self.finalizer }
        if isHeld {
            wanted[pod.uid] = nil
            let since = held[pod.uid]?.endedSince ?? (hasEnded ? Date() : nil)
            held[pod.uid] = Held(
                namespace: pod.namespace, name: pod.name, executions: executions.map(\.id), endedSince: since)
        } else {
            held[pod.uid] = nil
            if !executions.isEmpty, !hasEnded { wanted[pod.uid] = (pod.namespace, pod.name) }
        }
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
        for (uid, pod) in wanted where ownership.owns(pod.namespace) {
            wanted[uid] = nil
            do {
                try await client.modify(.pods, namespace: pod.namespace, name: pod.name) { object in
                    guard object.uid == uid, object.raw["metadata"]?["deletionTimestamp"] == nil else { return nil }
                    return Self.patch(object) { $0 + ($0.contains(Self.finalizer) ? [] : [Self.finalizer]) }
                }
            } catch {
                fail(error, "the pod is not held", pod.namespace, pod.name)
            }
        }
    }

    private func letGo() async {
        for (uid, pod) in held {
            guard let since = pod.endedSince, ownership.owns(pod.namespace) else { continue }
            let isRecorded = (try? await journal.haveEnded(pod.executions)) ?? false
            let isLate = Date().timeIntervalSince(since) > deadline / .seconds(1)
            guard isRecorded || isLate else { continue }
            do {
                try await Self.release(client, namespace: pod.namespace, name: pod.name, uid: uid)
                held[uid] = nil
                guard !isRecorded else { continue }
                metrics.countLost(pod.executions.count)
                logger.error(
                    "a pod was let go though it is not recorded: the deadline is over",
                    metadata: ["pod": "\(pod.namespace)/\(pod.name)"])
            } catch {
                fail(error, "the pod is not let go, trying again", pod.namespace, pod.name)
            }
        }
    }

    private func fail(_ error: any Error, _ what: String, _ namespace: String, _ name: String) {
        if (error as? APIError)?.isNotFound == true || Task.isCancelled { return }
        logger.warning("\(what)", metadata: ["pod": "\(namespace)/\(name)", "reason": "\(error)"])
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
