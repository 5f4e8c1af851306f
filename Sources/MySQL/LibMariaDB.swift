import SQL

/// The functions of MariaDB's client library, which speaks with MySQL too. It is loaded when it is first needed: who
/// keeps a SQLite file does not have it installed.
struct LibMariaDB: Sendable {
    typealias Handle = OpaquePointer
    typealias Result = OpaquePointer
    typealias Text = UnsafePointer<CChar>
    /// The columns of a row, `nil` where one is NULL.
    typealias Row = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    typealias OfHandle = @Sendable @convention(c) (Handle) -> Int32
    typealias TextOfHandle = @Sendable @convention(c) (Handle) -> Text?

    /// Options of a connection, as `enum mysql_option` numbers them.
    enum Option {
        static let connectTimeout: Int32 = 0
        static let charset: Int32 = 7
        static let localInfile: Int32 = 8
        static let transport: Int32 = 9
        static let readTimeout: Int32 = 11
        static let writeTimeout: Int32 = 12
        static let reconnect: Int32 = 20
        static let verifyCertificate: Int32 = 21
        static let key: Int32 = 25
        static let certificate: Int32 = 26
        static let authorities: Int32 = 27
        static let authorityFolder: Int32 = 28
        static let ciphers: Int32 = 29
        static let enforceTLS: Int32 = 38
        static let nonBlocking: Int32 = 6000
    }

    let start: @Sendable @convention(c) (Int32, UnsafeRawPointer?, UnsafeRawPointer?) -> Int32
    let make: @Sendable @convention(c) (Handle?) -> Handle?
    let options: @Sendable @convention(c) (Handle, Int32, UnsafeRawPointer?) -> Int32
    /// Host, user, password, database, port, socket, flags.
    let connect: @Sendable @convention(c) (Handle, Text?, Text?, Text?, Text?, UInt32, Text?, UInt) -> Handle?
    let close: @Sendable @convention(c) (Handle) -> Void
    let errorNumber: @Sendable @convention(c) (Handle) -> UInt32
    let errorText: TextOfHandle
    let state: TextOfHandle
    let serverInfo: TextOfHandle
    /// `nil` where the connection has no TLS.
    let cipher: TextOfHandle
    let threadID: @Sendable @convention(c) (Handle) -> UInt
    let socket: OfHandle
    let fieldCount: @Sendable @convention(c) (Handle) -> UInt32
    let useResult: @Sendable @convention(c) (Handle) -> Result?
    let fetchLengths: @Sendable @convention(c) (Result) -> UnsafePointer<UInt>?
    let freeResult: @Sendable @convention(c) (Result) -> Void

    // Those that wait for the server.
    let query: @Sendable @convention(c) (Handle, UnsafePointer<UInt8>, UInt) -> Int32
    let nextResult: OfHandle
    let fetchRow: @Sendable @convention(c) (Result) -> Row?

    // The same in parts: each returns what it waits for, 0 when it is done.
    let queryStart: @Sendable @convention(c) (UnsafeMutablePointer<Int32>, Handle, UnsafePointer<UInt8>, UInt) -> Int32
    let queryContinue: @Sendable @convention(c) (UnsafeMutablePointer<Int32>, Handle, Int32) -> Int32
    let nextResultStart: @Sendable @convention(c) (UnsafeMutablePointer<Int32>, Handle) -> Int32
    let nextResultContinue: @Sendable @convention(c) (UnsafeMutablePointer<Int32>, Handle, Int32) -> Int32
    let fetchRowStart: @Sendable @convention(c) (UnsafeMutablePointer<Row?>, Result) -> Int32
    let fetchRowContinue: @Sendable @convention(c) (UnsafeMutablePointer<Row?>, Result, Int32) -> Int32
    let timeout: @Sendable @convention(c) (Handle) -> UInt32

    private static let loaded = Swift.Result<LibMariaDB, ServerError> { () throws(ServerError) in try LibMariaDB() }

    /// The library, loaded at the first call.
    /// - Throws: ``ServerError``, `noLibrary`.
    static func load() throws(ServerError) -> LibMariaDB { try loaded.get() }

    private static let file = "libmariadb.so.3"
    private static let advice =
        "install the package libmariadb3 (Debian, Ubuntu), mariadb-connector-c (Alpine, Fedora)"

    private init() throws(ServerError) {
        let library = try ClientLibrary(Self.file, server: "MySQL", advice: Self.advice)
        start = try library.symbol("mysql_server_init")
        make = try library.symbol("mysql_init")
        options = try library.symbol("mysql_options")
        connect = try library.symbol("mysql_real_connect")
        close = try library.symbol("mysql_close")
        errorNumber = try library.symbol("mysql_errno")
        errorText = try library.symbol("mysql_error")
        state = try library.symbol("mysql_sqlstate")
        serverInfo = try library.symbol("mysql_get_server_info")
        cipher = try library.symbol("mysql_get_ssl_cipher")
        threadID = try library.symbol("mysql_thread_id")
        socket = try library.symbol("mysql_get_socket")
        fieldCount = try library.symbol("mysql_field_count")
        useResult = try library.symbol("mysql_use_result")
        fetchLengths = try library.symbol("mysql_fetch_lengths")
        freeResult = try library.symbol("mysql_free_result")
        query = try library.symbol("mysql_real_query")
        nextResult = try library.symbol("mysql_next_result")
        fetchRow = try library.symbol("mysql_fetch_row")
        queryStart = try library.symbol("mysql_real_query_start")
        queryContinue = try library.symbol("mysql_real_query_cont")
        nextResultStart = try library.symbol("mysql_next_result_start")
        nextResultContinue = try library.symbol("mysql_next_result_cont")
        fetchRowStart = try library.symbol("mysql_fetch_row_start")
        fetchRowContinue = try library.symbol("mysql_fetch_row_cont")
        timeout = try library.symbol("mysql_get_timeout_value_ms")
        // Once for the process, and before two threads ask for it.
        guard start(0, nil, nil) == 0 else {
            throw ServerError(.noLibrary, "the MySQL client library \(Self.file) does not start")
        }
    }
}
