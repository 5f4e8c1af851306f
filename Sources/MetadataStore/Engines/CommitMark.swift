import FoundationEssentials
import SQLite

/// What tells a commit whose answer was lost from one that was not done: a row of our own, which each transaction of a
/// writer locks when it begins and sets to another value when it ends.
///
/// Who asks for the row afterwards waits for the lock, and so until the server has ended the transaction either way.
struct CommitMark {
    /// The table; ours, MLMD knows nothing of it.
    static let table = "kfmd_writer"

    /// Names the writer.
    fileprivate(set) var writer: String
    /// Of this commit alone.
    fileprivate(set) var value: String

    /// Reads the mark of the last commit, and keeps others from it.
    func lock(_ dialect: Dialect) -> SQLQuery {
        SQLQuery("SELECT mark FROM \(Self.table) WHERE writer = ?\(dialect.forUpdate)", [.text(writer)])
    }

    /// Sets this one.
    var setting: SQLQuery {
        SQLQuery("UPDATE \(Self.table) SET mark = ? WHERE writer = ?", [.text(value), .text(writer)])
    }
}

/// The marks of one writer.
final class CommitMarks {
    private var writer = UUID().uuidString
    private var count = 0
    /// Whether the writer has no row yet.
    var needsRow = true

    /// Another row from now on.
    func renew() { (writer, needsRow) = (UUID().uuidString, true) }

    func next() -> CommitMark {
        count += 1
        return CommitMark(writer: writer, value: String(count))
    }

    /// Makes the writer's row, and removes those of writers that are long gone.
    /// - Parameter now: in milliseconds since 1970.
    func preparation(now: Int64) -> [SQLQuery] {
        [
            SQLQuery("DELETE FROM \(CommitMark.table) WHERE began < ?", [.integer(now - Self.longest)]),
            SQLQuery(
                "INSERT INTO \(CommitMark.table) (writer, mark, began) VALUES (?, ?, ?)",
                [.text(writer), .text("0"), .integer(now)]),
        ]
    }

    /// No process runs longer, in milliseconds: two years.
    private static let longest: Int64 = 2 * 365 * 24 * 3_600_000
}
