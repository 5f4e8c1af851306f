import Hummingbird
import NIOCore
import Synchronization

/// The bodies of requests that are being answered: each within bounds, and all together.
final class ReviewBodies: Sendable {
    /// Why a body was not taken.
    enum Refusal: Error {
        case tooLong, noRoom, broken

        var status: HTTPResponse.Status {
            switch self {
            case .tooLong: .contentTooLarge
            case .noRoom: .serviceUnavailable
            case .broken: .badRequest
            }
        }

        var line: String {
            switch self {
            case .tooLong: "the body is longer than \(ReviewBodies.maximum >> 20) MiB"
            case .noRoom: "too many reviews at once"
            case .broken: "the body did not come in time"
            }
        }
    }

    /// An object of Kubernetes has 1.5 MiB in etcd, and a request to the API server 3 MiB
    /// (`k8s.io/apiserver/pkg/server/config.go`, MaxRequestBodyBytes).
    static let maximum = 3 << 20
    /// All together: what is read of a body takes several times as much.
    private static let room = 8 << 20
    /// The API server gives up after 2 seconds, as our configuration says: who is slower holds what others need.
    private static let deadline: Duration = .seconds(3)

    private let taken = Mutex(0)

    /// Reads a body and works on it.
    func with<Result: Sendable>(
        _ body: RequestBody, _ work: @Sendable ([UInt8]) -> Result
    ) async throws(Refusal) -> Result {
        var count = 0
        defer { give(count) }
        let bytes = try await Self.within(Self.deadline) { () throws(Refusal) -> [UInt8] in
            try await self.collect(body)
        }
        count = bytes.count
        return work(bytes)
    }

    /// The bytes stay counted unless this throws.
    private func collect(_ body: RequestBody) async throws(Refusal) -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await chunk in body {
                guard bytes.count + chunk.readableBytes <= Self.maximum else { throw Refusal.tooLong }
                guard take(chunk.readableBytes) else { throw Refusal.noRoom }
                bytes.append(contentsOf: chunk.readableBytesView)
            }
            try Task.checkCancellation()
        } catch {
            give(bytes.count)
            throw error as? Refusal ?? .broken
        }
        return bytes
    }

    private func take(_ count: Int) -> Bool {
        taken.withLock { taken in
            guard taken + count <= Self.room else { return false }
            taken += count
            return true
        }
    }

    private func give(_ count: Int) { taken.withLock { $0 -= count } }

    /// Cancels what takes too long.
    private static func within<Result: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws(Refusal) -> Result
    ) async throws(Refusal) -> Result {
        do {
            return try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await work() }
                group.addTask {
                    try? await Task.sleep(for: limit)
                    return nil
                }
                // The first to end: the work, or the time.
                let first = try await group.next() ?? nil
                group.cancelAll()
                if let first { return first }
                // Cancelled, the work ends and gives back what it has taken.
                guard let late = try await group.next() ?? nil else { throw Refusal.broken }
                return late
            }
        } catch {
            throw error as? Refusal ?? .broken
        }
    }
}
