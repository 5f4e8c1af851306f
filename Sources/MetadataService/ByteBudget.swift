import Synchronization

/// How many bytes of unfinished requests are held at the same time, by all connections together.
final class ByteBudget: Sendable {
    let total: Int
    private let taken = Atomic(0)
    private let refused = Atomic(0)
    private let tooLong = Atomic(0)

    init(total: Int) { self.total = total }

    /// - Returns: whether there was room; else nothing is taken.
    func take(_ bytes: Int) -> Bool {
        guard taken.add(bytes, ordering: .relaxed).newValue <= total else {
            give(bytes)
            refused.add(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Notes a message that is longer than any may be.
    func noteTooLong() { tooLong.add(1, ordering: .relaxed) }

    /// How often there was no room, and how many messages were too long.
    var refusals: (noRoom: Int, tooLong: Int) {
        (refused.load(ordering: .relaxed), tooLong.load(ordering: .relaxed))
    }

    func give(_ bytes: Int) { taken.subtract(bytes, ordering: .relaxed) }

    var excess: String { "The service holds \(total >> 20) MiB of requests that are not finished; try again later." }
}
