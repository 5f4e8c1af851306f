import SQLite

/// Queries with a list of values, in portable SQL.
///
/// The number of placeholders is a power of two, padded with the last value, so that a few
/// compiled statements serve every length.
extension Connection {
    /// The most values that go into one statement.
    private static let chunk = 512

    /// The rows of a query in which `{list}` stands for the values.
    /// - Parameter first: the values of parameters that come before the list.
    func rows<Value: SQLBindable, Row>(
        _ sql: String, _ first: [SQLValue] = [], list: [Value], row: (Statement) -> Row
    ) throws(SQLiteError) -> [Row] {
        var result: [Row] = []
        var start = 0
        while start < list.count {
            let part = list[start..<min(start + Self.chunk, list.count)]
            start += part.count
            var size = 1
            while size < part.count { size *= 2 }
            let statement = try statement(sql, listOf: size)
            defer { statement.reset() }
            var index: Int32 = 1
            for value in first { try statement.bind(value, at: &index) }
            for offset in 0..<size {
                let position = min(part.startIndex + offset, part.endIndex - 1)
                try statement.bind(part[position].sqlValue, at: &index)
            }
            while try statement.step() { result.append(row(statement)) }
        }
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
