import SQLite

/// A connection that is lost: at a commit, before the server has it or before its answer comes, or between statements.
final class LossyConnection: ServerConnection {
    /// What goes wrong.
    enum Loss: Sendable {
        case none
        /// At the next commit.
        case before, after
        /// Once the next types are made, without a word.
        case silent
    }

    private let inner: any ServerConnection
    private let next: () -> Loss
    private var isLost = false

    init(_ inner: any ServerConnection, next: @escaping () -> Loss) { (self.inner, self.next) = (inner, next) }

    func run(
        _ queries: [SQLQuery], isInterrupted: (() -> Bool)?, row: (Int, ServerRow) throws -> Void
    ) throws {
        let isCommit = queries.last?.text == "COMMIT"
        let isType = queries.contains { $0.text.contains("INSERT INTO TypeProperty") }
        let loss = isCommit || isType ? next() : .none
        if loss == .before {
            inner.close()
            isLost = true
        } else {
            try inner.run(queries, isInterrupted: isInterrupted, row: row)
        }
        guard loss != .none else { return }
        isLost = true
        inner.close()
        if loss == .silent { return }
        throw ServerError(.connectionLost, "lost by the test")
    }

    func cancel() { inner.cancel() }
    var isOpen: Bool { !isLost && inner.isOpen }
    var serverVersion: String { inner.serverVersion }
    func close() { if !isLost { inner.close() } }
}
