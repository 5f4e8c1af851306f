import FoundationEssentials
import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// A pool of sessions that read; a request waits for a free one, never for the writer.
final class Readers: Sendable {
    private struct State {
        var free: [Confined<Session>]
        var waiting: [Waiter] = []
        var nextID = 0
        /// When each query that runs has to be over.
        var running: [Int: ContinuousClock.Instant] = [:]
    }

    private struct Waiter {
        var id: Int
        /// Gets `nil` when it was given up.
        var continuation: CheckedContinuation<Confined<Session>?, Never>
    }

    /// A query that runs longer would keep its connection from everybody else.
    static let longestRead: Duration = .seconds(60)

    private let state: Mutex<State>
    /// How many connections there are.
    let count: Int
    /// Reads that were ended: for what they read, for their time, for others that waited.
    let refusals = Mutex(StoreActivity.Refusals())
    /// How many wait; read by queries as they run.
    private let waitingCount = Atomic(0)
    /// How many queries make room for them.
    private let yielding = Atomic(0)
    private let threads: NIOThreadPool
    private let budget: ReadBudget

    init(_ connections: [Confined<Session>], threads: NIOThreadPool, budget: ReadBudget) {
        self.threads = threads
        self.budget = budget
        count = connections.count
        state = Mutex(State(free: connections))
    }

    /// - Throws: ``StatusError``; CANCELLED when that is said or the task is cancelled, which interrupts the query;
    ///   UNAVAILABLE for one that others could not wait for.
    func run<Response: Sendable>(
        _ cancellation: CancellationFlag, _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        // A deadline holds for who waits, too.
        cancellation.whenSet { self.giveUp(id) }
        return try await withTaskCancellationHandler {
            guard let connection = await take(id, cancellation) else { throw StatusError.cancelled }
            let yields = Yields()
            defer {
                give(connection, id)
                // Only when nobody waits any more for the room that it made: else another would make it too.
                if yields.isSet { yielding.subtract(1, ordering: .relaxed) }
            }
            let result: Result<Response, StatusError>
            do {
                result = try await threads.runIfActive { self.result(of: body, connection.value, cancellation, yields) }
            } catch {
                throw StatusError(.unavailable, "The store is closed.")
            }
            return try result.get()
        } onCancel: {
            cancellation.set()
            giveUp(id)
        }
    }

    /// Ends the connections to a server that nobody uses.
    func disconnect() { for session in state.withLock({ $0.free }) { session.value.server?.drop() } }

    /// How many are at work.
    var busy: Int { state.withLock { $0.running.count } }
    /// How many requests wait for one.
    var waiting: Int { waitingCount.load(ordering: .relaxed) }

    /// How long the query that is most overdue has gone on after it was to be interrupted.
    var overdue: Duration {
        state.withLock { state in
            state.running.values.map { ContinuousClock.now - $0 }.max() ?? .zero
        }
    }

    private func result<Response>(
        of body: (Transaction) throws -> Response, _ connection: Session,
        _ cancellation: CancellationFlag, _ yields: Yields
    ) -> Result<Response, StatusError> {
        guard !cancellation.isSet else { return .failure(.cancelled) }
        let start = ContinuousClock.now
        let end = start + Self.longestRead
        let fairEnd = start + StoreLimits.readWhileOthersWait
        connection.setInterruption { [self] in
            if cancellation.isSet { return true }
            let now = ContinuousClock.now
            return now > end || yields.isSet || now > fairEnd && mayYield(yields)
        }
        connection.beginMetering(budget)
        defer {
            connection.setInterruption(nil)
            connection.endMetering()
        }
        do {
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            let transaction = Transaction(connection: connection, now: now, typeCache: TypeCache())
            return .success(try connection.snapshot { try body(transaction) })
        } catch  where Self.isInterruption(error) && !cancellation.isSet {
            guard ContinuousClock.now <= end else {
                refusals.withLock { $0.time += 1 }
                return .failure(StatusError(wrapping: error))
            }
            refusals.withLock { $0.yielded += 1 }
            return .failure(
                StatusError(
                    .unavailable,
                    "The query ran for \(StoreLimits.readWhileOthersWait) while others waited for a reader: make it smaller, or try again later."
                ))
        } catch {
            let status = StatusError(wrapping: error)
            if status.code == .resourceExhausted { refusals.withLock { $0.size += 1 } }
            return .failure(cancellation.isSet ? .cancelled : status)
        }
    }

    private static func isInterruption(_ error: any Error) -> Bool {
        (error as? SQLiteError)?.kind == .interrupted || (error as? ServerError)?.kind == .interrupted
    }

    /// Whether a query makes room for others.
    private final class Yields: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .relaxed) }
        func set() { value.store(true, ordering: .relaxed) }
    }

    /// Whether one more is to make room: as many as wait, and no more.
    private func mayYield(_ yields: Yields) -> Bool {
        let waiting = waitingCount.load(ordering: .relaxed)
        guard yielding.load(ordering: .relaxed) < waiting else { return false }
        guard yielding.add(1, ordering: .relaxed).newValue <= waiting else {
            yielding.subtract(1, ordering: .relaxed)
            return false
        }
        yields.set()
        return true
    }

    private func take(_ id: Int, _ cancellation: CancellationFlag) async -> Confined<Session>? {
        await withCheckedContinuation { continuation in
            let (free, isCancelled) = state.withLock { state -> (Confined<Session>?, Bool) in
                // Looked at with the lock held: who sets it later finds the one that waits.
                if Task.isCancelled || cancellation.isSet { return (nil, true) }
                if let free = state.free.popLast() {
                    state.running[id] = .now + Self.longestRead
                    return (free, false)
                }
                state.waiting.append(Waiter(id: id, continuation: continuation))
                waitingCount.store(state.waiting.count, ordering: .relaxed)
                return (nil, false)
            }
            if free != nil || isCancelled { continuation.resume(returning: free) }
        }
    }

    /// A request that waits is cancelled.
    private func giveUp(_ id: Int) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
            defer { waitingCount.store(state.waiting.count, ordering: .relaxed) }
            return state.waiting.remove(at: index)
        }
        waiter?.continuation.resume(returning: nil)
    }

    private func give(_ connection: Confined<Session>, _ id: Int) {
        let next = state.withLock { state -> Waiter? in
            state.running[id] = nil
            guard !state.waiting.isEmpty else {
                state.free.append(connection)
                return nil
            }
            let next = state.waiting.removeFirst()
            state.running[next.id] = .now + Self.longestRead
            waitingCount.store(state.waiting.count, ordering: .relaxed)
            return next
        }
        next?.continuation.resume(returning: connection)
    }
}
