import SQL

/// Gives the rows of results one after another: one closure serves all rows, which costs no memory for each.
final class ResultRow {
    private let library: LibPQ
    private var result: LibPQ.Result?
    private var line: Int32 = 0
    private var count: Int32 = 0
    /// Columns of bytes, of the result's statement.
    private var blobs: [Int32] = []
    private var statement: Int?
    private lazy var cell: (Int) -> UnsafeRawBufferPointer? = { [unowned self] in bytes($0) }

    init(_ library: LibPQ) { self.library = library }

    /// A row of a result, valid until the result is freed.
    /// - Parameter statement: the number of the statement: results of one have the same columns.
    /// - Throws: ``ServerError`` where bytes come in a form that cannot be told from others.
    func row(_ result: LibPQ.Result, line: Int32, statement: Int) throws(ServerError) -> ServerRow {
        if statement != self.statement {
            count = library.nfields(result)
            blobs = (0..<count).filter { library.ftype(result, $0) == TypeID.bytes }
            self.statement = statement
        }
        (self.result, self.line) = (result, line)
        for column in blobs {
            // `bytea_output` may be `escape` for this role or database, and a pooler loses what was set.
            guard let bytes = bytes(Int(column)), !bytes.isEmpty, !bytes.starts(with: [0x5C, 0x78]) else { continue }
            throw ServerError(
                .other, "bytes are not sent as hexadecimal digits: bytea_output should be hex", statement: statement)
        }
        var size = 0
        for column in 0..<count { size += Int(library.getlength(result, line, column)) }
        return ServerRow(hasHexBlobs: true, size: size, cell: cell)
    }

    /// No row is valid any more.
    func end() { result = nil }

    private func bytes(_ column: Int) -> UnsafeRawBufferPointer? {
        let column = Int32(truncatingIfNeeded: column)
        guard let result, column >= 0, column < count else { return nil }
        let length = library.getlength(result, line, column)
        if length == 0, library.getisnull(result, line, column) != 0 { return nil }
        return UnsafeRawBufferPointer(start: library.getvalue(result, line, column), count: Int(length))
    }
}
