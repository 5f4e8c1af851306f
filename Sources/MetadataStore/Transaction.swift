import GRPCCore
import SQLite
import MetadataAPI

/// One request's view of the store. The requests are methods of it, a file a group.
///
/// It belongs to the thread that runs the request.
public struct Transaction {
    let connection: Session
    /// The time of the request, in milliseconds since 1970.
    let now: Int64
    let typeCache: TypeCache
    /// Whether texts are read no further than people look at them, and what is the recorder's own not at all.
    private(set) var isShortened = false

    /// The same view, for pages: they show many nodes, of which each may have megabytes.
    public var shortened: Transaction {
        var copy = self
        copy.isShortened = true
        return copy
    }

    /// So much of a text is read then, in characters.
    static let shortText = 4_200

    /// Runs a statement that may break a uniqueness rule, which is the client's mistake.
    func unique<Result>(_ message: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as SQLiteError where error.kind == .constraint {
            throw StatusError.alreadyExists("\(message()): \(error.message)")
        } catch let error as ServerError where error.kind == .uniqueViolation {
            throw StatusError.alreadyExists("\(message()): \(error.message)")
        }
    }
}

extension StatusError {
    static var cancelled: StatusError {
        StatusError(.cancelled, "The request was cancelled, or its deadline has passed.")
    }

    /// What a client is told of a failure inside SQLite.
    init(_ error: SQLiteError) {
        switch error.kind {
        case .full:
            self.init(.resourceExhausted, "The disk of the store is full; nothing was written.")
        case .readOnly:
            self.init(.failedPrecondition, "The store file is read-only.")
        case .busy:
            self.init(.unavailable, "The store file is locked by another process.")
        case .corrupt, .notADatabase:
            self.init(.dataLoss, "The store file is damaged: \(error.message)")
        case .interrupted:
            self.init(.deadlineExceeded, "The query took longer than \(Readers.longestRead).")
        case .tooBig where error.mayPass:
            self.init(.unavailable, "Large answers are being read for others; try again later, or ask for less.")
        case .tooBig:
            self.init(
                .resourceExhausted,
                "The answer is too large: \(error.message). Ask for pages (max_result_size), or for less.")
        case .inputOutput:
            self.init(.unavailable, "The store's disk failed; nothing was written: \(error.message)")
        case .constraint, .cannotOpen, .other:
            self.init(.internalError, "SQLite: \(error.message)")
        }
    }

    /// What a client is told of a failure of the database server.
    init(_ error: ServerError) {
        switch error.kind {
        case .uniqueViolation: self.init(.alreadyExists, error.message)
        case .conflict:
            self.init(.aborted, "Others write the same rows; nothing was written. Try again: \(error)")
        case .connectionLost, .cannotConnect:
            self.init(.unavailable, "The database of the store cannot be reached: \(error)")
        case .readOnly: self.init(.unavailable, "The database of the store takes no writes: \(error)")
        case .full: self.init(.resourceExhausted, "The database of the store is full; nothing was written: \(error)")
        case .badValue: self.init(.invalidArgument, "The database of the store does not take a value: \(error)")
        case .interrupted: self.init(.deadlineExceeded, "The query took longer than \(Readers.longestRead).")
        case .notAllowed, .noDatabase, .noTable:
            self.init(.failedPrecondition, "The database of the store is not as it should be: \(error)")
        case .lostStatement, .noLibrary, .other:
            self.init(.internalError, "The database of the store: \(error)")
        }
    }

    /// What a client is told of an answer that would be too large.
    init(_ excess: ReadMeter.Excess) {
        switch excess {
        case .total:
            self.init(.unavailable, "Large answers are being read for others; try again later, or ask for less.")
        case .request(let limit):
            self.init(
                .resourceExhausted,
                "The answer is too large: more than \(limit) bytes. Ask for pages (max_result_size), or for less.")
        }
    }

    /// Any error as a status.
    init(wrapping error: any Error) {
        switch error {
        case let error as StatusError: self = error
        case let error as SQLiteError: self.init(error)
        case let error as ServerError: self.init(error)
        case let error as ReadMeter.Excess: self.init(error)
        default: self.init(.internalError, "\(error)")
        }
    }
}
