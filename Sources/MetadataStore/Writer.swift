import FoundationEssentials
import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// Commits writes in groups: what waits while one transaction is being synced goes into the next.
final class Writer: Sendable {
    private struct Job: Sendable {
        /// Runs the request. It may be called again after its changes were undone.
        let attempt: @Sendable (Transaction) -> Attempt
        /// What it will read.
        let needs: @Sendable () -> WriteNeeds
        /// Answers without running it.
        let fail: @Sendable (StatusError) -> Void
    }

    /// A request that ran in a transaction that is not committed yet.
    private struct Attempt {
        var hasFailed: Bool
        /// Told once, after the commit or its failure.
        var answer: @Sendable (StatusError?) -> Void
    }

    /// A failed request left changes behind that are not to be committed with those of others.
    private struct NeedsSavepoints: Error {}

    private struct State {
        var waiting: [Job] = []
        var isRunning = false
        /// When the group began that is being written.
        var began: ContinuousClock.Instant?
    }

    /// A bound on what one commit may make others wait.
    private static let maximumGroup = 256

    private let state = Mutex(State())
    private let session: Confined<Session>
    private let types = Confined(TypeCache())
    private let thread: NIOThreadPool

    /// - Parameter thread: a pool of one thread.
    init(session: Session, thread: NIOThreadPool) {
        self.session = Confined(session)
        self.thread = thread
    }

    /// - Throws: ``StatusError``; CANCELLED when that was said, or the task was cancelled, before the request
    ///   began.
    func run<Response: Sendable>(
        _ cancellation: CancellationFlag, _ needs: @escaping @Sendable () -> WriteNeeds,
        _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let job = Job(
                    attempt: { transaction in
                        let result = Self.result(of: body, transaction, cancellation)
                        let hasFailed = if case .failure = result { true } else { false }
                        return Attempt(hasFailed: hasFailed) { failure in
                            continuation.resume(with: failure.map { .failure($0) } ?? result)
                        }
                    }, needs: needs, fail: { continuation.resume(throwing: $0) })
                enqueue(job)
            }
        } onCancel: {
            cancellation.set()
        }
    }

    private func enqueue(_ job: Job) {
        let starts = state.withLock { state -> Bool? in
            guard state.waiting.count < StoreLimits.waitingWrites else { return nil }
            state.waiting.append(job)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard let starts else {
            measured.withLock { $0.refused += 1 }
            return job.fail(StatusError(.unavailable, "Too many requests wait to be written; try again later."))
        }
        if starts { thread.submit { _ in self.drain() } }
    }

    /// Ends the connection to a server; nothing is written any more.
    func disconnect() { session.value.server?.drop() }

    /// How often something was sent to a server.
    var roundTrips: Int { trips.load(ordering: .relaxed) }
    private let trips = Atomic(0)
    /// How many groups were committed.
    var commits: Int { committed.load(ordering: .relaxed) }
    private let committed = Atomic(0)
    /// How large groups were, how long they took, and how often there was no room to wait.
    let measured = Mutex(StoreActivity.Writing())

    /// How long the group that is being written has taken so far.
    var age: Duration { state.withLock { $0.began.map { ContinuousClock.now - $0 } ?? .zero } }

    private static func result<Response>(
        of body: (Transaction) throws -> Response, _ transaction: Transaction,
        _ cancellation: CancellationFlag
    ) -> Result<Response, any Error> {
        // Once it began, a write goes on to its end: the client cannot know how far it came.
        guard !cancellation.isSet else { return .failure(StatusError.cancelled) }
        do {
            return .success(try body(transaction))
        } catch {
            return .failure(StatusError(wrapping: error))
        }
    }

    /// Runs on one thread at a time, until nothing waits.
    private func drain() {
        while true {
            let jobs = state.withLock { state in
                let jobs = Array(state.waiting.prefix(Self.maximumGroup))
                state.waiting.removeFirst(jobs.count)
                if jobs.isEmpty { state.isRunning = false }
                state.began = jobs.isEmpty ? nil : .now
                return jobs
            }
            if jobs.isEmpty { return }
            commit(jobs)
        }
    }

    private func commit(_ jobs: [Job]) {
        let began = ContinuousClock.now
        defer {
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            measured.withLock { $0.observe(jobs.count, seconds) }
        }
        do {
            var attempts: [Attempt]
            do {
                attempts = try transaction(jobs, usesSavepoints: false)
            } catch  where Self.needsSavepoints(error) {
                attempts = try transaction(jobs, usesSavepoints: true)
            }
            committed.add(1, ordering: .relaxed)
            if let server = session.value.server { trips.store(server.trips, ordering: .relaxed) }
            for attempt in attempts { attempt.answer(nil) }
        } catch {
            // Nothing of the group is on disk: each of its requests is told so.
            let status = StatusError(wrapping: error)
            for job in jobs { job.fail(status) }
        }
    }

    /// Whether the requests are to run again, each for itself: one of them may be what the database does not take.
    private static func needsSavepoints(_ error: any Error) -> Bool {
        let kind = (error as? ServerError)?.kind
        return error is NeedsSavepoints || error is ReadMeter.Excess
            || [.uniqueViolation, .badValue, .other, .interrupted, .full].contains(kind)
    }

    /// Most groups have no request that fails half-way: savepoints, which copy each page before it
    /// changes, are for those that do.
    private func transaction(_ jobs: [Job], usesSavepoints: Bool) throws -> [Attempt] {
        let session = session.value
        var runs = 0
        do {
            return try session.transaction(gathers: !usesSavepoints) {
                // It runs again where others stood in the way: what is known of types may have been undone.
                if session.server != nil, runs > 0 { types.value.clear() }
                runs += 1
                let now = Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))
                try types.value.validate(session)
                let transaction = Transaction(connection: session, now: now, typeCache: types.value)
                if let group = session.group, jobs.count > 1 {
                    let needs = jobs.reduce(into: WriteNeeds()) {
                        // One that is too large will be refused.
                        let needs = $1.needs()
                        if needs.count <= StoreLimits.elements { $0.add(needs) }
                    }
                    try transaction.prepare(needs, group)
                }
                return try jobs.map { job in
                    let attempt = try run(job, in: transaction, usesSavepoints)
                    try session.checkTransaction()
                    return attempt
                }
            }
        } catch {
            types.value.clear()
            throw error
        }
    }

    private func run(_ job: Job, in transaction: Transaction, _ usesSavepoint: Bool) throws -> Attempt {
        let session = transaction.connection
        guard usesSavepoint else {
            let changes = session.changes
            let attempt = job.attempt(transaction)
            if session.group?.isOverfull == true { throw NeedsSavepoints() }
            guard attempt.hasFailed, session.isChanged(since: changes) else {
                if attempt.hasFailed { session.group?.undo() } else { session.group?.keep() }
                return attempt
            }
            try session.checkTransaction()
            throw NeedsSavepoints()
        }
        try session.run("SAVEPOINT request")
        let attempt = job.attempt(transaction)
        try session.checkTransaction()
        if attempt.hasFailed {
            try session.rollBack(to: "request")
            types.value.clear()
        }
        try session.run("RELEASE SAVEPOINT request")
        return attempt
    }
}

/// A value that is used by one thread at a time.
final class Confined<Value>: @unchecked Sendable {
    // Proof: Writer runs one drain() at a time; Readers lend a connection to one request at a time.
    let value: Value

    init(_ value: Value) { self.value = value }
}
