import SQLite

/// A row of an answer, of whichever database; valid while it is being read.
struct Row {
    private enum Source {
        case file(Statement)
        case server(ServerRow)
    }

    private let source: Source

    init(_ statement: Statement) { source = .file(statement) }
    init(_ row: ServerRow) { source = .server(row) }

    /// Whether a column, counted from 0, is NULL.
    func isNull(_ column: Int32) -> Bool {
        switch source {
        case .file(let row): row.isNull(column)
        case .server(let row): row.isNull(Int(column))
        }
    }

    /// A column as an integer, truth values as 0 and 1; 0 where it is NULL.
    func integer(_ column: Int32) -> Int64 {
        switch source {
        case .file(let row): row.integer(column)
        case .server(let row): row.integer(Int(column))
        }
    }

    func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    /// A column as a floating-point number; 0 where it is NULL.
    func double(_ column: Int32) -> Double {
        switch source {
        case .file(let row): row.double(column)
        case .server(let row): row.double(Int(column))
        }
    }

    /// A column as text; empty where it is NULL.
    func text(_ column: Int32) -> String { optionalText(column) ?? "" }

    func optionalText(_ column: Int32) -> String? {
        switch source {
        case .file(let row): row.optionalText(column)
        case .server(let row): row.optionalText(Int(column))
        }
    }

    /// A column as bytes; empty where it is NULL.
    func blob(_ column: Int32) -> [UInt8] {
        switch source {
        case .file(let row): row.blob(column)
        case .server(let row): row.blob(Int(column))
        }
    }
}
