import Hummingbird
import NIOCore

/// Why a body was not taken.
enum BodyError: Error {
    case tooLong
    /// Too much is held for others.
    case noRoom
    /// The connection ended within it.
    case broken
}

extension RequestBody {
    /// All bytes of a body, which count within a budget as they arrive.
    /// - Returns: the bytes, and what is to be given back when they are done with. After an error it was.
    func collect(upTo maximum: Int, within budget: ByteBudget) async throws(BodyError) -> (bytes: [UInt8], taken: Int) {
        var bytes: [UInt8] = []
        var taken = 0
        do {
            for try await chunk in self {
                guard bytes.count + chunk.readableBytes <= maximum else {
                    budget.noteTooLong()
                    throw BodyError.tooLong
                }
                guard budget.take(chunk.readableBytes) else { throw BodyError.noRoom }
                taken += chunk.readableBytes
                bytes.append(contentsOf: chunk.readableBytesView)
            }
        } catch {
            budget.give(taken)
            throw error as? BodyError ?? .broken
        }
        return (bytes, taken)
    }
}
