import Synchronization

/// Whether the task that waits for a request was cancelled: its client has gone, or its deadline passed.
final class CancellationFlag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
