import CSQLite

/// What SQLite answered when it did not do what was asked.
public struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure that callers tell apart.
    public enum Kind: Sendable, Equatable {
        case notADatabase, busy, readOnly, full, constraint, corrupt, cannotOpen, interrupted, inputOutput, tooBig,
            other
    }

    /// SQLite's extended result code.
    public var code: Int32
    /// SQLite's message.
    public var message: String
    /// The statement, or the file's path when it was being opened.
    public var context: String

    /// The kind of failure.
    public var kind: Kind {
        switch code & 0xFF {
        case SQLITE_NOTADB: .notADatabase
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_READONLY: .readOnly
        case SQLITE_FULL: .full
        case SQLITE_CONSTRAINT: .constraint
        case SQLITE_CORRUPT: .corrupt
        case SQLITE_CANTOPEN: .cannotOpen
        case SQLITE_INTERRUPT: .interrupted
        case SQLITE_IOERR: .inputOutput
        case SQLITE_TOOBIG: .tooBig
        default: .other
        }
    }

    /// Of those that are too big: whether the others together are, so that it may pass later.
    static let tooBigTogether = SQLITE_TOOBIG | (1 << 8)
    public var mayPass: Bool { code == Self.tooBigTogether }

    public var description: String { "\(message) (SQLite \(code)): \(context)" }
}
