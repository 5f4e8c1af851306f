import FoundationEssentials
import Kubernetes

/// Which replica records which namespaces: each holds at most one of so many leases, and of the leases
/// that are held each namespace belongs to the one that it rates highest (rendezvous hashing). So when
/// one comes or goes only its own namespaces move. With one lease this is the election of a leader, and
/// the other replicas stand by.
///
/// A pure value: it is told what is seen and when, and says what to do. Times are the replica's own; a
/// lease counts as held as long as it is seen to change.
struct ShardElection: Sendable {
    /// What to do next.
    enum Action: Sendable, Equatable {
        case renew(shard: Int)
        case acquire(shard: Int)
        case standBy
    }

    private struct Sight: Sendable {
        var lease: Lease
        /// When it was last seen to change.
        var changed: Duration
    }

    let identity: String
    let shards: Int
    /// How long a lease lasts that is not renewed.
    let duration: Duration
    /// How long before that its holder gives up by itself.
    private let margin: Duration
    private var sights: [Int: Sight] = [:]
    /// When the renewal that last succeeded began.
    private var renewed: Duration?

    init(identity: String, shards: Int, duration: Duration = .seconds(10), margin: Duration = .seconds(2)) {
        self.identity = identity
        self.shards = shards
        self.duration = duration
        self.margin = margin
    }

    // MARK: What is seen

    mutating func observe(_ shard: Int, _ lease: Lease?, at now: Duration) {
        guard let lease else {
            sights[shard] = nil
            return
        }
        // An older sight that comes late changes nothing.
        if let known = sights[shard], known.lease == lease || Self.isOlder(lease, than: known.lease) { return }
        sights[shard] = Sight(lease: lease, changed: now)
    }

    private static func isOlder(_ lease: Lease, than other: Lease) -> Bool {
        guard let one = UInt64(lease.resourceVersion), let two = UInt64(other.resourceVersion) else { return false }
        return one < two
    }

    /// The replica's own write succeeded.
    mutating func wrote(_ lease: Lease, _ shard: Int, begun: Duration, at now: Duration) {
        observe(shard, lease, at: now)
        if lease.holder == identity { renewed = begun }
    }

    // MARK: What follows

    private func isLive(_ sight: Sight, _ now: Duration) -> Bool {
        !sight.lease.holder.isEmpty && now - sight.changed < duration
    }

    /// The shard whose lease names this replica, in time or not.
    private var ownShard: Int? { sights.filter { $0.value.lease.holder == identity }.keys.min() }

    /// The shard that this replica holds, for sure, at a time.
    func held(at now: Duration) -> Int? {
        guard let renewed, now - renewed < duration - margin else { return nil }
        return ownShard
    }

    /// The shards that somebody holds.
    func members(at now: Duration) -> [Int] {
        let held = held(at: now)
        return sights.filter { $0.value.lease.holder == identity ? $0.key == held : isLive($0.value, now) }
            .keys.sorted()
    }

    func action(at now: Duration) -> Action {
        if let own = ownShard { return .renew(shard: own) }
        let free = (0..<shards).filter { shard in sights[shard].map { !isLive($0, now) } ?? true }
        // Not all want the same one first.
        let first = free.max { Self.rating($0, identity) < Self.rating($1, identity) }
        return first.map { .acquire(shard: $0) } ?? .standBy
    }

    /// The lease to write for an action.
    func lease(for shard: Int, name: String, time: String) -> Lease {
        let known = sights[shard]?.lease
        let isOwn = known?.holder == identity
        return Lease(
            name: name, holder: identity, durationSeconds: Int(duration.components.seconds),
            acquireTime: isOwn ? known?.acquireTime ?? time : time, renewTime: time,
            transitions: (known?.transitions ?? 0) + (isOwn || known == nil ? 0 : 1),
            resourceVersion: known?.resourceVersion ?? "")
    }

    /// The lease to write at the end, so that another need not wait; `nil` when none is held.
    func release(name: (Int) -> String, time: String) -> (shard: Int, lease: Lease)? {
        guard let shard = ownShard, var lease = sights[shard]?.lease else { return nil }
        (lease.name, lease.holder, lease.durationSeconds, lease.renewTime) = (name(shard), "", 1, time)
        return (shard, lease)
    }

    // MARK: Namespaces

    /// The member that a namespace belongs to.
    static func owner(of namespace: String, among members: [Int]) -> Int? {
        members.max { (rating($0, namespace), $0) < (rating($1, namespace), $1) }
    }

    /// FNV-1a over both, mixed: the same on every replica.
    private static func rating(_ shard: Int, _ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash ^= UInt64(shard) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}
