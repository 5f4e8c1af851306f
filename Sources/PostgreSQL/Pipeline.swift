import SQL

/// The run of some statements on a connection: sends and reads at once, so that neither side waits for the other.
///
/// libpq's pipeline mode (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html).
struct Pipeline {
    /// What was sent, in order; answers come in the same.
    private enum Command {
        /// Done for the connection's own sake; whether it works does not matter.
        case chore
        /// Prepares the statement that follows.
        case prepare(Int, types: [UInt32], name: String)
        case query(Int, isPrepared: Bool)
        case sync(isLast: Bool)
    }

    /// Why the run ends before its statements do.
    private enum End {
        /// The server says so; the rest is not run.
        case failed(ServerError)
        case threw(any Error)
        case interrupted
    }

    /// A server that is asked to cancel and does not is given up.
    private static let patience: Duration = .seconds(10)
    /// A request to cancel that comes between two statements has no effect.
    private static let cancelPause: Duration = .milliseconds(250)
    private static let askPause: Duration = .milliseconds(20)
    /// A result that is small ends by itself sooner than it is cancelled.
    private static let drainPause: Duration = .milliseconds(20)
    /// So many bytes are sent at once.
    private static let packet = 32 << 10

    private let library: LibPQ
    private let connection: LibPQ.Connection
    private let canceller: Canceller
    private let queries: [SQLQuery]
    private let texts: [NumberedText]
    private let isEncrypted: Bool

    private var chores: [String]
    private var nextQuery = 0
    private var prepared: (query: Int, name: String)?
    private var isSyncSent = false
    /// About how many bytes libpq was given since it had none left.
    private var unsent = 0
    private var sent: [Command] = []
    private var answered = 0
    /// Whether all answers are read: then the connection can be used again.
    private(set) var isDone = false
    private var end: End?
    private var values = ParameterList()
    private let rows: ResultRow
    /// Whether a part of what came may wait to be read where the socket does not tell.
    private var isMoreLikely = false
    private var lastAsked = ContinuousClock.now
    private var endedAt = ContinuousClock.now
    private var cancelledAt: ContinuousClock.Instant?

    /// - Parameter chores: statements of the connection's own, before the others; each is a transaction.
    init(
        _ library: LibPQ, _ connection: LibPQ.Connection, canceller: Canceller, queries: [SQLQuery],
        texts: [NumberedText], chores: [String]
    ) {
        (self.library, self.connection, self.canceller) = (library, connection, canceller)
        (self.queries, self.texts, self.chores) = (queries, texts, chores.reversed())
        isEncrypted = library.sslInUse(connection) != 0 || library.gssEncInUse(connection) != 0
        rows = ResultRow(library)
        sent.reserveCapacity(queries.count + 1)
    }

    /// Runs the statements.
    /// - Throws: ``ServerError``, or what `row` throws.
    mutating func run(
        _ cache: inout StatementCache, isInterrupted: (() -> Bool)?, row: (Int, ServerRow) throws -> Void
    ) throws {
        do {
            while !isDone {
                try send(&cache)
                try receive(&cache, row)
                if isDone { break }
                try wait(isInterrupted)
            }
        } catch {
            // The reader's own reason comes first.
            if case .threw(let reason)? = end { throw reason }
            throw error
        }
        switch end {
        case nil: return
        case .failed(let error): throw error
        case .threw(let error): throw error
        case .interrupted:
            // Where all is done already, the caller should know that it is.
            guard nextQuery < queries.count || prepared != nil else { return }
            throw ServerError(.interrupted, "the statement was cancelled", statement: firstOpen)
        }
    }

    private var isBroken: Bool { library.status(connection) == ConnectionStatus.bad }

    private var isThrown: Bool { if case .threw? = end { true } else { false } }

    /// The first statement whose answer is not known.
    private var firstOpen: Int {
        for command in sent[min(answered, sent.count)...] {
            switch command {
            case .prepare(let number, _, _), .query(let number, _): return number
            case .chore, .sync: continue
            }
        }
        return max(0, min(nextQuery, queries.count - 1))
    }

    // MARK: Sending

    private mutating func send(_ cache: inout StatementCache) throws(ServerError) {
        while !isSyncSent {
            // What the system does not take yet would pile up here: the answers come first.
            if unsent >= Self.packet {
                guard library.flush(connection) == 0 else { return }
                unsent = 0
            }
            if let chore = chores.popLast() {
                try check(library.sendQueryParams(connection, chore, 0, nil, nil, nil, nil, 0), .chore)
                try check(library.pipelineSync(connection), .sync(isLast: false))
            } else if end == nil, nextQuery < queries.count {
                try sendQuery(&cache)
            } else {
                isSyncSent = true
                try check(library.pipelineSync(connection), .sync(isLast: true))
            }
        }
        _ = library.flush(connection)
    }

    private mutating func sendQuery(_ cache: inout StatementCache) throws(ServerError) {
        let number = nextQuery
        if prepared?.query != number { values.fill(queries[number].values) }
        var name: String?
        if let prepared {
            name = prepared.name
        } else {
            switch cache.way(queries[number].text, types: values.types) {
            case .direct: break
            case .prepared(let known): name = known
            case .prepare(let new):
                let types = values.types
                prepared = (number, new)
                unsent += texts[number].sql.utf8.count
                return try check(
                    library.sendPrepare(connection, new, texts[number].sql, Int32(types.count), types),
                    .prepare(number, types: types, name: new))
            }
        }
        prepared = nil
        nextQuery += 1
        unsent += values.size + (name == nil ? texts[number].sql.utf8.count : 0)
        let code = values.withPointers { [library, connection, texts] count, types, values, lengths, formats in
            if let name {
                library.sendQueryPrepared(connection, name, count, values, lengths, formats, 0)
            } else {
                library.sendQueryParams(
                    connection, texts[number].sql, count, types, values, lengths, formats, 0)
            }
        }
        try check(code, .query(number, isPrepared: name != nil))
    }

    private mutating func check(_ code: Int32, _ command: Command) throws(ServerError) {
        if code == 1 {
            sent.append(command)
            if answered == sent.count - 1 { begin() }
        } else if isBroken {
            throw ServerError(lost: library, connection, statement: firstOpen)
        } else {
            // Out of memory; the message that was begun cannot be taken back.
            let words = library.errorMessage(connection).map { String(cString: $0) } ?? ""
            throw ServerError(.connectionLost, "a statement cannot be sent: \(words)", statement: firstOpen)
        }
    }

    // MARK: Receiving

    /// The next answer is that of another command.
    private func begin() {
        // Only before the first part of its answer.
        if answered < sent.count, case .query = sent[answered] { _ = library.setSingleRowMode(connection) }
    }

    private mutating func receive(
        _ cache: inout StatementCache, _ row: (Int, ServerRow) throws -> Void
    ) throws(ServerError) {
        while answered < sent.count, library.isBusy(connection) == 0 || isBroken {
            guard let result = library.getResult(connection) else {
                // Where nothing more comes, this would be the answer for ever.
                if isBroken { throw lost() }
                answered += 1
                begin()
                continue
            }
            defer { library.clear(result) }
            try take(result, &cache, row)
            if isDone { return }
        }
        // What was not sent yet never will be.
        if answered >= sent.count, isBroken { throw lost() }
    }

    private mutating func take(
        _ result: LibPQ.Result, _ cache: inout StatementCache, _ row: (Int, ServerRow) throws -> Void
    ) throws(ServerError) {
        let command = sent[answered]
        switch library.resultStatus(result) {
        case ResultStatus.singleTuple, ResultStatus.tuplesOK:
            if case .query(let number, _) = command { read(result, number, row) }
        case ResultStatus.commandOK, ResultStatus.emptyQuery: break
        case ResultStatus.pipelineSync:
            guard case .sync(let isLast) = command else {
                throw ServerError(.connectionLost, "an answer does not belong to a statement", statement: firstOpen)
            }
            answered += 1
            isDone = isLast
            begin()
        case ResultStatus.pipelineAborted:
            if case .prepare(let number, let types, let name) = command {
                cache.forget(queries[number].text, types: types, name: name)
            }
        case let status where ResultStatus.copies.contains(status):
            // The server waits for data that nobody has: the connection is of no use any more.
            throw ServerError(.other, "COPY cannot be used", statement: firstOpen)
        default: fail(result, command, &cache)
        }
    }

    private mutating func read(_ result: LibPQ.Result, _ number: Int, _ row: (Int, ServerRow) throws -> Void) {
        for line in 0..<library.ntuples(result) {
            switch end {
            case nil, .interrupted?: break
            case .failed?, .threw?: return
            }
            do {
                try row(number, try rows.row(result, line: line, statement: number))
            } catch {
                (end, endedAt) = (.threw(error), .now)
            }
        }
        rows.end()
    }

    private mutating func fail(_ result: LibPQ.Result, _ command: Command, _ cache: inout StatementCache) {
        var failure: ServerError
        switch command {
        case .chore, .sync:
            failure = ServerError(library, result: result, statement: firstOpen)
            // One that the server merely does not know.
            guard failure.kind == .connectionLost else { return }
        case .prepare(let number, let types, let name):
            failure = ServerError(library, result: result, statement: number)
            cache.forget(queries[number].text, types: types, name: name)
        case .query(let number, let isPrepared):
            failure = ServerError(library, result: result, statement: number)
            if isPrepared, failure.kind == .lostStatement {
                // A statement is unknown behind a pooler only, where the next one is lost as well. A statement whose
                // result has other types than before is known still.
                if failure.state == "26000" { cache.stopPreparing() } else { cache.dropAll() }
            }
        }
        if isBroken, failure.state.isEmpty { failure.kind = .connectionLost }
        switch end {
        case nil, .interrupted?: (end, endedAt) = (.failed(failure), .now)
        case .failed?, .threw?: break
        }
    }

    /// What to throw for a connection that broke: what the server said before it, where it said something.
    private func lost() -> ServerError {
        if case .failed(let error)? = end { return error }
        return ServerError(lost: library, connection, statement: firstOpen)
    }

    // MARK: Waiting

    private mutating func wait(_ isInterrupted: (() -> Bool)?) throws(ServerError) {
        var milliseconds: Int32 = isInterrupted == nil ? 1000 : 20
        switch end {
        case nil: break
        case .failed?: milliseconds = 20
        case .threw?, .interrupted?:
            milliseconds = 20
            let pause = isThrown ? Self.drainPause : .zero
            if cancelledAt.map({ .now - $0 > Self.cancelPause }) ?? (.now - endedAt >= pause) {
                cancelledAt = .now
                canceller.cancelAside()
            }
        }
        if end != nil, .now - endedAt > Self.patience {
            if case .failed(let error)? = end { throw error }
            throw ServerError(.connectionLost, "the server does not end a statement", statement: firstOpen)
        }
        let isPending = library.flush(connection) == 1
        let isReady = Waiting.wait(
            library.socket(connection), reading: true, writing: isPending,
            milliseconds: isMoreLikely ? 0 : milliseconds)
        // Of what is decrypted already the socket knows nothing: it is read without waiting. Not at once: where libpq
        // finds the end of the connection before it has looked at what came last, that is lost.
        isMoreLikely = isEncrypted && isReady
        let isWell = library.consumeInput(connection) == 1
        // What the server said at last is read still; then there is no result, and the connection is bad.
        if !isWell { return }
        guard end == nil, let isInterrupted, .now - lastAsked >= Self.askPause else { return }
        lastAsked = .now
        if isInterrupted() { (end, endedAt) = (.interrupted, .now) }
    }
}
