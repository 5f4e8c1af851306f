/// What is wrong with a store's address. Its words hold no password, nor any part of one.
public struct StoreAddressError: Error, Hashable, CustomStringConvertible {
    /// One line: what is wrong, and where.
    public let description: String

    /// - Parameter description: without secrets. Line breaks, as in the name of a file, become blanks.
    public init(_ description: String) {
        self.description = description.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
