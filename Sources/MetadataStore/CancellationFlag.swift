import Synchronization

/// Whether nobody waits for a request any more: its client has gone, or its deadline passed.
public final class CancellationFlag: Sendable {
    private let value = Atomic(false)

    public init() {}

    public var isSet: Bool { value.load(ordering: .relaxed) }
    public func set() { value.store(true, ordering: .relaxed) }
}
