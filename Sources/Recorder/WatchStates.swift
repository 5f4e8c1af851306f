import Kubernetes

/// What became of each watch: whether what happens in the cluster is seen.
struct WatchStates: Sendable {
    /// How long a watch may be away before it counts as not watched: one that is begun anew takes moments.
    static let grace: Duration = .seconds(30)

    private enum Condition: Sendable {
        /// The list or watch was asked for and has not come.
        case starting
        case watching
        /// The cluster does not have the kind.
        case absent
        case failing(String, isForbidden: Bool)
    }

    private struct Watch: Sendable {
        var resource: String
        var namespace: String?
        var condition = Condition.starting
        /// Since when it is not open.
        var since: ContinuousClock.Instant?
        var wasListed = false
    }

    /// By name of the place.
    private var watches: [String: Watch] = [:]

    /// A watch that is not open.
    struct Unwatched: Sendable, Equatable {
        /// The resource, and its namespace.
        var name: String
        var reason: String
        /// Whether the recorder can do its work without it: rights that it was not given on purpose, say.
        var isTolerated: Bool
    }

    mutating func begin(_ place: String, _ resource: String, namespace: String?, at now: ContinuousClock.Instant) {
        guard watches[place] == nil else { return }
        watches[place] = Watch(resource: resource, namespace: namespace, since: now)
    }

    mutating func listed(_ place: String) { watches[place]?.wasListed = true }

    mutating func isWatching(_ place: String) {
        watches[place]?.condition = .watching
        watches[place]?.since = nil
        watches[place]?.wasListed = true
    }

    mutating func isAbsent(_ place: String) {
        watches[place]?.condition = .absent
        watches[place]?.since = nil
    }

    mutating func failed(_ place: String, _ reason: String, isForbidden: Bool, at now: ContinuousClock.Instant) {
        guard var watch = watches[place] else { return }
        watch.condition = .failing(reason, isForbidden: isForbidden)
        // From the beginning of the trouble, not from its last sign.
        watch.since = watch.since ?? now
        watches[place] = watch
    }

    /// Whether any kind was ever listed: then the server knows who we are.
    var haveAnyListed: Bool { watches.values.contains { $0.wasListed } }

    /// The watches that are not open and should be.
    func unwatched(at now: ContinuousClock.Instant) -> [Unwatched] {
        watches.values.compactMap { watch in
            // What was never listed counts at once.
            guard let since = watch.since, !watch.wasListed || now - since > Self.grace else { return nil }
            let isPods = watch.resource == Resource.pods.plural
            let (reason, isForbidden): (String, Bool) =
                switch watch.condition {
                case .failing(let reason, let isForbidden): (reason, isForbidden)
                default: ("not listed yet", false)
                }
            return Unwatched(
                name: watch.namespace.map { "\(watch.resource) in \($0)" } ?? watch.resource, reason: reason,
                isTolerated: isForbidden && !isPods && haveAnyListed)
        }.sorted { $0.name < $1.name }
    }

    /// Whether each kind that the cluster has is watched, as far as the rights go.
    func areWell(at now: ContinuousClock.Instant) -> Bool {
        !watches.isEmpty && unwatched(at: now).allSatisfy(\.isTolerated)
    }

    /// By resource and namespace, whether it is watched; those that the cluster does not have are left out.
    var gauges: [(resource: String, namespace: String, isWatching: Bool)] {
        watches.values.compactMap { watch in
            switch watch.condition {
            case .absent: nil
            case .watching: (watch.resource, watch.namespace ?? "", true)
            case .starting, .failing: (watch.resource, watch.namespace ?? "", false)
            }
        }.sorted { ($0.resource, $0.namespace) < ($1.resource, $1.namespace) }
    }
}
