/// Why a database server, or its client library, did not do what was asked.
public struct ServerError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    public enum Kind: Sendable, Equatable {
        /// A row of this key is there already.
        case uniqueViolation
        /// Deadlock, serialization failure, a lock waited for too long: the same transaction may pass when it is run again.
        case conflict
        /// The connection is gone, or the server ends or is not the primary any more. What was sent may have been done.
        case connectionLost
        /// No connection could be made: refused, unknown host, time out, too many connections.
        case cannotConnect
        /// The server knows neither this user nor this password, or the database is not for them.
        case notAllowed
        /// No such database.
        case noDatabase
        /// No such table.
        case noTable
        /// The server or the transaction takes no writes.
        case readOnly
        /// The disk or a quota is full.
        case full
        /// A value that the column cannot hold: too long, out of range, a character that the database does not take.
        case badValue
        /// The statement was cancelled, or took longer than it may.
        case interrupted
        /// A statement that was prepared is not known: a pooler stands between.
        case lostStatement
        /// The client library is not installed, or is too old.
        case noLibrary
        case other
    }

    public var kind: Kind
    /// The SQLSTATE, five characters; empty where the client library itself failed.
    public var state: String
    /// MySQL's error number; 0 on PostgreSQL.
    public var number: Int
    /// The server's words, without any password.
    public var message: String
    /// Which of the statements of a batch failed, counted from 0.
    public var statement: Int

    public init(_ kind: Kind, _ message: String, state: String = "", number: Int = 0, statement: Int = 0) {
        (self.kind, self.message, self.state, self.number, self.statement) = (kind, message, state, number, statement)
    }

    public var description: String {
        let code = number != 0 ? "\(number), \(state)" : state
        return code.isEmpty ? message : "\(message) (\(code))"
    }
}
