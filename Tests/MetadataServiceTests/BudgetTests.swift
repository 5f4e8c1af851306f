import HTTPTypes
import MetadataAPI
@testable import MetadataService
import NIOCore
import NIOEmbedded
import NIOHTTP2
import NIOHTTPTypes
import SwiftProtobuf
import Testing

/// What connections and messages may cost before anything is decoded.
@Suite struct ServiceBudgetTests {
    private func count(_ bytes: [UInt8], of request: String = "ml_metadata.PutArtifactsRequest") throws {
        try bytes.withUnsafeBytes { try FieldCount.check($0, of: request) }
    }

    /// The fields within a correction count as those of a graph that is put by itself.
    @Test(arguments: ["artifacts", "executions", "edges", "read"]) func correctionsAreCountedWithin(what: String) throws
    {
        for (count, isTaken) in [(50_000, true), (1_100_000, false)] {
            let request = Kfmd_V1_AmendRequest.with {
                switch what {
                case "artifacts": $0.graph.artifacts = Array(repeating: .init(), count: count)
                case "executions": $0.graph.executions = Array(repeating: .init(), count: count)
                case "edges": $0.graph.eventEdges = Array(repeating: .init(), count: count)
                default: $0.basis.artifacts = Array(repeating: .init(), count: count)
                }
            }
            let bytes: [UInt8] = try request.serializedBytes()
            func check() throws { try self.count(bytes, of: Kfmd_V1_AmendRequest.protoMessageName) }
            if isTaken { try check() } else { #expect(throws: StatusError.self) { try check() } }
        }
    }

    @Test func realMessagesAreTaken() throws {
        let artifact = MlMetadata_Artifact.with {
            ($0.typeID, $0.uri, $0.name) = (7, String(repeating: "s3://bucket/key ", count: 200), "n")
            $0.customProperties = ["a": .with { $0.doubleValue = 0.5 }, "b": .with { $0.stringValue = "text" }]
        }
        let request = MlMetadata_PutExecutionRequest.with {
            $0.artifactEventPairs = Array(repeating: .with { $0.artifact = artifact }, count: 2000)
        }
        try count(try request.serializedBytes(), of: MlMetadata_PutExecutionRequest.protoMessageName)
        let put = MlMetadata_PutArtifactsRequest.with { $0.artifacts = Array(repeating: artifact, count: 20_000) }
        try count(try put.serializedBytes())
        let uris = MlMetadata_GetArtifactsByURIRequest.with {
            $0.uris = (0..<10_000).map { String(repeating: "\u{8}\u{1}", count: 500) + "\($0)" }
        }
        // Text that could be read as fields is text.
        try count(try uris.serializedBytes(), of: MlMetadata_GetArtifactsByURIRequest.protoMessageName)
        let long = MlMetadata_PutArtifactsRequest.with {
            $0.artifacts = [
                .with { $0.properties = ["x": .with { $0.stringValue = String(repeating: "x", count: 8 << 20) }] }
            ]
        }
        try count(try long.serializedBytes())
        try count([])
    }

    @Test func whatGrowsInMemoryIsRefused() throws {
        #expect(throws: StatusError.self) { try count(Array(repeating: [0x0A, 0x00], count: 300_000).flatMap { $0 }) }
        func refused(_ request: some Message) throws {
            let bytes: [UInt8] = try request.serializedBytes()
            #expect(throws: StatusError.self) { try count(bytes, of: type(of: request).protoMessageName) }
        }
        let properties = Dictionary(uniqueKeysWithValues: (0..<1_000_001).map { ("\($0)", MlMetadata_Value()) })
        let wide = MlMetadata_Artifact.with { $0.properties = properties }
        try refused(MlMetadata_PutArtifactsRequest.with { $0.artifacts = [wide] })
        // As an artifact of PutExecution's pairs, too.
        try refused(MlMetadata_PutExecutionRequest.with { $0.artifactEventPairs = [.with { $0.artifact = wide }] })
        // A list within a property, and the path of an event.
        let list = Google_Protobuf_Value.with { value in
            value.listValue = .with { $0.values = Array(repeating: Google_Protobuf_Value(), count: 1_000_001) }
        }
        let structured = MlMetadata_Artifact.with {
            $0.properties = ["p": .with { $0.structValue = .with { $0.fields = ["a": list] } }]
        }
        try refused(MlMetadata_PutArtifactsRequest.with { $0.artifacts = [structured] })
        let event = MlMetadata_Event.with {
            $0.path.steps = Array(repeating: MlMetadata_Event.Path.Step(), count: 1_000_001)
        }
        try refused(MlMetadata_PutEventsRequest.with { $0.events = [event] })
        try refused(MlMetadata_PutLineageSubgraphRequest.with { $0.eventEdges = [.with { $0.event = event }] })
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

    /// What is held for a message goes back when it is answered, though the client never ends its side.
    @Test func whatAMessageHoldsComesBack() throws {
        let budget = ByteBudget(total: 2 << 20)
        let deadlines = StreamDeadlines()
        let channel = EmbeddedChannel(
            handlers: [deadlines, MessageLimit(maximum: 1 << 20, budget: budget, deadlines: deadlines)])
        func send(_ bytes: [UInt8]) throws {
            try channel.writeInbound(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)))))
        }
        // Compressed: it may unpack to anything.
        try send([1, 0, 0, 0x07, 0xD0])
        #expect(!budget.take((1 << 20) + 1))
        // Whole, it has been unpacked.
        try send(Array(repeating: 0, count: 2000))
        #expect(budget.take((2 << 20) - (64 << 10)))
        budget.give((2 << 20) - (64 << 10))
        try channel.writeOutbound(
            HTTP2Frame.FramePayload.headers(.init(headers: ["grpc-status": "0"], endStream: true)))
        #expect(budget.take(2 << 20))
        budget.give(2 << 20)
        // What comes after the answer costs nothing, and gives the stream no more time.
        try send([0, 0, 0, 0x07, 0xD0])
        try send(Array(repeating: 0, count: 2000))
        #expect(budget.take(2 << 20))
        budget.give(2 << 20)
        channel.embeddedEventLoop.advanceTime(by: .seconds(13))
        #expect(!channel.isActive && deadlines.count == 0)
        _ = try? channel.finish()
    }

    /// A stream has a minute for its request; one that has come, or a stream that is gone, is not waited for.
    @Test(arguments: [0, 3, 5, 7, 8]) func aRequestHasTimeToArrive(bytes: Int) throws {
        let deadlines = StreamDeadlines()
        let channel = EmbeddedChannel(
            handlers: [deadlines, MessageLimit(maximum: 100, budget: ByteBudget(total: 1000), deadlines: deadlines)])
        try channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        if bytes > 0 {
            let whole: [UInt8] = [0, 0, 0, 0, 3, 7, 7, 7]
            let part = ByteBuffer(bytes: whole[..<bytes])
            try channel.writeInbound(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(part))))
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(channel.isActive && deadlines.count == (bytes == 8 ? 0 : 1))
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(channel.isActive == (bytes == 8))
        _ = try? channel.finish()
        #expect(deadlines.count == 0)
    }

    @Test func aSecondMessageIsRefused() throws {
        let channel = EmbeddedChannel(handler: MessageLimit(maximum: 100, budget: ByteBudget(total: 1000)))
        let two = ByteBuffer(bytes: [0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 7])
        try channel.writeInbound(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(two))))
        #expect(try channel.readInbound(as: HTTP2Frame.FramePayload.self) == nil)
        guard case .headers(let answer)? = try channel.readOutbound(as: HTTP2Frame.FramePayload.self) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.headers.first(name: "grpc-status") == "3")
        _ = try? channel.finish()
    }

    @Test func aConnectionWithoutARequestIsClosed() throws {
        let channel = EmbeddedChannel(handler: RequestDeadline(.seconds(60)))
        try channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        channel.embeddedEventLoop.advanceTime(by: .seconds(21))
        #expect(!channel.isActive)
        _ = try? channel.finish()
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
