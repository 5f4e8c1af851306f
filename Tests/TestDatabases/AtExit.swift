import Foundation
import Synchronization

/// What is to be done when the process ends by itself, the last first.
enum AtExit {
    private static let actions = Mutex<[@Sendable () -> Void]>([])

    static func add(_ action: @escaping @Sendable () -> Void) {
        let isFirst = actions.withLock { actions in
            actions.append(action)
            return actions.count == 1
        }
        guard isFirst else { return }
        // Once, since the list stays when it has been worked off.
        atexit {
            while let action = AtExit.actions.withLock({ $0.popLast() }) { action() }
        }
    }
}
