import Prometheus
import Synchronization

/// What a recorder counts, in the text format of Prometheus (0.0.4).
public final class RecorderMetrics: Sendable {
    /// What became of a step.
    enum Outcome: String { case recorded, refused }

    /// In seconds.
    private static let bounds: [Double] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600]

    private struct Steps: Hashable {
        var convention: String
        var outcome: String
    }

    private struct Call: Hashable {
        var method: String
        var code: String
    }

    private struct Interruption: Hashable {
        var resource: String
        var cause: String
    }

    private struct State {
        var steps: [Steps: Int] = [:]
        var lost = 0
        var interruptions: [Interruption: Int] = [:]
        var problems = 0
        var storeErrors = 0
        var patches: [String: Int] = [:]
        var offloaded: [String: Int] = [:]
        var lag = PrometheusHistogram(bounds: RecorderMetrics.bounds)
        var batch = PrometheusHistogram(bounds: RecorderMetrics.bounds)
        var calls: [Call: (count: Int, seconds: Double)] = [:]
        var watches = WatchStates()
        /// What was set aside, by kind: Events that were too many, lines of a watch, and so on.
        var setAside: [String: Int] = [:]
        var isLeading = true
        var members = 1
    }

    private let state = Mutex(State())

    public init() {}

    /// Why the recorder does not see all that happens: a line for each kind that is not watched. Empty when it is
    /// ready.
    public var unready: [String] {
        state.withLock { state in
            let now = ContinuousClock.now
            if state.watches.areWell(at: now) { return [] }
            let missing = state.watches.unwatched(at: now).filter { !$0.isTolerated }
            return missing.isEmpty
                ? ["nothing is watched yet"] : missing.map { "not watched: \($0.name): \($0.reason)" }
        }
    }

    /// Kinds that are not watched though the recorder is ready: it may not read them.
    public var unwatched: [String] {
        state.withLock { state in
            state.watches.unwatched(at: .now).map { "not watched: \($0.name): \($0.reason)" }
        }
    }

    /// Whether each kind that the cluster has is watched, or may not be read.
    public var isReady: Bool { unready.isEmpty }

    /// Notes what became of a watch.
    func updateWatches(_ change: (inout WatchStates) -> Void) { state.withLock { change(&$0.watches) } }
    /// Whether any kind was ever listed.
    var haveAnyListed: Bool { state.withLock { $0.watches.haveAnyListed } }
    /// Something went over its budget, or was damaged.
    public func countSetAside(_ what: String) { state.withLock { $0.setAside[what, default: 0] += 1 } }

    // MARK: Counting

    func count(_ outcome: Outcome, convention: String) {
        state.withLock { $0.steps[Steps(convention: convention, outcome: outcome.rawValue), default: 0] += 1 }
    }

    func countLost(_ steps: Int) { state.withLock { $0.lost += steps } }
    func countProblems(_ problems: Int) { state.withLock { $0.problems += problems } }
    func countStoreError() { state.withLock { $0.storeErrors += 1 } }
    func countPatch(_ result: String) { state.withLock { $0.patches[result, default: 0] += 1 } }
    func countOffloaded(_ result: String) { state.withLock { $0.offloaded[result, default: 0] += 1 } }
    func setLeading(_ isLeading: Bool, members: Int) {
        state.withLock { ($0.isLeading, $0.members) = (isLeading, members) }
    }

    func countInterruption(_ resource: String, cause: String) {
        state.withLock { $0.interruptions[Interruption(resource: resource, cause: cause), default: 0] += 1 }
    }

    /// - Parameter seconds: from the end of a step to its being in the store.
    func observeLag(_ seconds: Double) { state.withLock { $0.lag.observe(max(0, seconds)) } }
    /// - Parameter duration: that of writing a batch to the store.
    func observeBatch(_ duration: Duration) { state.withLock { $0.batch.observe(duration / .seconds(1)) } }

    func observeCall(_ method: String, code: String, _ duration: Duration) {
        state.withLock {
            let key = Call(method: method, code: code)
            let known = $0.calls[key] ?? (0, 0)
            $0.calls[key] = (known.count + 1, known.seconds + duration / .seconds(1))
        }
    }

    /// How often the Argo server was asked, by result.
    var offloaded: [String: Int] { state.withLock { $0.offloaded } }

    /// How often the store was called, by method.
    var calls: [String: Int] {
        state.withLock { $0.calls.reduce(into: [:]) { $0[$1.key.method, default: 0] += $1.value.count } }
    }

    // MARK: Showing

    /// The metrics as text.
    /// - Parameters:
    ///   - depth: how many steps wait in the journal.
    ///   - age: how long the oldest of them waits, in seconds.
    public func text(depth: Int, age: Double) -> String {
        let state = state.withLock { $0 }
        var text = PrometheusText()
        text.family("kfmd_steps_total", "counter", "Steps written to the store, or refused by it for good.")
        for (key, count) in state.steps.sorted(by: {
            ($0.key.convention, $0.key.outcome) < ($1.key.convention, $1.key.outcome)
        }) {
            text.sample("kfmd_steps_total", [("convention", key.convention), ("outcome", key.outcome)], "\(count)")
        }
        text.family("kfmd_steps_lost_total", "counter", "Steps that went away before anybody saw how they ended.")
        text.sample("kfmd_steps_lost_total", [], "\(state.lost)")
        text.family("kfmd_problems_total", "counter", "Facts that could not be understood.")
        text.sample("kfmd_problems_total", [], "\(state.problems)")
        text.family("kfmd_step_lag_seconds", "histogram", "From the end of a step to its being in the store.")
        text.histogram("kfmd_step_lag_seconds", state.lag)
        text.family("kfmd_batch_seconds", "histogram", "Writing a batch of steps to the store.")
        text.histogram("kfmd_batch_seconds", state.batch)
        text.family(
            "kfmd_store_errors_total", "counter", "Batches that the store failed to take; they are tried again.")
        text.sample("kfmd_store_errors_total", [], "\(state.storeErrors)")
        let calls = state.calls.sorted { ($0.key.method, $0.key.code) < ($1.key.method, $1.key.code) }
        text.family("kfmd_store_calls_total", "counter", "Calls to the store, by method and gRPC status.")
        for (call, known) in calls {
            text.sample("kfmd_store_calls_total", [("method", call.method), ("code", call.code)], "\(known.count)")
        }
        text.family("kfmd_store_call_seconds_total", "counter", "The time that calls to the store took.")
        for (call, known) in calls {
            text.sample(
                "kfmd_store_call_seconds_total", [("method", call.method), ("code", call.code)], "\(known.seconds)")
        }
        text.family("kfmd_journal_depth", "gauge", "Steps in the journal that are due for the store.")
        text.sample("kfmd_journal_depth", [], "\(depth)")
        text.family("kfmd_journal_age_seconds", "gauge", "How long the oldest step waits in the journal.")
        text.sample("kfmd_journal_age_seconds", [], "\(age)")
        text.family("kfmd_watch_interruptions_total", "counter", "Lists and watches that broke, by cause.")
        for (key, count) in state.interruptions.sorted(by: {
            ($0.key.resource, $0.key.cause) < ($1.key.resource, $1.key.cause)
        }) {
            text.sample(
                "kfmd_watch_interruptions_total", [("resource", key.resource), ("cause", key.cause)], "\(count)")
        }
        text.family("kfmd_offloaded_workflows_total", "counter", "Workflows asked of the Argo server, by result.")
        for (result, count) in state.offloaded.sorted(by: { $0.key < $1.key }) {
            text.sample("kfmd_offloaded_workflows_total", [("result", result)], "\(count)")
        }
        text.family("kfmd_patches_total", "counter", "Pods on which ids were written back, by result.")
        for (result, count) in state.patches.sorted(by: { $0.key < $1.key }) {
            text.sample("kfmd_patches_total", [("result", result)], "\(count)")
        }
        text.family("kfmd_leader", "gauge", "1 while this replica writes, 0 while it stands by.")
        text.sample("kfmd_leader", [], state.isLeading ? "1" : "0")
        text.family("kfmd_shard_members", "gauge", "How many replicas write.")
        text.sample("kfmd_shard_members", [], "\(state.members)")
        text.family("kfmd_watching", "gauge", "1 while a kind that the cluster has is watched.")
        for watch in state.watches.gauges {
            text.sample(
                "kfmd_watching", [("resource", watch.resource), ("namespace", watch.namespace)],
                watch.isWatching ? "1" : "0")
        }
        text.family("kfmd_set_aside_total", "counter", "What went over a budget or was damaged, by kind.")
        for (what, count) in state.setAside.sorted(by: { $0.key < $1.key }) {
            text.sample("kfmd_set_aside_total", [("what", what)], "\(count)")
        }
        text.family("kfmd_ready", "gauge", "1 while every kind that the cluster has is watched, or may not be read.")
        text.sample("kfmd_ready", [], state.watches.areWell(at: .now) ? "1" : "0")
        return text.output
    }
}
