import CSQLite

/// A compiled statement. It belongs to its connection's task or thread.
public final class Statement {
    private let handle: OpaquePointer
    private unowned let connection: Connection
    let sql: String

    init(_ sql: String, connection: Connection) throws(SQLiteError) {
        var pointer: OpaquePointer?
        let code = sqlite3_prepare_v3(
            connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil)
        guard code == SQLITE_OK, let pointer else { throw connection.failure(code, sql) }
        handle = pointer
        self.connection = connection
        self.sql = sql
    }

    deinit { sqlite3_finalize(handle) }

    var isBusy: Bool { sqlite3_stmt_busy(handle) != 0 }

    /// Binds a value to the next parameter and counts it.
    /// - Throws: ``SQLiteError``.
    public func bind(_ value: SQLValue, at index: inout Int32) throws(SQLiteError) {
        let code: Int32 =
            switch value {
            case .null: sqlite3_bind_null(handle, index)
            case .integer(let value): sqlite3_bind_int64(handle, index, value)
            case .real(let value): sqlite3_bind_double(handle, index, value)
            case .text(let value): bind(text: value, at: index)
            case .blob(let value): bind(blob: value, at: index)
            case .bool(let value): sqlite3_bind_int64(handle, index, value ? 1 : 0)
            }
        guard code == SQLITE_OK else { throw connection.failure(code, sql) }
        index += 1
    }

    /// SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    private func bind(text: String, at index: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { buffer in
            // An empty buffer has no address, which would bind NULL.
            guard let base = buffer.baseAddress else {
                return sqlite3_bind_text(handle, index, "", 0, Self.transient)
            }
            return base.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                sqlite3_bind_text64(
                    handle, index, $0, sqlite3_uint64(buffer.count), Self.transient, UInt8(SQLITE_UTF8))
            }
        }
    }

    private func bind(blob: [UInt8], at index: Int32) -> Int32 {
        guard !blob.isEmpty else { return sqlite3_bind_zeroblob(handle, index, 0) }
        return sqlite3_bind_blob64(handle, index, blob, sqlite3_uint64(blob.count), Self.transient)
    }

    /// Goes to the next row.
    /// - Returns: whether there is one.
    /// - Throws: ``SQLiteError``.
    public func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW:
            if let excess = connection.meter?.addRow() {
                sqlite3_reset(handle)
                switch excess {
                case .request(let limit):
                    throw SQLiteError(
                        code: SQLITE_TOOBIG, message: "more than \(limit >> 20) MiB are read by one request",
                        context: "")
                case .total:
                    throw SQLiteError(
                        code: SQLiteError.tooBigTogether, message: "too much is read at the same time", context: "")
                }
            }
            return true
        case SQLITE_DONE: return false
        case let code:
            let error = connection.failure(code, sql)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Makes the statement ready to run again, with no parameters bound.
    public func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    /// Whether a column, counted from 0, is NULL.
    public func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    /// A column as an integer; 0 where it is NULL.
    public func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// A column as an integer.
    public func optionalInteger(_ column: Int32) -> Int64? {
        isNull(column) ? nil : integer(column)
    }

    /// A column as a floating-point number; 0 where it is NULL.
    public func double(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

    /// A column as text; empty where it is NULL.
    public func text(_ column: Int32) -> String { optionalText(column) ?? "" }

    /// A column as text, NULs within it included.
    public func optionalText(_ column: Int32) -> String? {
        guard let bytes = sqlite3_column_text(handle, column) else { return nil }
        let count = Int(sqlite3_column_bytes(handle, column))
        connection.meter?.add(count)
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// A column as bytes; empty where it is NULL.
    public func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(handle, column) else { return [] }
        return Array(
            UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, column))))
    }
}
