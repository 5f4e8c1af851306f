import FoundationEssentials

/// Which of two sights of one object is the newer: by what the object itself says, never by when it was seen.
///
/// Times come before versions: a restored API server counts `resourceVersion` anew, but not the time.
public struct Age: Sendable, Hashable, Comparable, Codable {
    /// The latest time that the object tells of itself, in milliseconds since 1970; 0 where it tells none.
    public var time: Int64
    /// `metadata.resourceVersion`; 0 where it has none.
    public var version: UInt64
    /// Whether the object was told as deleted.
    public var isDeleted: Bool

    public init(time: Int64 = 0, version: UInt64 = 0, isDeleted: Bool = false) {
        self.time = time
        self.version = version
        self.isDeleted = isDeleted
    }

    public static func < (left: Age, right: Age) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.version != right.version { return left.version < right.version }
        return !left.isDeleted && right.isDeleted
    }

    /// Not older than a time.
    func atLeast(_ time: Date?) -> Age {
        guard let time else { return self }
        var result = self
        result.time = max(result.time, Timestamp.milliseconds(time))
        return result
    }
}
