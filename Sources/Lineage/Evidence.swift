/// Where an inferred fact comes from.
public struct Evidence: Sendable, Hashable, Codable {
    /// The convention that said so, such as `argo-workflows`.
    public var convention: String
    /// What it said, in words: `output model`, `state`.
    public var fact: String
    /// The field of the object that said it, as a path.
    public var field: String

    public init(convention: String, fact: String, field: String) {
        self.convention = convention
        self.fact = fact
        self.field = field
    }
}

/// Something in an object that could not be understood. The rest of the object still counts.
public struct Problem: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// The object: `Pod demo/train-1`.
    public var object: String
    /// The key or field within it.
    public var field: String
    /// What is wrong there, with line and column where there is text.
    public var reason: String

    public init(object: String, field: String, reason: String) {
        self.object = object
        self.field = field
        self.reason = reason
    }

    public var description: String { "\(object), \(field): \(reason)" }
}
