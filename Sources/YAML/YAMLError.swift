/// Why a text is no YAML, or none that means a JSON value, and where.
public struct YAMLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong, in words.
    public var reason: String
    /// The line, counted from 1.
    public var line: Int
    /// The column, counted from 1.
    public var column: Int

    public var description: String { "line \(line), column \(column): \(reason)" }
}
