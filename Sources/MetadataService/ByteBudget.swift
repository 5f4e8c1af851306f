import Synchronization

/// How many bytes of unfinished requests are held at the same time, by all connections together.
final class ByteBudget: Sendable {
    let total: Int
    private let taken = Atomic(0)

    init(total: Int) { self.total = total }

    /// - Returns: whether there was room; else nothing is taken.
    func take(_ bytes: Int) -> Bool {
        guard taken.add(bytes, ordering: .relaxed).newValue <= total else {
            give(bytes)
            return false
        }
        return true
    }

    func give(_ bytes: Int) { taken.subtract(bytes, ordering: .relaxed) }

    var excess: String { "The service holds \(total >> 20) MiB of requests that are not finished; try again later." }
}
