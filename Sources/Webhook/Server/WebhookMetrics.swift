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
        var buckets = Array(repeating: 0, count: WebhookMetrics.bounds.count + 1)
        var seconds = 0.0
    }

    private let state = Mutex(State())

    /// Notes a review.
    func count(_ path: String, _ outcome: Outcome, _ duration: Duration) {
        let seconds = duration / .seconds(1)
        state.withLock { state in
            state.reviews[path, default: [:]][outcome, default: 0] += 1
            state.buckets[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
            state.seconds += seconds
        }
    }

    /// Notes a pod that got no sidecar.
    func count(_ reason: SkipReason) { state.withLock { $0.skips[reason, default: 0] += 1 } }

    /// How many reviews of a path ended so.
    func reviews(_ path: String, _ outcome: Outcome) -> Int { state.withLock { $0.reviews[path]?[outcome] ?? 0 } }

    /// How many pods got no sidecar for a reason.
    func skips(_ reason: SkipReason) -> Int { state.withLock { $0.skips[reason] ?? 0 } }

    /// The metrics as text. All labels are of our own making and need no escapes.
    /// - Parameter isReady: whether the webhook can be called.
    func text(isReady: Bool) -> String {
        let state = state.withLock { $0 }
        var lines = [
            "# HELP kfmd_webhook_reviews_total Reviews answered, by path and outcome.",
            "# TYPE kfmd_webhook_reviews_total counter",
        ]
        for (path, counts) in state.reviews.sorted(by: { $0.key < $1.key }) {
            for outcome in Outcome.allCases {
                guard let count = counts[outcome] else { continue }
                lines.append(
                    "kfmd_webhook_reviews_total{path=\"\(path)\",outcome=\"\(outcome.rawValue)\"} \(count)")
            }
        }
        lines += [
            "# HELP kfmd_webhook_skipped_total Pods that got no sidecar, by reason.",
            "# TYPE kfmd_webhook_skipped_total counter",
        ]
        for reason in SkipReason.allCases {
            guard let count = state.skips[reason] else { continue }
            lines.append("kfmd_webhook_skipped_total{reason=\"\(reason.rawValue)\"} \(count)")
        }
        lines += [
            "# HELP kfmd_webhook_review_seconds Answering a review, from its arrival on.",
            "# TYPE kfmd_webhook_review_seconds histogram",
        ]
        var total = 0
        for (bound, count) in zip(Self.bounds.map { "\($0)" } + ["+Inf"], state.buckets) {
            total += count
            lines.append("kfmd_webhook_review_seconds_bucket{le=\"\(bound)\"} \(total)")
        }
        lines += [
            "kfmd_webhook_review_seconds_sum \(state.seconds)", "kfmd_webhook_review_seconds_count \(total)",
            "# HELP kfmd_ready 1 while the webhook can be called.", "# TYPE kfmd_ready gauge",
            "kfmd_ready \(isReady ? 1 : 0)",
        ]
        return lines.map { $0 + "\n" }.joined()
    }
}
