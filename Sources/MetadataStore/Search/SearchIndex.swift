import FoundationEssentials
import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// Finds nodes by any three or more letters of what stands on them.
///
/// A file beside the store holds the texts; it is filled after the commits, by whoever wrote them, and made anew
/// where it is absent or belongs to another store.
public final class SearchIndex: Sendable {
    /// A node that was found.
    public struct Hit: Sendable, Hashable {
        public var kind: NodeKind
        public var id: Int64
        /// How well it fits: less is better.
        var rank: Int
    }

    /// What was found, the best first.
    public struct Answer: Sendable {
        public var hits: [Hit] = []
        /// Whether the whole index was looked through; else only its newest part, for the time it takes.
        public var isComplete = true
        /// Whether the words were long enough to look for.
        public var isAsked = true
    }

    /// How far the index is behind the store.
    public struct Lag: Sendable, Hashable {
        /// Nodes that are not in it yet; below 0 while that is not known.
        public var nodes: Int64
        public var isReady: Bool { nodes == 0 }
    }

    /// How many nodes are read into the index at once.
    private static let part = 250
    /// How many updates are looked at at once.
    private static let updatesPart = 500
    /// The clocks of those who write to a file may differ so much, in milliseconds.
    private static let clockSlack: Int64 = 2_000
    /// How often it is looked whether there is more.
    private static let pause: Duration = .milliseconds(300)
    /// Parts that a search looks through one after the other, in ids: each four times as long as that before; and how
    /// long it goes on.
    private static let slice: Int64 = 50_000
    private static let longestSearch: Duration = .milliseconds(80)
    /// Of the names that fit, and of all.
    private static let mostHits = 200

    /// What the index leaves of the disk, in bytes.
    private static let roomLeft: UInt64 = 64 << 20

    private let store: MetadataStore
    /// The version of its file; one of another is made anew.
    public static var version: Int64 { SearchFile.version }
    private let path: String
    /// The size of its file, in bytes.
    public var size: Int64 { DatabaseFile.size(path) ?? 0 }
    private let file: Confined<SearchFile>
    /// The store, by a connection of its own: whoever waits for a reader must not wait for the index.
    private let source: Confined<Session>
    private let reading: Mutex<Confined<Connection>>
    private let thread: NIOThreadPool
    private let readingThread: NIOThreadPool
    /// How far each kind's updates are looked through.
    private let cursors = Mutex<[NodeKind: Cursor]>([:])

    private struct Cursor {
        var updated: Int64
        var id: Int64
    }

    private let lagState = Mutex(Lag(nodes: -1))

    /// - Parameter path: of the index; beside a store's file by default. Of a store on a server it has to be given.
    /// - Throws: ``StoreFileError``.
    public init(of store: MetadataStore, path: String? = nil) throws {
        self.store = store
        let isNamedByUs = path == nil
        guard let path = path ?? store.path.map({ $0 + "-search" }) else {
            throw StoreFileError(path: "", reason: "the search index needs a file, for the store has none")
        }
        self.path = path
        if let stored = store.path, DatabaseFile.isSame(path, stored) {
            throw StoreFileError(path: path, reason: "is the store itself")
        }
        do {
            source = Confined(try store.sessionForSearch())
            file = Confined(try SearchFile(path: path, isNamedByUs: isNamedByUs))
            reading = Mutex(Confined(try Connection(path: path, mode: .readOnly)))
        } catch let error as SQLiteError {
            throw StoreFileError(path: path, error: error)
        } catch is SearchFile.NotOurs {
            throw StoreFileError(path: path, reason: "is something else than a search index, and is left alone")
        }
        thread = NIOThreadPool(numberOfThreads: 1)
        readingThread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        readingThread.start()
    }

    public var lag: Lag { lagState.withLock { $0 } }

    /// Ends its threads.
    public func close() async {
        try? await thread.shutdownGracefully()
        try? await readingThread.shutdownGracefully()
    }

    // MARK: Filling

    /// Keeps the index up with the store until the task is cancelled.
    ///
    /// It rests ten times as long as it worked while others write: the store comes first.
    /// - Parameter onFailure: told what went wrong; it goes on a minute later.
    public func run(onFailure: @Sendable (any Error) -> Void = { _ in }) async {
        var seen: String?
        while !Task.isCancelled {
            do {
                let version = try await onStore { try $0.searchVersion() }
                if version == seen {
                    try await Task.sleep(for: Self.pause)
                    continue
                }
                let start = ContinuousClock.now
                let writes = store.commits
                let hasMore = try await step()
                if !hasMore { seen = version }
                let worked = ContinuousClock.now - start
                let isBusy = store.commits != writes
                let rest = hasMore ? (isBusy ? worked * 10 : worked / 4) : max(Self.pause, worked * 10)
                try await Task.sleep(for: rest)
            } catch is CancellationError {
                return
            } catch {
                onFailure(error)
                try? await Task.sleep(for: .seconds(60))
            }
        }
    }

    /// Takes up the next part of each kind.
    /// - Returns: whether there may be more.
    /// - Throws: ``StatusError``.
    @discardableResult
    public func step() async throws -> Bool {
        // The store needs the rest of the disk more.
        if let room = DatabaseFile.room(path), room < Self.roomLeft {
            throw StatusError(
                .resourceExhausted, "Its disk has less than \(Self.roomLeft >> 20) MiB left: the index waits.")
        }
        // Before anything of another store is added.
        for kind in NodeKind.allCases where try await isOfAnotherStore(kind) {
            try await onFile { try $0.clear() }
            cursors.withLock { $0 = [:] }
            break
        }
        var hasMore = false
        var behind: Int64 = 0
        for kind in NodeKind.allCases {
            let more = try await step(kind)
            hasMore = hasMore || more.hasMore
            behind += more.behind
        }
        lagState.withLock { $0 = Lag(nodes: behind) }
        return hasMore
    }

    /// Takes up all there is.
    /// - Throws: ``StatusError``.
    public func fill() async throws {
        while try await step() { try Task.checkCancellation() }
    }

    private static var now: Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)) }

    private func isOfAnotherStore(_ kind: NodeKind) async throws -> Bool {
        guard let known = try await onFile({ try $0.progress(kind) }), known.id > 0 else { return false }
        return try await onStore { try $0.searchMark(kind) } != known.mark
    }

    private func step(_ kind: NodeKind) async throws -> (hasMore: Bool, behind: Int64) {
        var progress = try await onFile { try $0.progress(kind) } ?? SearchFile.Progress()
        if progress.id == 0 {
            // What is updated while the index is made is taken up again.
            progress.updated = min(try await onStore { try $0.lastUpdate(kind) }, Self.now) - Self.clockSlack
        }
        let from = progress
        let part = try await onStore { try $0.newForSearch(kind, after: from, upTo: Self.part) }
        if !part.documents.isEmpty { try await put(part.documents, kind, part.progress) }
        let updatesLeft = try await takeUpdates(kind, part.progress)
        let last = try await onStore { try $0.lastID(kind) }
        return (part.hasMore || updatesLeft, max(0, last - part.progress.id))
    }

    /// Indexes again what was updated: a page of the time's index after the other, from a little before the last
    /// that is known; only at its end is that time passed, however many were updated at one time.
    /// - Returns: whether there may be more.
    private func takeUpdates(_ kind: NodeKind, _ progress: SearchFile.Progress) async throws -> Bool {
        let from = cursors.withLock { $0[kind] } ?? Cursor(updated: progress.updated - Self.clockSlack, id: .max)
        let updates = try await onStore {
            try $0.updatedForSearch(kind, since: (from.updated, from.id), within: progress, upTo: Self.updatesPart)
        }
        // After a full page an empty one is the end, too.
        let last = updates.last ?? (from.id, from.updated)
        let outdated = try await onFile { try $0.outdated(kind, updates) }
        let isWhole = updates.count < Self.updatesPart
        var passed = progress
        // A time in the future would hide all that is updated until then.
        if isWhole { passed.updated = max(progress.updated, min(last.updated, Self.now)) }
        if !outdated.isEmpty || passed != progress {
            let next = passed
            try await put(try await onStore { try $0.documents(kind, outdated) }, kind, next)
        }
        cursors.withLock { $0[kind] = isWhole ? nil : Cursor(updated: last.updated, id: last.id) }
        return !isWhole
    }

    private func put(_ documents: [SearchDocument], _ kind: NodeKind, _ progress: SearchFile.Progress) async throws {
        try await onFile { try $0.put(documents, kind, progress) }
    }

    private func onStore<Result: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws -> Result {
        let source = source
        do {
            return try await thread.runIfActive {
                let transaction = Transaction(connection: source.value, now: 0, typeCache: TypeCache())
                return try source.value.snapshot { try body(transaction) }
            }
        } catch {
            throw StatusError(wrapping: error)
        }
    }

    private func onFile<Result: Sendable>(
        _ body: @escaping @Sendable (SearchFile) throws -> Result
    ) async throws -> Result {
        let file = file
        do {
            return try await thread.runIfActive { try body(file.value) }
        } catch let error as SQLiteError {
            throw StatusError(error)
        }
    }

    // MARK: Searching

    /// The nodes on which all words of a text stand: names that are the text first, then names that begin with it,
    /// that have it, and all others; of each the newest.
    /// - Parameters:
    ///   - kinds: where to look.
    ///   - limit: of hits of each kind.
    /// - Throws: ``StatusError``.
    public func search(
        _ text: String, in kinds: [NodeKind] = NodeKind.allCases, upTo limit: Int, seenBy visibility: Visibility
    ) async throws -> Answer {
        let query = SearchQuery(text)
        guard !query.words.isEmpty else { return Answer(isAsked: false) }
        // A name that is the whole text may be older than many that have it within.
        let exact = try await exactly(text, kinds, visibility)
        do {
            return try await look(for: query, exact, kinds, limit)
        } catch let error as SQLiteError {
            throw StatusError(error)
        }
    }

    private func look(
        for query: SearchQuery, _ exact: [Hit], _ kinds: [NodeKind], _ limit: Int
    ) async throws -> Answer {
        try await readingThread.runIfActive { [self] in
            let deadline = ContinuousClock.now + Self.longestSearch
            return try reading.withLock { connection in
                var answer = Answer()
                for kind in kinds {
                    var hits = exact.filter { $0.kind == kind }
                    var found = Set(hits.map(\.id))
                    let isComplete = try Self.look(query, kind, connection.value, limit, deadline) { hit in
                        if found.insert(hit.id).inserted { hits.append(hit) }
                    }
                    answer.isComplete = answer.isComplete && isComplete
                    answer.hits += hits.sorted { ($0.rank, $1.id) < ($1.rank, $0.id) }.prefix(limit)
                }
                return answer
            }
        }
    }

    private func exactly(_ text: String, _ kinds: [NodeKind], _ visibility: Visibility) async throws -> [Hit] {
        try await store.read { transaction in
            var hits: [Hit] = []
            for kind in kinds {
                let ids =
                    switch kind {
                    case .artifact: try transaction.artifacts(named: text, upTo: 20, seenBy: visibility).map(\.id)
                    case .execution: try transaction.executions(named: text, upTo: 20, seenBy: visibility).map(\.id)
                    case .context: try transaction.contexts(named: text, upTo: 20, seenBy: visibility).map(\.id)
                    }
                hits += ids.map { Hit(kind: kind, id: $0, rank: 0) }
            }
            return hits
        }
    }

    /// Looks through a kind: names first, then all; each from its newest to its oldest, a slice after the other.
    /// - Returns: whether it came to the end, or found enough.
    private static func look(
        _ query: SearchQuery, _ kind: NodeKind, _ connection: Connection, _ limit: Int,
        _ deadline: ContinuousClock.Instant, _ found: (Hit) -> Void
    ) throws -> Bool {
        let range = SearchFile.range(kind)
        let last = try connection.first(
            "SELECT number FROM Document WHERE number BETWEEN ? AND ? ORDER BY number DESC LIMIT 1", range.first,
            range.last
        ) { $0.integer(0) }
        guard let last else { return true }
        var isComplete = true
        for match in ["{name} : (\(query.match))", query.match] {
            var end = last
            var slice = Self.slice
            var count = 0
            while end >= range.first, count < limit {
                if ContinuousClock.now > deadline {
                    isComplete = false
                    break
                }
                let start = max(range.first, end - slice + 1)
                let rows = try connection.rows(
                    """
                    SELECT d.number, d.name, d.text FROM Words CROSS JOIN Document AS d ON d.number = Words.rowid
                    WHERE Words MATCH ? AND Words.rowid BETWEEN ? AND ? ORDER BY Words.rowid DESC LIMIT \(mostHits)
                    """, match, start, end
                ) { ($0.integer(0), $0.text(1), $0.text(2)) }
                for (number, name, text) in rows where query.hasOtherWords(name, text) {
                    count += 1
                    found(Hit(kind: kind, id: SearchFile.id(number), rank: query.rank(name)))
                }
                // A slice that has more goes on after the last that was read.
                if rows.count == mostHits, let last = rows.last {
                    end = last.0 - 1
                } else {
                    end = start - 1
                    slice *= 4
                }
            }
        }
        return isComplete
    }
}
