import HTTPTypes
import MetadataAPI
@testable import MetadataService
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import SwiftProtobuf
import Testing

/// What connections and messages may cost before anything is decoded.
@Suite struct ServiceBudgetTests {
    private func count(_ bytes: [UInt8], isWrite: Bool = true) throws {
        try bytes.withUnsafeBytes { try FieldCount.check($0, isWrite: isWrite) }
    }

    @Test func realMessagesAreTaken() throws {
        let artifact = MlMetadata_Artifact.with {
            ($0.typeID, $0.uri, $0.name) = (7, String(repeating: "s3://bucket/key ", count: 200), "n")
            $0.customProperties = ["a": .with { $0.doubleValue = 0.5 }, "b": .with { $0.stringValue = "text" }]
        }
        let request = MlMetadata_PutExecutionRequest.with {
            $0.artifactEventPairs = Array(repeating: .with { $0.artifact = artifact }, count: 2000)
        }
        try count(try request.serializedBytes())
        let put = MlMetadata_PutArtifactsRequest.with { $0.artifacts = Array(repeating: artifact, count: 20_000) }
        try count(try put.serializedBytes())
        let uris = MlMetadata_GetArtifactsByURIRequest.with {
            $0.uris = (0..<10_000).map { String(repeating: "\u{8}\u{1}", count: 500) + "\($0)" }
        }
        // In a request to read, text that could be read as fields is text.
        try count(try uris.serializedBytes(), isWrite: false)
        try count([])
    }

    @Test func whatGrowsInMemoryIsRefused() {
        #expect(throws: StatusError.self) { try count(Array(repeating: [0x0A, 0x00], count: 300_000).flatMap { $0 }) }
        func field(_ content: [UInt8]) -> [UInt8] {
            var length = content.count
            var bytes: [UInt8] = [0x0A]
            while length > 0x7F {
                bytes.append(UInt8(length & 0x7F) | 0x80)
                length >>= 7
            }
            return bytes + [UInt8(length)] + content
        }
        let inner = Array(repeating: [0x32, 0x02, 0x0A, 0x00] as [UInt8], count: 1_100_000).flatMap { $0 }
        #expect(throws: StatusError.self) { try count(field(inner)) }
        // A pair of PutExecution, with the artifact within.
        #expect(throws: StatusError.self) { try count(field(field(inner))) }
    }

    /// Bytes that are no message end the counting; the decoder tells what is wrong.
    @Test(arguments: [
        [0xFF], [0x0A, 0xFF], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x00], [0x09],
    ])
    func noBytesTrap(bytes: [UInt8]) throws { try count(bytes) }

    @Test func aBudgetIsSharedAndComesBack() {
        let budget = ByteBudget(total: 10)
        #expect(budget.take(6))
        #expect(!budget.take(5))
        #expect(budget.take(4))
        budget.give(10)
        #expect(budget.take(10))
    }

    @Test func aDrippedRequestIsCut() throws {
        let channel = EmbeddedChannel(handler: RequestDeadline(.seconds(60)))
        try channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let head = HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/")
        func send(_ part: HTTPRequestPart) throws { try channel.writeInbound(part) }
        // One that ends in time may take its time to be answered.
        try send(.head(head))
        try send(.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(600))
        #expect(channel.isActive)
        try send(.head(head))
        for _ in 0..<7 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(8))
            try send(.body(ByteBuffer(string: "x")))
        }
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(!channel.isActive)
        _ = try? channel.finish()
    }

    @Test func limitsFitTheDescriptors() {
        let limits = ConnectionLimits()
        #expect(limits.http > 0 && limits.grpc > 0)
        #expect(limits.http + limits.grpc <= 16_384)
    }
}
