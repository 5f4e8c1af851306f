/// Why there is no database, or why a statement failed, with what the server or its client said.
public struct TestDatabaseError: Error, CustomStringConvertible {
    /// For a person to read.
    public let description: String

    init(_ description: String) { self.description = description }
}
