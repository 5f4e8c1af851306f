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
        /// The watch is open: what changes from here on is told.
        case watching
        /// An object was made or changed.
        case applied(KubernetesObject)
        /// An object is gone; its last state.
        case deleted(KubernetesObject)
        /// Something could not be read. It is left out, though it is there.
        case unreadable(APIClient.Unreadable)
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
        /// The server ended the watch after so long, before its time: it stops, or takes its client for one that
        /// reads too slowly.
        case ended(after: Duration)
    }

    /// A watch that lasted so long was no failure, though nothing was told.
    private static let lasting: Duration = .seconds(5)
    /// After so many events in a row that cannot be read, the watch is begun again, with a pause.
    private static let maximumUnreadable = 100
    /// New lists that another generation asks for: so many at once, and then one each interval.
    private static let newListBurst = 5.0
    private static let newListInterval: Duration = .seconds(60)
    /// A server that has just started refuses everything until it has loaded its roles; for so long it is asked each
    /// second, then ever more rarely.
    private static let loadingOfRoles: Duration = .seconds(30)
    /// The most pages of a list: 10 million objects by 500.
    private static let maximumPages = 20_000

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

        /// A list that goes on without end.
        private struct EndlessList: Error, CustomStringConvertible {
            var description: String { "a list that does not end" }
        }

        /// A watch of which nothing can be read.
        private struct UnreadableWatch: Error, CustomStringConvertible {
            var description: String { "\(Watcher.maximumUnreadable) events in a row that cannot be read" }
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
        /// How many new lists may still be asked for, as of a time.
        private var newLists: (left: Double, since: ContinuousClock.Instant?) = (0, nil)
        private var pages = 0
        private var unreadable = 0
        /// Whether no event came since a version had expired.
        private var hasJustExpired = false
        /// Since when rights are missing.
        private var forbiddenSince: ContinuousClock.Instant?
        /// When the watch was opened that is open.
        private var opened: ContinuousClock.Instant?

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
                pages = 0
                state = .listing(continuation: nil)
                return .listing
            case .listing(let continuation):
                let page = try await watcher.client.list(
                    watcher.resource, namespace: watcher.namespace,
                    labelSelector: watcher.labelSelector, limit: watcher.pageSize,
                    continuation: continuation, fields: watcher.fields)
                heard = .now
                forbiddenSince = nil
                pages += 1
                // Not a step forward: the token is the same, or there is no end.
                if let next = page.next, next == continuation || pages >= Watcher.maximumPages { throw EndlessList() }
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
                opened = .now
                forbiddenSince = nil
                state = .watching(version: version, stream: stream)
                return .watching
            case .watching where watcher.generation() != generation && mayListAnew():
                state = .start
                return nil
            case .watching(let version, var stream):
                // The stream is moved out and back, so that it is never copied while it is used.
                state = .connecting(version: version)
                let line = try await watcher.client.connected { try await stream.next() }
                return try await handle(line, version, stream)
            }
        }

        private mutating func handle(
            _ line: WatchLine?, _ version: String, _ stream: WatchStream
        ) async throws -> Event? {
            if line != nil { heard = .now }
            switch line {
            case .applied, .deleted, .bookmark:
                backoff.reset()
                hasJustExpired = false
            default: break
            }
            // One with a version is a step forward.
            if case .unreadable(_, _, "")? = line { unreadable += 1 } else { unreadable = 0 }
            if unreadable > Watcher.maximumUnreadable {
                unreadable = 0
                throw UnreadableWatch()
            }
            func newest(_ object: KubernetesObject) -> String {
                object.resourceVersion.isEmpty ? version : object.resourceVersion
            }
            switch line {
            case .applied(let object):
                state = .watching(version: newest(object), stream: stream)
                return .applied(object)
            case .deleted(let object):
                state = .watching(version: newest(object), stream: stream)
                return .deleted(object)
            case .bookmark(let bookmark):
                state = .watching(version: bookmark.isEmpty ? version : bookmark, stream: stream)
                return nil
            case .unreadable(let reason, let uid, let newer):
                state = .watching(version: newer.isEmpty ? version : newer, stream: stream)
                return .unreadable(.init(reason: "an event of \(watcher.resource.plural): \(reason)", uid: uid))
            case .error(let error): throw await watcher.client.redacting(error)
            case nil where ContinuousClock.now - heard >= watcher.silence:
                state = .start
                return .interrupted(.silent)
            case nil:
                let duration = close() ?? .zero
                // The usual end comes after timeoutSeconds, to the second.
                guard duration + .seconds(2) < watcher.client.watchTimeout else {
                    delay = .milliseconds(10)
                    return nil
                }
                // A server that ends every watch at once must not be asked without pause.
                let toldSomething = ContinuousClock.now - heard < duration
                delay = duration < Watcher.lasting && !toldSomething ? backoff.delay() : .milliseconds(200)
                return .interrupted(.ended(after: duration))
            }
        }

        /// Whoever may change what asks for a new list may do so all day: then one is made now and then.
        private mutating func mayListAnew() -> Bool {
            let now = ContinuousClock.now
            let gained = newLists.since.map { ($0.duration(to: now)) / Watcher.newListInterval } ?? Watcher.newListBurst
            let left = Swift.min(Watcher.newListBurst, newLists.left + gained)
            newLists = (left >= 1 ? left - 1 : left, now)
            return left >= 1
        }

        /// The watch is no longer open. What follows one that went well for a while is a trouble of its own.
        /// - Returns: how long it was open.
        private mutating func close() -> Duration? {
            guard let opened else { return nil }
            self.opened = nil
            let duration = ContinuousClock.now - opened
            if duration >= Watcher.lasting { backoff.reset() }
            return duration
        }

        private mutating func recover(from error: any Error) -> Event? {
            _ = close()
            if error is EndlessList { state = .start }
            guard let error = error as? APIError else {
                delay = backoff.delay()
                return .interrupted(.disconnected("\(error)"))
            }
            let isListing = if case .listing = state { true } else { false }
            if error.isExpired {
                // One 410 is usual. A server that answers each page or each watch so must not be asked without pause.
                if isListing || hasJustExpired { delay = backoff.delay() }
                hasJustExpired = true
                state = .start
                return .interrupted(.expired)
            }
            if error.isNotFound, !isListing {
                // The kind is gone (its CRD was deleted): only a list can tell when it is back.
                state = .start
            }
            var wait = backoff.delay()
            if error.status == 403 {
                let since = forbiddenSince ?? .now
                forbiddenSince = since
                if ContinuousClock.now - since < Watcher.loadingOfRoles { wait = Swift.min(wait, .seconds(1)) }
            }
            delay = error.retryAfter.map { Swift.max($0, .milliseconds(100)) } ?? wait
            return .interrupted(.refused(error))
        }
    }
}
