import Kubernetes

/// Which kinds the cluster has: all are asked for in one request, and those who wait for one are told that it may
/// have been installed, by a watch of CustomResourceDefinitions where that is allowed; else they look again from time
/// to time.
actor InstalledKinds {
    /// An answer that is older than this is asked for anew.
    private static let lifetime: Duration = .seconds(2)

    private let client: APIClient
    private var waiters: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// How often each definition was seen to change.
    private var changes: [String: Int] = [:]
    private var asking: Task<Discovery?, Never>?
    private var asked: ContinuousClock.Instant?

    /// The definitions that were not there at the start.
    private(set) var absent: Set<String> = []

    init(_ client: APIClient) { self.client = client }

    func note(absent definition: String) { absent.insert(definition) }

    /// Whether definitions are watched: then nobody need look again.
    private(set) var isWatching = false

    /// Whether the cluster serves a resource; `nil` where only asking for it can tell.
    func serves(_ resource: Resource) async -> Bool? {
        if asked.map({ ContinuousClock.now - $0 > Self.lifetime }) ?? true {
            asked = .now
            asking = Task { [client] in try? await client.discover() }
        }
        let discovery = await asking?.value
        if discovery != nil { isAuthorized = true }
        return discovery?.serves(resource)
    }

    /// Whether the server has told what it serves: then it has loaded its roles, which it needs for that too.
    private(set) var isAuthorized = false

    /// Watches definitions until cancelled. Where that is forbidden it is tried again, as anything else.
    func watch() async {
        // Only names are wanted.
        let watcher = Watcher(
            client, .customResourceDefinitions,
            fields: ["metadata": ["name": .everything, "resourceVersion": .everything]])
        for await event in watcher {
            switch event {
            case .page(let objects): for object in objects { changed(object.name) }
            case .applied(let object): changed(object.name)
            case .watching: isWatching = true
            case .interrupted(.refused): isWatching = false
            case .deleted, .listing, .listed, .unreadable, .interrupted: break
            }
        }
    }

    private func changed(_ definition: String) {
        changes[definition, default: 0] += 1
        // What was served before it says nothing of it.
        asked = nil
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
