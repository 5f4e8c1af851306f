/// How many there are of something, counted no further than is worth its time.
public struct BoundedCount: Sendable, Hashable {
    /// What was counted.
    public var value: Int
    /// Whether that is all; else there are more.
    public var isExact: Bool

    public init(_ value: Int, isExact: Bool = true) { (self.value, self.isExact) = (value, isExact) }
}
