import HTTPTypes
import Hummingbird
import Lineage
import MetadataAPI
import MetadataStore
import NIOCore
import ServiceLifecycle
import Synchronization

/// Tells a page that what it shows has changed, by server-sent events, until it cannot change any more.
struct LiveUpdates: Sendable {
    /// Connections at one time: each asks the store once a second.
    private static let most = 64
    /// A page that is open for longer connects again.
    private static let longest: Duration = .seconds(600)
    private static let interval: Duration = .seconds(1)
    private static let mostSteps = 2_000

    let store: MetadataStore
    private let open = OpenCount()

    private final class OpenCount: Sendable {
        private let count = Mutex(0)
        func take() -> Bool {
            count.withLock { count in
                guard count < LiveUpdates.most else { return false }
                count += 1
                return true
            }
        }
        func give() { count.withLock { $0 -= 1 } }
    }

    /// A place among the connections, given back with the response: its body may never be asked for, as of HEAD.
    private final class Ticket: Sendable {
        private let open: OpenCount
        init?(_ open: OpenCount) {
            guard open.take() else { return nil }
            self.open = open
        }
        deinit { open.give() }
    }

    init(store: MetadataStore) { self.store = store }

    func add(to router: Router<BasicRequestContext>) {
        router.get("/runs/{id}/live") { _, context in
            try await respond(context.parameters.get("id").flatMap { Int64($0) }) { id, transaction in
                guard let run = try transaction.shortened.getContextsByID(.with { $0.contextIds = [id] }).contexts.first
                else {
                    return nil
                }
                let change = try transaction.changes(inContext: id, upTo: Self.mostSteps, seenBy: .all)
                return Watched(version: change, isOver: !run.outcome.state.isEmpty && !run.outcome.isOpen)
            }
        }
        router.get("/executions/{id}/live") { _, context in
            try await respond(context.parameters.get("id").flatMap { Int64($0) }) { id, transaction in
                try transaction.shortened.getExecutionsByID(.with { $0.executionIds = [id] }).executions.first.map {
                    Watched(version: "\($0.lastUpdateTimeSinceEpoch)", isOver: !$0.outcome.isOpen)
                }
            }
        }
    }

    /// What is watched, as it is now.
    private struct Watched: Sendable, Equatable {
        var version: String
        var isOver: Bool
    }

    private func respond(
        _ id: Int64?, _ read: @escaping @Sendable (Int64, Transaction) throws -> Watched?
    ) async throws -> Response {
        guard let id, let first = try await store.read({ try read(id, $0) }) else {
            return Response(status: .notFound)
        }
        guard let ticket = Ticket(open) else {
            return Response(
                status: .serviceUnavailable, headers: [.retryAfter: "30", .contentType: "text/plain; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(string: "Too many pages are open: reload to see what is new.\n")))
        }
        let store = store
        let body = ResponseBody { writer in
            // It is given back when this ends, or was never begun.
            withExtendedLifetime(ticket) {}
            let end = ContinuousClock.now + Self.longest
            var last = first
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            // The page may be older than its connection.
            try await writer.write(Self.event("change", last.version))
            var quiet = 0
            // A service that is being stopped does not wait for those who look.
            let ticks = AsyncStream<Void> { try? await Task.sleep(for: Self.interval) }.cancelOnGracefulShutdown()
            if !last.isOver {
                for await _ in ticks {
                    guard ContinuousClock.now < end, let now = try await store.read({ try read(id, $0) }) else { break }
                    if now != last {
                        last = now
                        try await writer.write(Self.event("change", now.version))
                        quiet = 0
                    } else {
                        quiet += 1
                        // So that a connection that is gone is noticed, by either side.
                        if quiet.isMultiple(of: 15) { try await writer.write(ByteBuffer(string: ": still here\n\n")) }
                    }
                    if last.isOver { break }
                }
            }
            if last.isOver { try await writer.write(Self.event("end", last.version)) }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
            body: body)
    }

    private static func event(_ name: String, _ data: String) -> ByteBuffer {
        ByteBuffer(string: "event: \(name)\ndata: \(data)\n\n")
    }
}
