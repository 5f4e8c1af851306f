import SQL

/// One packet of statements, and the reading of its answers.
struct Exchange {
    let library: LibMariaDB
    let handle: LibMariaDB.Handle
    /// Whether the library's calls return while they wait.
    let returnsWhileWaiting: Bool
    /// Whether the statements are to be cancelled.
    let isInterrupted: () -> Bool
    /// Cancels the statement that runs.
    let cancel: () -> Void
    private var lastCancel: ContinuousClock.Instant?
    private var wasInterrupted = false
    private var hasDroppedRows = false
    /// What the reader of the rows threw.
    private var thrown: (any Error)?
    private var rowsSinceAsked = 0
    private var bytesSinceAsked = 0

    /// Answers that come without a wait are read so far without asking whether to go on.
    private static let (rowsAtOnce, bytesAtOnce) = (256, 1 << 20)
    /// A statement that goes on for so long is cancelled again: what came between two statements was lost.
    private static let patience = Duration.milliseconds(500)

    init(
        library: LibMariaDB, handle: LibMariaDB.Handle, returnsWhileWaiting: Bool, isInterrupted: @escaping () -> Bool,
        cancel: @escaping () -> Void
    ) {
        (self.library, self.handle, self.returnsWhileWaiting) = (library, handle, returnsWhileWaiting)
        (self.isInterrupted, self.cancel) = (isInterrupted, cancel)
    }

    /// Sends the packet, and reads the answers of its statements.
    /// - Parameters:
    ///   - first: the number of its first statement.
    ///   - count: how many it has.
    /// - Throws: ``ServerError``, or what `row` throws.
    mutating func run(
        _ packet: [UInt8], first: Int, count: Int, row: (Int, ServerRow) throws -> Void
    ) throws {
        var code = packet.withUnsafeBufferPointer { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return 0 }
            return send(base, UInt(bytes.count))
        }
        var statement = first
        while code == 0 {
            try readResult(statement, row)
            statement += 1
            ask()
            code = nextResult()
            // -1: there are no more.
            if code < 0 { break }
        }
        if code > 0 {
            let error = ServerError(library, handle, statement: statement)
            if error.kind == .connectionLost { throw error }
            if thrown == nil {
                // MySQL's SLEEP and MariaDB's own limits say it in several ways.
                throw wasInterrupted ? ServerError(.interrupted, error.message, statement: statement) : error
            }
        }
        if let thrown { throw thrown }
        // Where it came too late, all is done, a COMMIT too: nobody may be told otherwise.
        if wasInterrupted, hasDroppedRows {
            throw ServerError(.interrupted, "the statement was cancelled", statement: statement - 1)
        }
    }

    private mutating func readResult(_ statement: Int, _ row: (Int, ServerRow) throws -> Void) throws {
        let columns = Int(library.fieldCount(handle))
        guard columns > 0 else { return }
        guard let result = library.useResult(handle) else {
            throw ServerError(library, handle, statement: statement)
        }
        // Where the connection broke, what is left of the answer is not waited for by the library either.
        defer { library.freeResult(result) }
        while let cells = fetchRow(result), let lengths = library.fetchLengths(result) {
            var size = 0
            for column in 0..<columns { size += Int(clamping: lengths[column]) }
            askSometimes(size)
            guard thrown == nil, !wasInterrupted else {
                hasDroppedRows = true
                continue
            }
            let line = ServerRow(hasHexBlobs: false, size: size) { column in
                guard column < columns, let cell = cells[column] else { return nil }
                return UnsafeRawBufferPointer(start: cell, count: Int(clamping: lengths[column]))
            }
            do {
                try row(statement, line)
            } catch {
                thrown = error
                cancelAgain()
            }
        }
        guard library.errorNumber(handle) != 0 else { return }
        let error = ServerError(library, handle, statement: statement)
        if let thrown, error.kind != .connectionLost { throw thrown }
        throw wasInterrupted && error.kind != .connectionLost
            ? ServerError(.interrupted, error.message, statement: statement) : error
    }

    private mutating func askSometimes(_ size: Int) {
        rowsSinceAsked += 1
        bytesSinceAsked += size
        guard rowsSinceAsked >= Self.rowsAtOnce || bytesSinceAsked >= Self.bytesAtOnce else { return }
        ask()
    }

    private mutating func ask() {
        (rowsSinceAsked, bytesSinceAsked) = (0, 0)
        if !wasInterrupted, thrown == nil { wasInterrupted = isInterrupted() }
        if wasInterrupted || thrown != nil { cancelAgain() }
    }

    private mutating func cancelAgain() {
        if let lastCancel, ContinuousClock.now - lastCancel < Self.patience { return }
        cancel()
        // After it: it takes a while where the server is slow.
        lastCancel = .now
    }

    // MARK: Calls that wait

    private mutating func send(_ bytes: UnsafePointer<UInt8>, _ count: UInt) -> Int32 {
        guard returnsWhileWaiting else { return library.query(handle, bytes, count) }
        var code: Int32 = 0
        var status = library.queryStart(&code, handle, bytes, count)
        while status != 0 { status = library.queryContinue(&code, handle, wait(status)) }
        return code
    }

    private mutating func nextResult() -> Int32 {
        guard returnsWhileWaiting else { return library.nextResult(handle) }
        var code: Int32 = 0
        var status = library.nextResultStart(&code, handle)
        while status != 0 { status = library.nextResultContinue(&code, handle, wait(status)) }
        return code
    }

    private mutating func fetchRow(_ result: LibMariaDB.Result) -> LibMariaDB.Row? {
        guard returnsWhileWaiting else { return library.fetchRow(result) }
        var row: LibMariaDB.Row?
        var status = library.fetchRowStart(&row, result)
        while status != 0 { status = library.fetchRowContinue(&row, result, wait(status)) }
        return row
    }

    private mutating func wait(_ status: Int32) -> Int32 {
        let milliseconds = library.timeout(handle)
        return Waiting.wait(status, socket: library.socket(handle), milliseconds: milliseconds) { ask() }
    }
}
