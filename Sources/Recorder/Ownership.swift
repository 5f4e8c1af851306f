import Synchronization

/// Which namespaces this replica writes: all, unless leases divide them.
final class Ownership: Sendable {
    /// Who holds shards.
    struct Division: Sendable, Hashable {
        var members: [Int]
        /// `nil`: this replica stands by.
        var own: Int?
    }

    /// `nil`: nobody else records.
    private let division: Mutex<Division?>

    /// - Parameter isElected: whether leases decide; until one is held nothing is owned.
    init(isElected: Bool) { division = Mutex(isElected ? Division(members: [], own: nil) : nil) }

    func owns(_ namespace: String) -> Bool {
        division.withLock { division in
            guard let division else { return true }
            guard let own = division.own else { return false }
            return ShardElection.owner(of: namespace, among: division.members) == own
        }
    }

    /// - Returns: whether it is another than before.
    func set(_ new: Division) -> Bool {
        division.withLock { division in
            defer { division = new }
            return division != new
        }
    }
}
