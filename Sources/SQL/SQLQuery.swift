/// One statement with the values of its parameters.
public struct SQLQuery: Sendable, Hashable {
    /// SQL in which each `?` outside of quotes stands for the next value, whatever the database calls it.
    public var text: String
    /// As many as ``text`` has question marks.
    public var values: [SQLValue]

    public init(_ text: String, _ values: [SQLValue] = []) { (self.text, self.values) = (text, values) }
}
