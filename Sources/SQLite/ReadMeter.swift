import Synchronization

/// How much connections may read at the same time, all together.
public final class ReadBudget: Sendable {
    /// The most that one request reads, in bytes; each row counts a little beside its texts.
    public let perRequest: Int
    private let total: Int
    private let spent = Atomic(0)

    public init(perRequest: Int, total: Int) {
        self.perRequest = perRequest
        self.total = total
    }

    fileprivate func take(_ bytes: Int) -> Bool {
        spent.add(bytes, ordering: .relaxed).newValue <= total
    }

    fileprivate func give(_ bytes: Int) { spent.subtract(bytes, ordering: .relaxed) }
}

/// What one request has read so far.
public struct ReadMeter {
    /// What a row costs beside its texts: the numbers in it, and what is built of it.
    private static let row = 64
    /// The shared budget is asked for so many bytes at once.
    private static let step = 1 << 20

    private let budget: ReadBudget
    private var spent = 0
    private var taken = 0

    /// Why nothing more may be read.
    public enum Excess: Error, Sendable {
        /// More than one request may read, in bytes.
        case request(limit: Int)
        /// Others read so much at the same time.
        case total
    }

    public init(_ budget: ReadBudget) { self.budget = budget }

    /// Counts bytes; the row that they belong to is counted by itself.
    public mutating func add(_ bytes: Int) { spent += bytes }

    /// Counts a row.
    public mutating func addRow() -> Excess? {
        spent += Self.row
        guard spent > taken else { return nil }
        guard spent <= budget.perRequest else { return .request(limit: budget.perRequest) }
        let wanted = spent - taken + Self.step
        guard budget.take(wanted) else {
            budget.give(wanted)
            return .total
        }
        taken += wanted
        return nil
    }

    /// Gives back what was taken of the shared budget.
    public func end() { budget.give(taken) }
}
