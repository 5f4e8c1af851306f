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
struct ReadMeter {
    /// What a row costs beside its texts: the numbers in it, and what is built of it.
    private static let row = 64
    /// The shared budget is asked for so many bytes at once.
    private static let step = 1 << 20

    private let budget: ReadBudget
    private var spent = 0
    private var taken = 0

    /// Why nothing more may be read.
    enum Excess {
        case request(limit: Int)
        case total
    }

    init(_ budget: ReadBudget) { self.budget = budget }

    mutating func add(_ bytes: Int) { spent += bytes }

    /// Counts a row.
    mutating func addRow() -> Excess? {
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

    func end() { budget.give(taken) }
}
