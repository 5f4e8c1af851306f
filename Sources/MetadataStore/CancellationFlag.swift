import Synchronization

/// Whether nobody waits for a request any more: its client has gone, or its deadline passed.
public final class CancellationFlag: Sendable {
    private let value = Atomic(false)
    private let handler = Mutex<(@Sendable () -> Void)?>(nil)

    public init() {}

    public var isSet: Bool { value.load(ordering: .relaxed) }

    public func set() {
        value.store(true, ordering: .sequentiallyConsistent)
        handler.withLock { $0 }?()
    }

    /// Does something when it is set, or at once where it is; of several the last.
    func whenSet(_ body: @escaping @Sendable () -> Void) {
        handler.withLock { $0 = body }
        if value.load(ordering: .sequentiallyConsistent) { body() }
    }
}
