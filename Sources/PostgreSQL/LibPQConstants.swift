/// libpq's ConnStatusType, as far as it is asked about.
enum ConnectionStatus {
    /// CONNECTION_OK.
    static let ok: Int32 = 0
    /// CONNECTION_BAD.
    static let bad: Int32 = 1
}

/// libpq's PostgresPollingStatusType.
enum PollingStatus {
    static let failed: Int32 = 0
    static let reading: Int32 = 1
    static let writing: Int32 = 2
    static let ok: Int32 = 3
}

/// libpq's ExecStatusType, as far as a pipeline meets it.
enum ResultStatus {
    static let emptyQuery: Int32 = 0
    static let commandOK: Int32 = 1
    static let tuplesOK: Int32 = 2
    static let singleTuple: Int32 = 9
    static let pipelineSync: Int32 = 10
    static let pipelineAborted: Int32 = 11
    /// Of COPY, which no pipeline can do: out, in, both.
    static let copies: Set<Int32> = [3, 4, 8]
}

/// Codes of the fields of an error (PG_DIAG_…).
enum DiagnosticField {
    /// Not translated, of PostgreSQL 9.6 and later.
    static let severity = Int32(UInt8(ascii: "V"))
    static let state = Int32(UInt8(ascii: "C"))
    static let primaryMessage = Int32(UInt8(ascii: "M"))
    static let detail = Int32(UInt8(ascii: "D"))
    static let constraint = Int32(UInt8(ascii: "n"))
    /// The server's own function that failed.
    static let sourceFunction = Int32(UInt8(ascii: "R"))
}

/// Object ids of the types of parameters.
enum TypeID {
    /// What the statement makes of it.
    static let unknown: UInt32 = 0
    static let bool: UInt32 = 16
    static let bytes: UInt32 = 17
    static let int8: UInt32 = 20
    static let text: UInt32 = 25
    static let float8: UInt32 = 701
}
