import FoundationEssentials
import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// Commits writes in groups: what waits while one transaction is being synced goes into the next.
final class Writer: Sendable {
    private struct Job: Sendable {
        /// Runs the request; its answer is told by what it returns, after the commit.
        let run: @Sendable (Transaction) -> @Sendable (StatusError?) -> Void
        /// Answers without running it.
        let fail: @Sendable (StatusError) -> Void
    }

    private struct State {
        var waiting: [Job] = []
        var isRunning = false
    }

    private let state = Mutex(State())
    private let connection: Confined<Connection>
    private let threads: NIOThreadPool

    init(connection: Connection, threads: NIOThreadPool) {
        self.connection = Confined(connection)
        self.threads = threads
    }

    func run<Response: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job(
                run: { transaction in
                    let result = Self.inSavepoint(transaction, body)
                    return { failure in
                        continuation.resume(with: failure.map { .failure($0) } ?? result)
                    }
                }, fail: { continuation.resume(throwing: $0) })
            let starts = state.withLock { state in
                state.waiting.append(job)
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if starts { threads.submit { _ in self.drain() } }
        }
    }

    private static func inSavepoint<Response>(
        _ transaction: Transaction, _ body: (Transaction) throws -> Response
    ) -> Result<Response, any Error> {
        do {
            try transaction.connection.execute("SAVEPOINT request")
            do {
                let response = try body(transaction)
                try transaction.connection.execute("RELEASE request")
                return .success(response)
            } catch {
                try transaction.connection.execute("ROLLBACK TO request; RELEASE request")
                throw error
            }
        } catch {
            return .failure(StatusError(wrapping: error))
        }
    }

    /// Runs on one thread at a time, until nothing waits.
    private func drain() {
        while true {
            let jobs = state.withLock { state in
                defer { state.waiting = [] }
                if state.waiting.isEmpty { state.isRunning = false }
                return state.waiting
            }
            if jobs.isEmpty { return }
            commit(jobs)
        }
    }

    private func commit(_ jobs: [Job]) {
        let connection = connection.value
        var answers: [@Sendable (StatusError?) -> Void] = []
        do {
            try connection.transaction {
                let now = Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))
                let transaction = Transaction(connection: connection, now: now)
                for job in jobs {
                    answers.append(job.run(transaction))
                    // A full disk ends the whole transaction: nothing more may go into it.
                    guard connection.isInTransaction else {
                        throw StatusError(.resourceExhausted, "The store ended the transaction: is its disk full?")
                    }
                }
            }
            for answer in answers { answer(nil) }
        } catch {
            // Nothing of the group is on disk: each of its requests is told so.
            let status = StatusError(wrapping: error)
            for answer in answers { answer(status) }
            for job in jobs.dropFirst(answers.count) { job.fail(status) }
        }
    }
}

/// A value that is used by one thread at a time.
final class Confined<Value>: @unchecked Sendable {
    // Proof: Writer runs one drain() at a time; Readers lend a connection to one request at a time.
    let value: Value

    init(_ value: Value) { self.value = value }
}
