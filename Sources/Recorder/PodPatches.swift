import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Logging
import Synchronization

/// Writes what waits in the journal to be written back onto pods: beside the recording, which never
/// waits for it, and below a rate.
struct PodPatches: Sendable {
    /// The most patches a second, and at the same time.
    struct Limits: Sendable {
        var perSecond = 50
        var concurrent = 16
    }

    let journal: Journal
    let client: APIClient
    let gone: GonePods
    let limits: Limits
    let metrics: RecorderMetrics
    let logger: Logger
    private let refusal = Refusal()

    /// Whether it was told that pods may not be patched.
    private final class Refusal: Sendable {
        let isTold = Atomic(false)
    }

    /// Writes until it is cancelled.
    func run() async {
        var backoff = Backoff()
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do {
                let patches = try await journal.patches(limit: limits.perSecond / 5 + 1)
                if patches.isEmpty {
                    await journal.waitForPatches()
                    continue
                }
                let done = await write(patches)
                try await journal.removePatches(done)
                let ids = Set(done.map(\.id))
                try await journal.postponePatches(patches.filter { !ids.contains($0.id) })
                if done.isEmpty {
                    try await Task.sleep(for: backoff.delay())
                } else {
                    backoff.reset()
                }
                let share = Duration.seconds(Double(patches.count) / Double(limits.perSecond))
                try await ContinuousClock().sleep(until: began + share)
            } catch is CancellationError {
                return
            } catch {
                logger.error("the journal cannot be written, trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: backoff.delay())
            }
        }
    }

    /// - Returns: the patches that are done with.
    private func write(_ patches: [Journal.Patch]) async -> [Journal.Patch] {
        await withTaskGroup(of: Journal.Patch?.self) { group in
            var done: [Journal.Patch] = []
            for (number, patch) in patches.enumerated() {
                if number >= limits.concurrent, let patch = await group.next() ?? nil { done.append(patch) }
                group.addTask { await write(patch) ? patch : nil }
            }
            for await patch in group { if let patch { done.append(patch) } }
            return done
        }
    }

    /// - Returns: whether it need not be tried again. A pod that is gone is no failure.
    private func write(_ patch: Journal.Patch) async -> Bool {
        do {
            let body = try JSONValue(parsing: patch.body)
            if let uid = body["metadata"]?["uid"]?.string, gone.contains(uid) {
                metrics.countPatch("gone")
                return true
            }
            try await client.mergePatch(.pods, namespace: patch.namespace, name: patch.pod, body)
            metrics.countPatch("written")
            return true
        } catch let error as APIError where error.isNotFound || error.status == 422 {
            logger.debug("pod is gone, ids not written back", metadata: ["pod": "\(patch.namespace)/\(patch.pod)"])
            metrics.countPatch("gone")
            return true
        } catch let error as APIError where !error.mayPass {
            // Without the right none can be patched: said once.
            let isTold = error.status == 403 && refusal.isTold.exchange(true, ordering: .relaxed)
            logger.log(
                level: isTold ? .debug : .warning, "ids not written back",
                metadata: ["pod": "\(patch.namespace)/\(patch.pod)", "reason": "\(error)"])
            metrics.countPatch("failed")
            return true
        } catch {
            metrics.countPatch("retried")
            return false
        }
    }
}

extension APIError {
    /// Whether the same request may succeed later.
    fileprivate var mayPass: Bool { status == 429 || status == 409 || status == 401 || status >= 500 }
}
