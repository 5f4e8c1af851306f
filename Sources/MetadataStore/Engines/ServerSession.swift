import FoundationEssentials
import MetadataAPI
import SQLite

/// A session on a database server, which is connected when it is first needed and again when the connection was lost.
///
/// It belongs to one thread at a time.
final class ServerSession {
    /// How long a session tries to connect again before its request is told that the server is away.
    static let patience: Duration = .seconds(2)
    /// The pause between two attempts.
    private static let pause: Duration = .milliseconds(100)

    let dialect: Dialect
    private let open: @Sendable () throws -> any ServerConnection
    private var connection: (any ServerConnection)?
    /// Sent with the next statement: what begins a transaction costs no round trip of its own.
    private var ahead: [SQLQuery] = []
    /// Whether the server has begun a transaction that is not ended.
    private(set) var isInTransaction = false
    /// Whether the connection was lost within a transaction that is not ended here.
    private var isBroken = false
    /// Whether COMMIT was sent, and no answer came yet.
    private var isCommitting = false
    /// What went wrong last: the server takes nothing more within its transaction.
    private(set) var failure: ServerError?
    /// How often statements were sent: each is a round trip.
    private(set) var trips = 0
    /// How many statements ran that may have changed something.
    private(set) var writes = 0
    /// Numbers the commits; `nil` for a session that only reads.
    private let marks: CommitMarks?
    var interruption: (@Sendable () -> Bool)?
    var meter: ReadMeter?

    /// - Parameters:
    ///   - marks: for a session that writes.
    ///   - open: makes a connection, with all that a session relies on.
    init(
        dialect: Dialect, marks: CommitMarks? = nil, groupBudget: Int = 64 << 20,
        open: @escaping @Sendable () throws -> any ServerConnection
    ) {
        (self.dialect, self.marks, self.groupBudget, self.open) = (dialect, marks, groupBudget, open)
    }

    deinit { connection?.close() }

    /// What gathers the writes of a group of requests.
    var group: WriteGroup?
    private let numbers = RowNumbers()
    /// What a group may know of the store, in bytes.
    private let groupBudget: Int

    /// Sends statements together, behind what was gathered: one round trip.
    /// - Throws: ``ServerError``.
    func run(_ queries: [SQLQuery], row: (Int, ServerRow) throws -> Void) throws {
        writes += queries.count { !$0.isReading }
        guard let group else { return try runAside(queries, row: row) }
        let gathered = group.takeRows().statements(dialect)
        writes += gathered.count
        // The group does not know what these change.
        if queries.contains(where: { !$0.isReading }) { group.forget() }
        try runAside(gathered + queries) { number, line in
            if number >= gathered.count { try row(number - gathered.count, line) }
        }
    }

    /// Sends statements together, of which what was gathered knows nothing.
    /// - Throws: ``ServerError``.
    func runAside(_ queries: [SQLQuery], row: (Int, ServerRow) throws -> Void) throws {
        // What the transaction had on a connection that was lost is gone: nothing of it may go to another.
        if isBroken { throw failure ?? Self.lost }
        let connection = try connected()
        let before = ahead
        ahead = []
        trips += 1
        if !before.isEmpty { isInTransaction = true }
        do {
            try connection.run(before + queries, isInterrupted: interruption) { number, line in
                if meter != nil { try count(line) }
                if number >= before.count { try row(number - before.count, line) }
            }
        } catch let error as ServerError {
            failure = error
            if error.kind == .connectionLost || error.kind == .readOnly || !connection.isOpen {
                isBroken = isInTransaction
                // One that takes no writes any more is not the primary: the next one may be.
                drop()
            }
            throw error
        }
    }

    private func count(_ row: ServerRow) throws {
        meter?.add(row.size)
        guard let excess = meter?.addRow() else { return }
        throw excess
    }

    func endMetering() {
        meter?.end()
        meter = nil
    }

    // MARK: Connections

    private func connected() throws -> any ServerConnection {
        if let connection, connection.isOpen { return connection }
        // What was begun on a connection that is gone was undone there.
        isBroken = isInTransaction
        if connection != nil { drop() }
        if isBroken {
            failure = failure ?? Self.lost
            throw failure ?? Self.lost
        }
        let start = ContinuousClock.now
        while true {
            do {
                let connection = try open()
                self.connection = connection
                return connection
            } catch let error as ServerError {
                let mayPass = error.kind == .cannotConnect || error.kind == .connectionLost || error.kind == .readOnly
                guard mayPass, ContinuousClock.now - start < Self.patience, interruption?() != true else {
                    failure = error
                    throw error
                }
                Pause.sleep(Self.pause)
            }
        }
    }

    private static let lost = ServerError(.connectionLost, "The connection to the database was lost.")

    /// Ends the connection; the next statement makes another.
    func drop() {
        connection?.close()
        connection = nil
        isInTransaction = false
        numbers.forget()
    }

    /// Whether there is a connection.
    var isConnected: Bool { connection?.isOpen ?? false }

    // MARK: Transactions

    /// Begins a transaction with the next statement.
    func begin(_ statements: [SQLQuery]) {
        failure = nil
        (isBroken, isCommitting) = (false, false)
        ahead = statements
    }

    /// Undoes what was begun.
    func rollBack() {
        ahead = []
        isBroken = false
        guard isInTransaction else { return }
        isInTransaction = false
        guard let connection, connection.isOpen else { return drop() }
        do {
            try connection.run([SQLQuery("ROLLBACK")], isInterrupted: nil) { _, _ in }
        } catch {
            // A new connection has nothing to undo.
            drop()
        }
    }

    /// Sends the last statements of a transaction together with its commit.
    /// - Throws: ``ServerError``; where it is `connectionLost`, nobody here knows whether the commit was done.
    func commit(_ queries: [SQLQuery] = []) throws {
        guard isInTransaction || group?.state.rows.isEmpty == false else {
            // Nothing was sent since it was begun.
            ahead = []
            return
        }
        // Who asks for the mark after a commit whose answer was lost waits for its lock: it has to be held by then.
        if !isInTransaction, marks != nil { try runAside([]) { _, _ in } }
        if isBroken { throw failure ?? Self.lost }
        let connection = try connected()
        isCommitting = connection.isOpen
        try run(queries + [SQLQuery("COMMIT")]) { _, _ in }
        (isInTransaction, isCommitting) = (false, false)
    }

    /// What was wrong is mended.
    func forgetFailure() { failure = nil }

    /// How often a transaction that others stood in the way of is run.
    private static let attempts = 5
    /// How long it is tried again.
    private static let longestWrite: Duration = .seconds(15)

    /// Runs `body` in a transaction, and again where others stood in its way or the connection was lost before the commit.
    /// - Parameter gathers: whether what it writes goes to the server together, with the commit.
    /// - Throws: what `body` throws; ``ServerError``; ``StatusError``, UNKNOWN where nobody can tell whether it was
    ///   committed.
    func write<Result>(gathers: Bool, _ body: () throws -> Result) throws -> Result {
        defer { group = nil }
        let start = ContinuousClock.now
        var attempt = 1
        try prepareMarks()
        while true {
            let mark = marks?.next()
            group = gathers ? WriteGroup(numbers, budget: groupBudget) : nil
            var result: Result?
            begin(dialect.beginWrite.map { SQLQuery($0) } + (mark.map { [$0.lock(dialect)] } ?? []))
            do {
                let made = try body()
                result = made
                try commit(mark.map { [$0.setting] } ?? [])
                return made
            } catch let error as ServerError {
                rollBack()
                if let result, isCommitting, error.kind == .connectionLost, try wasCommitted(mark, error) {
                    return result
                }
                if isConnected { group?.giveBack() }
                let mayPass = error.endsTransaction && attempt < Self.attempts
                guard mayPass, ContinuousClock.now - start < Self.longestWrite else { throw error }
                attempt += 1
                Pause.sleep(.milliseconds(Int.random(in: 1...(8 << attempt))))
            } catch {
                rollBack()
                if isConnected { group?.giveBack() }
                throw error
            }
        }
    }

    /// Makes the row of the marks, where there is none yet.
    /// - Throws: ``ServerError``.
    func prepareMarks() throws {
        guard let marks, marks.needsRow else { return }
        begin([])
        try runAside(marks.preparation(now: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))) { _, _ in }
        marks.needsRow = false
    }

    /// Whether a commit whose answer was lost was done: the database alone knows it.
    /// - Throws: ``StatusError``, UNKNOWN, which no client repeats by itself, where it cannot be asked.
    private func wasCommitted(_ mark: CommitMark?, _ error: ServerError) throws -> Bool {
        let start = ContinuousClock.now
        while let mark, ContinuousClock.now - start < Self.longestWrite {
            var found: String?
            do {
                // What the group has gathered stays out of it; and nobody is waited for without an end.
                begin(dialect.beginWrite.map { SQLQuery($0) })
                defer { rollBack() }
                try runAside([mark.lock(dialect)]) { found = $1.text(0) }
            } catch let failure as ServerError where failure.endsTransaction || failure.kind == .cannotConnect {
                Pause.sleep(Self.pause)
                continue
            } catch {
                break
            }
            if let found { return found == mark.value }
            break
        }
        // A server that has not noticed the loss keeps the row locked.
        marks?.renew()
        throw StatusError(
            .unknown,
            "The connection to the database was lost during the commit; it may have been done or not: \(error)")
    }

    /// Runs `body`, which only reads, in a transaction, and again where the connection is lost within.
    /// - Throws: what `body` throws; ``ServerError``.
    func transaction<Result>(begin statement: String, _ body: () throws -> Result) throws -> Result {
        let start = ContinuousClock.now
        while true {
            begin([SQLQuery(statement)])
            do {
                let result = try body()
                try commit()
                return result
            } catch {
                rollBack()
                let mayPass = failure?.endsTransaction == true
                guard mayPass, ContinuousClock.now - start < Self.patience, interruption?() != true else { throw error }
            }
        }
    }
}

extension SQLQuery {
    /// Whether it only reads; whoever locks rows reads too.
    fileprivate var isReading: Bool { text.hasPrefix("SELECT") || text.hasPrefix("WITH m AS") }
}

extension ServerError {
    /// Whether the transaction is gone, through no fault of its own: it may pass when it is run again.
    var endsTransaction: Bool { kind == .connectionLost || kind == .conflict || kind == .lostStatement }
}
