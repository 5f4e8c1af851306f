/// A connection to a database server. It belongs to one thread at a time, but for ``cancel()``.
public protocol ServerConnection: AnyObject {
    /// Sends statements together and reads their answers: one round trip, whatever their number.
    ///
    /// They run in order; what comes after one that fails is not run. Transactions are statements of their own: none is
    /// begun or ended here.
    /// - Parameters:
    ///   - queries: at least one.
    ///   - isInterrupted: asked some times a second while the answer is waited for; once it says `true`, the statement is
    ///     cancelled.
    ///   - row: called for each row, with the number of its statement. What it throws ends the reading: the rest is cancelled
    ///     and dropped, and the connection can be used again.
    /// - Throws: ``ServerError``, or what `row` throws.
    func run(
        _ queries: [SQLQuery], isInterrupted: (() -> Bool)?, row: (Int, ServerRow) throws -> Void
    ) throws

    /// Cancels the statement that runs, from any thread; by a connection of its own. Nothing happens where none runs.
    func cancel()

    /// Whether it can still be used. Asks nobody.
    var isOpen: Bool { get }

    /// The server's own version, such as `PostgreSQL 15.18` or `MariaDB 10.11.19`.
    var serverVersion: String { get }

    /// Ends the connection. Nothing may be asked of it afterwards.
    func close()
}
