import Kubernetes
import Synchronization

/// Objects that were read before all was known that they are read with: what owns them, or what they own.
///
/// Kinds are watched side by side, so that a TaskRun may come before its PipelineRun, though it was made after it. Such
/// an object is kept until the other comes, and read again then; without that, what is recorded would depend on which
/// came first.
final class LateRelatives: Sendable {
    /// An object that is to be read again.
    struct Object: Sendable {
        var object: KubernetesObject
        var isDeleted: Bool
    }

    private struct State {
        var objects: [String: (object: Object, keys: [String], number: Int)] = [:]
        /// Who waits for a key.
        var waiting: [String: Set<String>] = [:]
        /// What is kept, oldest first, each with its number: an entry of what was let go has another, or none.
        var order: [(uid: String, number: Int)] = []
        var lastNumber = 0
        var due: Set<String> = []
    }

    /// The most that wait: the owners of others may never come, because nobody may read them.
    private static let most = 1_000
    private let state = Mutex(State())

    /// The key of what an object controls.
    static func members(of uid: String) -> String { "members of \(uid)" }

    /// Keeps an object until one of the keys is known; one that waits for nothing is let go.
    func keep(_ object: KubernetesObject, isDeleted: Bool, until keys: [String]) {
        state.withLock { state in
            let uid = object.uid
            // It keeps its place: what is told of often is not newer than what was told of once.
            let before = state.objects[uid]?.number
            Self.letGo(uid, &state)
            guard !keys.isEmpty else { return }
            state.lastNumber += 1
            let number = before ?? state.lastNumber
            state.objects[uid] = (Object(object: object, isDeleted: isDeleted), keys, number)
            for key in keys { state.waiting[key, default: []].insert(uid) }
            if before == nil { state.order.append((uid, number)) }
            guard state.order.count > 2 * Self.most || state.objects.count > Self.most else { return }
            state.order.removeAll { state.objects[$0.uid]?.number != $0.number }
            while state.order.count > Self.most { Self.letGo(state.order.removeFirst().uid, &state) }
        }
    }

    private static func letGo(_ uid: String, _ state: inout State) {
        guard let kept = state.objects.removeValue(forKey: uid) else { return }
        state.due.remove(uid)
        for key in kept.keys {
            state.waiting[key]?.remove(uid)
            if state.waiting[key]?.isEmpty == true { state.waiting[key] = nil }
        }
    }

    /// Lets go what a whole list of its kind did not have.
    func retain(_ kind: String, in namespace: String?, _ isPresent: (String) -> Bool) {
        state.withLock { state in
            let gone = state.objects.filter { uid, kept in
                let object = kept.object.object
                return object.kind == kind && (namespace == nil || object.namespace == namespace) && !isPresent(uid)
            }
            for uid in gone.keys { Self.letGo(uid, &state) }
        }
    }

    /// Notes that what some wait for is known now.
    func known(_ key: String) {
        state.withLock { state in
            if let uids = state.waiting[key] { state.due.formUnion(uids) }
        }
    }

    /// The objects that are to be read again, each once however much of theirs came.
    func takeDue() -> [Object] {
        state.withLock { state in
            if state.due.isEmpty { return [] }
            let due = state.due.sorted().compactMap { state.objects[$0]?.object }
            state.due = []
            return due
        }
    }
}
