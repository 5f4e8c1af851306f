import MetadataAPI
import SQLite

/// A database on a server, opened: how to reach it, and what it is like.
struct ServerEngine: Sendable {
    /// The address without a password.
    var name: String
    var dialect: Dialect
    var shape: StoreShape
    /// Whether the writer can tell of a commit whose answer was lost: the database let us make a table for it.
    var hasMarks: Bool
    /// What a group of writes may know of the store, in bytes; with more, its requests run one by one.
    var groupBudget = 64 << 20
    /// Makes a connection.
    var connect: @Sendable () throws -> any ServerConnection

    /// A session that reads, connected when it is first used.
    func readingSession() -> Session { Session(server: ServerSession(dialect: dialect, open: connect), shape) }

    /// The session that writes.
    /// - Throws: ``StoreFileError``.
    func writingSession() throws -> Session {
        let server = ServerSession(
            dialect: dialect, marks: hasMarks ? CommitMarks() : nil, groupBudget: groupBudget, open: connect)
        try Self.naming(name) { try server.prepareMarks() }
        return Session(server: server, shape)
    }
}

extension ServerEngine {
    /// Opens a database of a server.
    /// - Throws: ``StoreFileError``.
    init(_ address: StoreAddress) throws {
        switch address {
        case .postgreSQL(let address): self = try .postgreSQL(address)
        case .mySQL(let address): self = try .mySQL(address)
        case .file(let path): throw StoreFileError(path: path, reason: "is a file, not a server's database")
        }
    }

    /// Makes the first connection; where there is no such database, `create` may make it.
    /// - Parameter create: says whether it did.
    /// - Throws: `ServerError`.
    static func connectFirst(_ session: ServerSession, create: () throws -> Bool) throws {
        do {
            try session.run([SQLQuery("SELECT 1")]) { _, _ in }
        } catch let error as ServerError where error.kind == .noDatabase {
            do {
                guard try create() else { throw error }
            } catch let failure as ServerError where failure.state == "42P04" || failure.state == "23505" {
                // Another replica made it meanwhile.
            }
            try session.run([SQLQuery("SELECT 1")]) { _, _ in }
        }
    }

    /// Tells what to do about an error of the start.
    /// - Throws: ``StoreFileError``.
    static func naming<Result>(_ name: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ServerError {
            throw StoreFileError(path: name, error: error)
        } catch let error as StatusError {
            throw StoreFileError(path: name, reason: error.message)
        }
    }
}

extension StoreFileError {
    /// - Parameter path: the server's address, without a password.
    init(path: String, error: ServerError) {
        let advice: String? =
            switch error.kind {
            case .notAllowed: "check the user, the password, and the user's rights"
            case .noDatabase: "make the database, or let kfmd do it: skip-db-creation is set, or the user may not"
            case .cannotConnect, .connectionLost: "does the server run, and can it be reached from here?"
            case .readOnly: "give the primary: this server takes no writes"
            case .full: "make room on the server's disk"
            case .conflict: "another process holds a lock on its tables"
            default: nil
            }
        self.init(path: path, reason: "\(error)" + (advice.map { "; " + $0 } ?? ""))
        mayPass = error.endsTransaction || error.kind == .cannotConnect
    }
}

extension ServerConnection {
    /// Runs statements and drops their rows.
    /// - Throws: `ServerError`.
    func run(_ queries: [SQLQuery]) throws { try run(queries, isInterrupted: nil) { _, _ in } }
}
