/// Numbers of rows to come that the database gave to this writer: it gives them to nobody else, whatever becomes of them.
///
/// What a request did not need is for the next one, so that requests that are refused leave no gaps.
final class RowNumbers {
    /// The next one last.
    private var free: [WriteGroup.Numbered: [Int64]] = [:]

    func take(_ table: WriteGroup.Numbered) -> Int64? { free[table]?.popLast() }

    func left(_ table: WriteGroup.Numbered) -> Int { free[table]?.count ?? 0 }

    /// - Parameter more: in the order of their use.
    func add(_ more: [Int64], _ table: WriteGroup.Numbered) {
        free[table] = more.reversed() + (free[table] ?? [])
    }

    /// It is the next one again.
    func giveBack(_ number: Int64, _ table: WriteGroup.Numbered) { free[table, default: []].append(number) }

    /// Forgets them: after a restart some servers give the last numbers again.
    func forget() { free = [:] }
}
