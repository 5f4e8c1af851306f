import Prometheus
import Synchronization

/// What a webhook counts, in the text format of Prometheus (0.0.4).
final class WebhookMetrics: Sendable {
    /// What became of a review.
    enum Outcome: String, CaseIterable { case patched, unchanged, denied, malformed }

    /// In seconds. The API server waits two, as our configuration has it.
    private static let bounds: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]

    private struct State {
        var reviews: [String: [Outcome: Int]] = [:]
        var skips: [SkipReason: Int] = [:]
        var seconds = PrometheusHistogram(bounds: WebhookMetrics.bounds)
    }

    private let state = Mutex(State())

    /// Notes a review.
    func count(_ path: String, _ outcome: Outcome, _ duration: Duration) {
        let seconds = duration / .seconds(1)
        state.withLock { state in
            state.reviews[path, default: [:]][outcome, default: 0] += 1
            state.seconds.observe(seconds)
        }
    }

    /// Notes a pod that got no sidecar.
    func count(_ reason: SkipReason) { state.withLock { $0.skips[reason, default: 0] += 1 } }

    /// How many reviews of a path ended so.
    func reviews(_ path: String, _ outcome: Outcome) -> Int { state.withLock { $0.reviews[path]?[outcome] ?? 0 } }

    /// How many pods got no sidecar for a reason.
    func skips(_ reason: SkipReason) -> Int { state.withLock { $0.skips[reason] ?? 0 } }

    /// The metrics as text.
    /// - Parameter isReady: whether the webhook can be called.
    func text(isReady: Bool) -> String {
        let state = state.withLock { $0 }
        var text = PrometheusText()
        text.family("kfmd_webhook_reviews_total", "counter", "Reviews answered, by path and outcome.")
        for (path, counts) in state.reviews.sorted(by: { $0.key < $1.key }) {
            for outcome in Outcome.allCases {
                guard let count = counts[outcome] else { continue }
                text.sample(
                    "kfmd_webhook_reviews_total", [("path", path), ("outcome", outcome.rawValue)], "\(count)")
            }
        }
        text.family("kfmd_webhook_skipped_total", "counter", "Pods that got no sidecar, by reason.")
        for reason in SkipReason.allCases {
            guard let count = state.skips[reason] else { continue }
            text.sample("kfmd_webhook_skipped_total", [("reason", reason.rawValue)], "\(count)")
        }
        text.family("kfmd_webhook_review_seconds", "histogram", "Answering a review, from its arrival on.")
        text.histogram("kfmd_webhook_review_seconds", state.seconds)
        text.family("kfmd_ready", "gauge", "1 while the webhook can be called.")
        text.sample("kfmd_ready", isReady ? "1" : "0")
        return text.output
    }
}
