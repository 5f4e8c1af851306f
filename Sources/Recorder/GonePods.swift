import Synchronization

/// The pods that were seen to be deleted last: nothing need be written onto them.
final class GonePods: Sendable {
    private struct State {
        var uids: Set<Int> = []
        /// In the order in which they went.
        var order: [Int] = []
        var oldest = 0
    }

    /// A pod is written onto seconds after its end: those of a few minutes are enough.
    private static let maximum = 20_000
    private let state = Mutex(State())

    func add(_ uid: String) {
        state.withLock { state in
            let hash = uid.hashValue
            guard state.uids.insert(hash).inserted else { return }
            guard state.order.count >= Self.maximum else { return state.order.append(hash) }
            state.uids.remove(state.order[state.oldest])
            state.order[state.oldest] = hash
            state.oldest = (state.oldest + 1) % Self.maximum
        }
    }

    func contains(_ uid: String) -> Bool { state.withLock { $0.uids.contains(uid.hashValue) } }
}
