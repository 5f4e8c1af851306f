import SQL

/// One packet of statements, and the reading of its answers.
struct Exchange {
    let library: LibMariaDB
    let handle: LibMariaDB.Handle
    /// Whether the statements are to be cancelled; `nil` where nobody asks, and the library's own waiting does.
    let isInterrupted: (() -> Bool)?
    /// Cancels the statement that runs.
    let cancel: () -> Void
    private var isCancelled = false
    private var wasInterrupted = false
    /// What the reader of the rows threw.
    private var thrown: (any Error)?

    init(
        library: LibMariaDB, handle: LibMariaDB.Handle, isInterrupted: (() -> Bool)?, cancel: @escaping () -> Void
    ) {
        (self.library, self.handle, self.isInterrupted, self.cancel) = (library, handle, isInterrupted, cancel)
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
        if wasInterrupted { throw ServerError(.interrupted, "the statement was cancelled", statement: statement - 1) }
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
            guard thrown == nil, !wasInterrupted else { continue }
            var size = 0
            for column in 0..<columns { size += Int(clamping: lengths[column]) }
            let line = ServerRow(hasHexBlobs: false, size: size) { column in
                guard column < columns, let cell = cells[column] else { return nil }
                return UnsafeRawBufferPointer(start: cell, count: Int(clamping: lengths[column]))
            }
            do {
                try row(statement, line)
            } catch {
                thrown = error
                cancelOnce()
            }
        }
        guard library.errorNumber(handle) != 0 else { return }
        let error = ServerError(library, handle, statement: statement)
        if let thrown, error.kind != .connectionLost { throw thrown }
        throw wasInterrupted && error.kind != .connectionLost
            ? ServerError(.interrupted, error.message, statement: statement) : error
    }

    private mutating func cancelOnce() {
        guard !isCancelled else { return }
        isCancelled = true
        cancel()
    }

    // MARK: Calls that wait

    private mutating func send(_ bytes: UnsafePointer<UInt8>, _ count: UInt) -> Int32 {
        guard isInterrupted != nil else { return library.query(handle, bytes, count) }
        var code: Int32 = 0
        var status = library.queryStart(&code, handle, bytes, count)
        while status != 0 { status = library.queryContinue(&code, handle, wait(status)) }
        return code
    }

    private mutating func nextResult() -> Int32 {
        guard isInterrupted != nil else { return library.nextResult(handle) }
        var code: Int32 = 0
        var status = library.nextResultStart(&code, handle)
        while status != 0 { status = library.nextResultContinue(&code, handle, wait(status)) }
        return code
    }

    private mutating func fetchRow(_ result: LibMariaDB.Result) -> LibMariaDB.Row? {
        guard isInterrupted != nil else { return library.fetchRow(result) }
        var row: LibMariaDB.Row?
        var status = library.fetchRowStart(&row, result)
        while status != 0 { status = library.fetchRowContinue(&row, result, wait(status)) }
        return row
    }

    private mutating func wait(_ status: Int32) -> Int32 {
        let milliseconds = library.timeout(handle)
        return Waiting.wait(status, socket: library.socket(handle), milliseconds: milliseconds) {
            guard !wasInterrupted, isInterrupted?() == true else { return }
            wasInterrupted = true
            cancelOnce()
        }
    }
}
