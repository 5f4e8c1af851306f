import AsyncHTTPClient
public import JSON
import Logging

/// The objects of a kind as they change: lists, then watches, for ever.
///
/// The states are those of kube-rs's `watcher`: list in pages at one resourceVersion, watch from
/// there with bookmarks, list again when the server has forgotten where the watch was (410). No
/// error ends it; each is told as an event, and tried again with backoff. It ends when its task is
/// cancelled.
public struct Watcher: AsyncSequence, Sendable {
    /// What happened.
    public enum Event: Sendable {
        /// A list begins; what comes until ``listed`` is all that there is.
        case listing
        /// Objects that are there, some of them known before.
        case page([KubernetesObject])
        case listed
        /// An object was made or changed.
        case applied(KubernetesObject)
        /// An object is gone; its last state.
        case deleted(KubernetesObject)
        /// Something could not be read. It is left out.
        case unreadable(String)
        /// The list or watch broke and is tried again.
        case interrupted(Interruption)
    }

    /// Why a list or watch broke.
    public enum Interruption: Sendable {
        /// The server has forgotten the version: a new list follows.
        case expired
        /// Not even a bookmark came in all the time of a watch: the server may count its versions anew,
        /// after a restore, and then says nothing of what it takes for the past. A new list follows.
        case silent
        case refused(APIError)
        case disconnected(String)
    }

    private let client: APIClient
    private let resource: Resource
    private let namespace: String?
    private let labelSelector: String?
    private let pageSize: Int
    private let fields: JSONProjection
    private let silence: Duration
    private let backoff: Backoff
    private let generation: @Sendable () -> Int

    /// - Parameters:
    ///   - fields: what is wanted of each object; see ``KubernetesObject/raw``.
    ///   - silence: after so long without even a bookmark, which servers send each minute, objects are
    ///     listed again.
    ///   - generation: another number asks for all objects anew, at the next event or bookmark.
    public init(
        _ client: APIClient, _ resource: Resource, namespace: String? = nil,
        labelSelector: String? = nil, pageSize: Int = 500, fields: JSONProjection = .everything,
        silence: Duration = .seconds(150), backoff: Backoff = Backoff(),
        generation: @escaping @Sendable () -> Int = { 0 }
    ) {
        self.generation = generation
        self.silence = silence
        self.client = client
        self.resource = resource
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.pageSize = pageSize
        self.fields = fields
        self.backoff = backoff
    }

    public func makeAsyncIterator() -> Iterator { Iterator(watcher: self) }

    public struct Iterator: AsyncIteratorProtocol {
        private enum State {
            case start
            /// Waiting for the page that this token begins.
            case listing(continuation: String?)
            /// Everything is listed, at this version.
            case listed(version: String)
            case connecting(version: String)
            case watching(version: String, stream: WatchStream)
        }

        private let watcher: Watcher
        private var state = State.start
        private var backoff: Backoff
        /// Told before the next step.
        private var queued: [Event] = []
        private var delay: Duration?
        /// When the server last said something.
        private var heard = ContinuousClock.now
        private var generation = 0

        init(watcher: Watcher) {
            self.watcher = watcher
            backoff = watcher.backoff
        }

        /// The next event; `nil` only after cancellation.
        public mutating func next() async -> Event? {
            while !Task.isCancelled {
                if !queued.isEmpty { return queued.removeFirst() }
                if let delay {
                    self.delay = nil
                    try? await Task.sleep(for: delay)
                    continue
                }
                do {
                    if let event = try await step() { return event }
                } catch {
                    // A connection may be cancelled for reasons of its own: only the task's end is the end.
                    if Task.isCancelled { return nil }
                    if let event = recover(from: error) { return event }
                }
            }
            return nil
        }

        private mutating func step() async throws -> Event? {
            switch state {
            case .start:
                generation = watcher.generation()
                state = .listing(continuation: nil)
                return .listing
            case .listing(let continuation):
                let page = try await watcher.client.list(
                    watcher.resource, namespace: watcher.namespace,
                    labelSelector: watcher.labelSelector, limit: watcher.pageSize,
                    continuation: continuation, fields: watcher.fields)
                backoff.reset()
                heard = .now
                queued = page.malformed.map { .unreadable($0) }
                state = page.next.map { .listing(continuation: $0) } ?? .listed(version: page.resourceVersion)
                return .page(page.objects)
            case .listed(let version):
                state = .connecting(version: version)
                return .listed
            case .connecting(let version):
                let stream = try await watcher.client.watch(
                    watcher.resource, namespace: watcher.namespace,
                    labelSelector: watcher.labelSelector, from: version, fields: watcher.fields)
                state = .watching(version: version, stream: stream)
                return nil
            case .watching where watcher.generation() != generation:
                state = .start
                return nil
            case .watching(let version, var stream):
                // The stream is moved out and back, so that it is never copied while it is used.
                state = .connecting(version: version)
                let line = try await watcher.client.connected { try await stream.next() }
                return try handle(line, version, stream)
            }
        }

        private mutating func handle(
            _ line: WatchLine?, _ version: String, _ stream: WatchStream
        ) throws -> Event? {
            if line != nil { heard = .now }
            func newest(_ object: KubernetesObject) -> String {
                object.resourceVersion.isEmpty ? version : object.resourceVersion
            }
            switch line {
            case .applied(let object):
                backoff.reset()
                state = .watching(version: newest(object), stream: stream)
                return .applied(object)
            case .deleted(let object):
                backoff.reset()
                state = .watching(version: newest(object), stream: stream)
                return .deleted(object)
            case .bookmark(let bookmark):
                backoff.reset()
                state = .watching(version: bookmark.isEmpty ? version : bookmark, stream: stream)
                return nil
            case .unreadable(let reason):
                state = .watching(version: version, stream: stream)
                return .unreadable("an event of \(watcher.resource.plural): \(reason)")
            case .error(let error): throw error
            case nil where ContinuousClock.now - heard >= watcher.silence:
                state = .start
                return .interrupted(.silent)
            case nil:
                // The usual end after timeoutSeconds. A server that ends every watch at once must
                // not be asked without pause.
                delay = .milliseconds(10)
                return nil
            }
        }

        private mutating func recover(from error: any Error) -> Event? {
            guard let error = error as? APIError else {
                delay = backoff.delay()
                return .interrupted(.disconnected("\(error)"))
            }
            let isListing = if case .listing = state { true } else { false }
            if error.isExpired {
                // A server that refuses every second page must not be asked without pause.
                if isListing { delay = backoff.delay() }
                state = .start
                return .interrupted(.expired)
            }
            if error.isNotFound, !isListing {
                // The kind is gone (its CRD was deleted): only a list can tell when it is back.
                state = .start
            }
            let wait = backoff.delay()
            delay = error.retryAfter.map { Swift.max($0, .milliseconds(100)) } ?? wait
            return .interrupted(.refused(error))
        }
    }
}
