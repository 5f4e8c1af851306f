import SQL

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
        let library = try ClientLibrary(Self.file, server: "PostgreSQL", advice: Self.advice)
        // What only newer libraries have comes first, to be what the error names.
        enterPipelineMode = try library.symbol("PQenterPipelineMode")
        pipelineSync = try library.symbol("PQpipelineSync")
        connectStartParams = try library.symbol("PQconnectStartParams")
        connectdbParams = try library.symbol("PQconnectdbParams")
        connectPoll = try library.symbol("PQconnectPoll")
        conninfo = try library.symbol("PQconninfo")
        conninfoFree = try library.symbol("PQconninfoFree")
        finish = try library.symbol("PQfinish")
        setErrorVerbosity = try library.symbol("PQsetErrorVerbosity")
        setNoticeProcessor = try library.symbol("PQsetNoticeProcessor")
        setnonblocking = try library.symbol("PQsetnonblocking")
        status = try library.symbol("PQstatus")
        errorMessage = try library.symbol("PQerrorMessage")
        socket = try library.symbol("PQsocket")
        host = try library.symbol("PQhost")
        port = try library.symbol("PQport")
        connectionNeedsPassword = try library.symbol("PQconnectionNeedsPassword")
        transactionStatus = try library.symbol("PQtransactionStatus")
        parameterStatus = try library.symbol("PQparameterStatus")
        backendPID = try library.symbol("PQbackendPID")
        sslInUse = try library.symbol("PQsslInUse")
        gssEncInUse = try library.symbol("PQgssEncInUse")
        sendQueryParams = try library.symbol("PQsendQueryParams")
        sendPrepare = try library.symbol("PQsendPrepare")
        sendQueryPrepared = try library.symbol("PQsendQueryPrepared")
        flush = try library.symbol("PQflush")
        setSingleRowMode = try library.symbol("PQsetSingleRowMode")
        consumeInput = try library.symbol("PQconsumeInput")
        isBusy = try library.symbol("PQisBusy")
        getResult = try library.symbol("PQgetResult")
        resultStatus = try library.symbol("PQresultStatus")
        resultErrorField = try library.symbol("PQresultErrorField")
        resultErrorMessage = try library.symbol("PQresultErrorMessage")
        ntuples = try library.symbol("PQntuples")
        nfields = try library.symbol("PQnfields")
        ftype = try library.symbol("PQftype")
        getisnull = try library.symbol("PQgetisnull")
        getlength = try library.symbol("PQgetlength")
        getvalue = try library.symbol("PQgetvalue")
        clear = try library.symbol("PQclear")
        getCancel = try library.symbol("PQgetCancel")
        freeCancel = try library.symbol("PQfreeCancel")
        cancel = try library.symbol("PQcancel")
    }
}
