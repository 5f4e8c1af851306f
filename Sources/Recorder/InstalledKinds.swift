import Kubernetes

/// Tells those who wait for a kind that it may have been installed: CustomResourceDefinitions are watched
/// where that is allowed; else they look again from time to time.
actor InstalledKinds {
    private var waiters: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// How often each definition was seen to change.
    private var changes: [String: Int] = [:]

    /// The definitions that were not there at the start.
    private(set) var absent: Set<String> = []

    func note(absent definition: String) { absent.insert(definition) }

    /// Whether definitions are watched: then nobody need look again.
    private(set) var isWatching = false

    /// Watches definitions until cancelled, or until that is forbidden.
    func watch(_ client: APIClient) async {
        // Only names are wanted.
        let watcher = Watcher(
            client, .customResourceDefinitions,
            fields: ["metadata": ["name": .everything, "resourceVersion": .everything]])
        for await event in watcher {
            switch event {
            case .page(let objects): for object in objects { changed(object.name) }
            case .applied(let object): changed(object.name)
            case .listed: isWatching = true
            case .interrupted(.refused(let error)) where error.status == 403 || error.isNotFound:
                isWatching = false
                return
            case .deleted, .listing, .unreadable, .interrupted: break
            }
        }
    }

    private func changed(_ definition: String) {
        changes[definition, default: 0] += 1
        for waiter in waiters.removeValue(forKey: definition) ?? [] { waiter.resume() }
    }

    /// How often a definition was seen to change so far.
    func version(of definition: String) -> Int { changes[definition] ?? 0 }

    /// Waits until a definition changes after a version, a time has passed, or the task is cancelled.
    func wait(for definition: String, after version: Int, atMost duration: Duration) async {
        let timer = Task {
            if (try? await Task.sleep(for: duration)) != nil { release(definition) }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || (changes[definition] ?? 0) > version {
                    continuation.resume()
                } else {
                    waiters[definition, default: []].append(continuation)
                }
            }
        } onCancel: {
            Task { await self.release(definition) }
        }
        timer.cancel()
    }

    private func release(_ definition: String) {
        for waiter in waiters.removeValue(forKey: definition) ?? [] { waiter.resume() }
    }
}
