/// Tells when all of some kinds have been listed once, or cannot be for now.
actor FirstLists {
    private var missing: Set<String>
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(_ names: Set<String>) { missing = names }

    /// A list is complete, or was refused.
    func arrived(_ name: String) {
        missing.remove(name)
        if missing.isEmpty { release() }
    }

    /// Lets everybody go on: the recorder stops.
    func release() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    var haveArrived: Bool { missing.isEmpty }

    func wait() async {
        if missing.isEmpty || Task.isCancelled { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume() } else { waiters.append(continuation) }
            }
        } onCancel: {
            Task { await self.release() }
        }
    }
}
