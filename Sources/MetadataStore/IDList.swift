import SQLite

/// Queries with a list of values.
extension Session {
    /// The most values that go into one statement of SQLite's.
    private static let chunk = 512
    /// The same of a server's, for which each statement is a round trip.
    private static let serverChunk = 20_000

    /// The rows of a query in which `IN ({list})` stands for the values, and `IN ({beginnings})` for the first 255
    /// characters of each.
    ///
    /// On SQLite the number of placeholders is a power of two, padded with the last value, so that a few compiled
    /// statements serve every length.
    /// - Parameter first: the values of parameters that come before the list.
    /// - Throws: `SQLiteError`, `ServerError`.
    func rows<Value: SQLBindable, Result>(
        _ sql: String, _ first: [SQLValue] = [], list: [Value], row: (Row) -> Result
    ) throws -> [Result] {
        guard let file else { return try serverRows(sql, first, list: list.map(\.sqlValue), row: row) }
        var result: [Result] = []
        var start = 0
        while start < list.count {
            let part = list[start..<min(start + Self.chunk, list.count)]
            start += part.count
            var size = 1
            while size < part.count { size *= 2 }
            let statement = try file.statement(sql, listOf: size)
            defer { statement.reset() }
            var index: Int32 = 1
            for value in first { try statement.bind(value, at: &index) }
            for offset in 0..<size {
                let position = min(part.startIndex + offset, part.endIndex - 1)
                try statement.bind(part[position].sqlValue, at: &index)
            }
            while try statement.step() { result.append(row(Row(statement))) }
        }
        return result
    }

    /// Runs a statement with a list of values.
    /// - Throws: `SQLiteError`, `ServerError`.
    func run<Value: SQLBindable>(_ sql: String, _ first: [SQLValue], list: [Value]) throws {
        _ = try rows(sql, first, list: list) { _ in }
    }

    private func serverRows<Result>(
        _ sql: String, _ first: [SQLValue], list: [SQLValue], row: (Row) -> Result
    ) throws -> [Result] {
        var result: [Result] = []
        for start in stride(from: 0, to: list.count, by: Self.serverChunk) {
            let part = Array(list[start..<min(start + Self.serverChunk, list.count)])
            let query = dialect.list(SQLQuery(sql, first), part)
            try server?.run([query]) { result.append(row(Row($1))) }
        }
        return result
    }
}

extension SQLQuery {
    /// The query with its lists filled in, each a parameter a value.
    func listing(_ values: [SQLValue]) -> SQLQuery {
        filled(["{list}": (marks(values.count), values)])
    }

    private func marks(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ",") }

    /// The query in which names in braces are replaced, in the order in which they stand in it.
    func filled(_ parts: [String: (text: String, values: [SQLValue])]) -> SQLQuery {
        var result = SQLQuery("", values)
        var rest = text[...]
        while let brace = rest.firstIndex(of: "{"), let end = rest[brace...].firstIndex(of: "}") {
            result.text += rest[..<brace]
            let name = String(rest[brace...end])
            rest = rest[rest.index(after: end)...]
            guard let part = parts[name] else {
                result.text += name
                continue
            }
            result.text += part.text
            result.values += part.values
        }
        result.text += rest
        return result
    }
}

extension Sequence where Element: Hashable {
    /// Each element once, in the order of first appearance.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
