import SQL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The functions of PostgreSQL's client library. It is loaded when it is first needed: who keeps a SQLite file does not
/// have it installed.
struct LibPQ: Sendable {
    typealias Connection = OpaquePointer
    typealias Result = OpaquePointer
    typealias Text = UnsafePointer<CChar>
    typealias Texts = UnsafePointer<UnsafePointer<CChar>?>
    typealias NoticeProcessor = @convention(c) (UnsafeMutableRawPointer?, Text?) -> Void
    /// A code, a number or a truth value of a connection.
    typealias OfConnection = @Sendable @convention(c) (Connection) -> Int32
    /// The same of a result.
    typealias OfResult = @Sendable @convention(c) (Result) -> Int32
    /// The same of a column of a row of a result.
    typealias OfCell = @Sendable @convention(c) (Result, Int32, Int32) -> Int32
    typealias TextOfConnection = @Sendable @convention(c) (Connection) -> Text?
    /// Connection, statement, how many values, their types, values, lengths and formats, format of the result.
    typealias SendParameters =
        @Sendable @convention(c) (
            Connection, Text, Int32, UnsafePointer<UInt32>?, Texts?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
        ) -> Int32
    /// Connection, name, how many values, values, lengths and formats, format of the result.
    typealias SendPrepared =
        @Sendable @convention(c) (
            Connection, Text, Int32, Texts?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
        ) -> Int32

    // Connecting.
    let connectStartParams: @Sendable @convention(c) (Texts, Texts, Int32) -> Connection?
    let connectdbParams: @Sendable @convention(c) (Texts, Texts, Int32) -> Connection?
    let connectPoll: OfConnection
    let conninfo: @Sendable @convention(c) (Connection) -> UnsafeMutableRawPointer?
    let conninfoFree: @Sendable @convention(c) (UnsafeMutableRawPointer?) -> Void
    let finish: @Sendable @convention(c) (Connection) -> Void
    let setErrorVerbosity: @Sendable @convention(c) (Connection, Int32) -> Int32
    let setNoticeProcessor:
        @Sendable @convention(c) (Connection, NoticeProcessor, UnsafeMutableRawPointer?) -> UnsafeRawPointer?
    let setnonblocking: @Sendable @convention(c) (Connection, Int32) -> Int32
    let enterPipelineMode: OfConnection

    // What a connection is like.
    let status: OfConnection
    let errorMessage: TextOfConnection
    let socket: OfConnection
    let host: TextOfConnection
    let port: TextOfConnection
    let connectionNeedsPassword: OfConnection
    let transactionStatus: OfConnection
    let parameterStatus: @Sendable @convention(c) (Connection, Text) -> Text?
    let backendPID: OfConnection
    let sslInUse: OfConnection
    let gssEncInUse: OfConnection

    // Sending.
    let sendQueryParams: SendParameters
    let sendPrepare: @Sendable @convention(c) (Connection, Text, Text, Int32, UnsafePointer<UInt32>?) -> Int32
    let sendQueryPrepared: SendPrepared
    let pipelineSync: OfConnection
    let flush: OfConnection

    // Receiving.
    let setSingleRowMode: OfConnection
    let consumeInput: OfConnection
    let isBusy: OfConnection
    let getResult: @Sendable @convention(c) (Connection) -> Result?
    let resultStatus: OfResult
    let resultErrorField: @Sendable @convention(c) (Result, Int32) -> Text?
    let resultErrorMessage: @Sendable @convention(c) (Result) -> Text?
    let ntuples: OfResult
    let nfields: OfResult
    let ftype: @Sendable @convention(c) (Result, Int32) -> UInt32
    let getisnull: OfCell
    let getlength: OfCell
    let getvalue: @Sendable @convention(c) (Result, Int32, Int32) -> Text?
    let clear: @Sendable @convention(c) (Result) -> Void

    // Cancelling.
    let getCancel: @Sendable @convention(c) (Connection) -> OpaquePointer?
    let freeCancel: @Sendable @convention(c) (OpaquePointer) -> Void
    let cancel: @Sendable @convention(c) (OpaquePointer, UnsafeMutablePointer<CChar>, Int32) -> Int32

    private static let loaded = Swift.Result<LibPQ, ServerError> { () throws(ServerError) in try LibPQ() }

    /// The library, loaded at the first call.
    /// - Throws: ``ServerError``, `noLibrary`.
    static func load() throws(ServerError) -> LibPQ { try loaded.get() }

    /// A name that the library's newer versions have too, as all since PostgreSQL 7.4.
    private static let file = "libpq.so.5"

    private static let advice =
        "install the package libpq5 (Debian, Ubuntu) or libpq (Alpine, Fedora), of PostgreSQL 14 or later"

    private init() throws(ServerError) {
        // Never closed: connections may live as long as the process.
        guard let library = dlopen(Self.file, RTLD_NOW | RTLD_LOCAL) else {
            throw ServerError(
                .noLibrary,
                "the PostgreSQL client library \(Self.file) cannot be loaded; \(Self.advice)"
                    + (dlerror().map { ": \(String(cString: $0))" } ?? ""))
        }
        func symbol<Function>(_ name: String) throws(ServerError) -> Function {
            guard let address = dlsym(library, name) else {
                throw ServerError(
                    .noLibrary,
                    "the PostgreSQL client library \(Self.file) is too old, it has no \(name); \(Self.advice)")
            }
            return unsafeBitCast(address, to: Function.self)
        }
        // What only newer libraries have comes first, to be what the error names.
        enterPipelineMode = try symbol("PQenterPipelineMode")
        pipelineSync = try symbol("PQpipelineSync")
        connectStartParams = try symbol("PQconnectStartParams")
        connectdbParams = try symbol("PQconnectdbParams")
        connectPoll = try symbol("PQconnectPoll")
        conninfo = try symbol("PQconninfo")
        conninfoFree = try symbol("PQconninfoFree")
        finish = try symbol("PQfinish")
        setErrorVerbosity = try symbol("PQsetErrorVerbosity")
        setNoticeProcessor = try symbol("PQsetNoticeProcessor")
        setnonblocking = try symbol("PQsetnonblocking")
        status = try symbol("PQstatus")
        errorMessage = try symbol("PQerrorMessage")
        socket = try symbol("PQsocket")
        host = try symbol("PQhost")
        port = try symbol("PQport")
        connectionNeedsPassword = try symbol("PQconnectionNeedsPassword")
        transactionStatus = try symbol("PQtransactionStatus")
        parameterStatus = try symbol("PQparameterStatus")
        backendPID = try symbol("PQbackendPID")
        sslInUse = try symbol("PQsslInUse")
        gssEncInUse = try symbol("PQgssEncInUse")
        sendQueryParams = try symbol("PQsendQueryParams")
        sendPrepare = try symbol("PQsendPrepare")
        sendQueryPrepared = try symbol("PQsendQueryPrepared")
        flush = try symbol("PQflush")
        setSingleRowMode = try symbol("PQsetSingleRowMode")
        consumeInput = try symbol("PQconsumeInput")
        isBusy = try symbol("PQisBusy")
        getResult = try symbol("PQgetResult")
        resultStatus = try symbol("PQresultStatus")
        resultErrorField = try symbol("PQresultErrorField")
        resultErrorMessage = try symbol("PQresultErrorMessage")
        ntuples = try symbol("PQntuples")
        nfields = try symbol("PQnfields")
        ftype = try symbol("PQftype")
        getisnull = try symbol("PQgetisnull")
        getlength = try symbol("PQgetlength")
        getvalue = try symbol("PQgetvalue")
        clear = try symbol("PQclear")
        getCancel = try symbol("PQgetCancel")
        freeCancel = try symbol("PQfreeCancel")
        cancel = try symbol("PQcancel")
    }
}
