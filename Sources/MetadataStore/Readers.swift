import FoundationEssentials
import MetadataAPI
import NIOPosix
import SQLite
import Synchronization

/// A pool of read-only connections; a request waits for a free one, never for the writer.
final class Readers: Sendable {
    private struct State {
        var free: [Confined<Connection>]
        var waiting: [CheckedContinuation<Confined<Connection>, Never>] = []
    }

    /// A query that runs longer would keep its connection from everybody else.
    static let longestRead: Duration = .seconds(60)

    private let state: Mutex<State>
    private let threads: NIOThreadPool

    init(_ connections: [Confined<Connection>], threads: NIOThreadPool) {
        self.threads = threads
        state = Mutex(State(free: connections))
    }

    /// - Throws: ``StatusError``; CANCELLED when that is said or the task is cancelled, which interrupts the query.
    func run<Response: Sendable>(
        _ cancellation: CancellationFlag, _ body: @escaping @Sendable (Transaction) throws -> Response
    ) async throws -> Response {
        return try await withTaskCancellationHandler {
            let connection = await take()
            defer { give(connection) }
            let result: Result<Response, StatusError>
            do {
                result = try await threads.runIfActive { Self.result(of: body, connection.value, cancellation) }
            } catch {
                throw StatusError(.unavailable, "The store is closed.")
            }
            return try result.get()
        } onCancel: {
            cancellation.set()
        }
    }

    private static func result<Response>(
        of body: (Transaction) throws -> Response, _ connection: Connection,
        _ cancellation: CancellationFlag
    ) -> Result<Response, StatusError> {
        guard !cancellation.isSet else { return .failure(.cancelled) }
        let end = ContinuousClock.now + longestRead
        connection.setInterruption { cancellation.isSet || ContinuousClock.now > end }
        defer { connection.setInterruption(nil) }
        do {
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            let transaction = Transaction(connection: connection, now: now, typeCache: TypeCache())
            return .success(try connection.transaction("BEGIN DEFERRED") { try body(transaction) })
        } catch {
            return .failure(cancellation.isSet ? .cancelled : StatusError(wrapping: error))
        }
    }

    private func take() async -> Confined<Connection> {
        await withCheckedContinuation { continuation in
            let free = state.withLock { state -> Confined<Connection>? in
                if let free = state.free.popLast() { return free }
                state.waiting.append(continuation)
                return nil
            }
            if let free { continuation.resume(returning: free) }
        }
    }

    private func give(_ connection: Confined<Connection>) {
        let next = state.withLock { state -> CheckedContinuation<Confined<Connection>, Never>? in
            if state.waiting.isEmpty {
                state.free.append(connection)
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume(returning: connection)
    }
}
