import NIOCore
import NIOHPACK
import NIOHTTP2

/// Refuses a message that is too long by its length, before it is received: RESOURCE_EXHAUSTED, with
/// the sizes named. The transport would drop the stream, of which a client learns only that it was
/// cancelled.
///
/// It stands in the pipeline of a stream before the transport's own handler.
final class MessageLimit: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let maximum: Int
    private let budget: ByteBudget
    /// What of the budget this stream has.
    private var taken = 0
    private var messages = 0
    /// Of the message: its length on the way, and whether that is compressed.
    private var length = 0
    private var isPacked = false
    /// Of the connection.
    private let deadlines: StreamDeadlines?
    /// How long a message may take to arrive.
    private static let longestArrival: TimeAmount = .seconds(60)
    /// How long a stream may stay open after its answer.
    private static let longestEnd: TimeAmount = .seconds(10)
    /// The most that DEFLATE unpacks a byte to.
    private static let expansion = 1032
    /// The first bytes of a message: a flag, and the length in 4 bytes.
    private var prefix = ByteBuffer()
    /// How much of the message whose prefix was read is still to come.
    private var remaining = 0
    private var isRefused = false
    /// Whether the answer has ended: what still comes is the transport's to drop, and costs nothing of the budget.
    private var isAnswered = false

    init(maximum: Int, budget: ByteBudget, deadlines: StreamDeadlines? = nil) {
        self.maximum = maximum
        self.budget = budget
        self.deadlines = deadlines
    }

    func handlerAdded(context: ChannelHandlerContext) {
        // Also where not even a message begins.
        deadlines?.set(context.channel, in: Self.longestArrival)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadlines?.clear(context.channel)
        charge(0)
    }

    /// The answer's end: what was held for the request is free, though the client may never end its side.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .headers(let headers) = unwrapOutboundIn(data), headers.endStream {
            isAnswered = true
            charge(0)
            deadlines?.set(context.channel, in: Self.longestEnd)
        }
        context.write(data, promise: promise)
    }

    /// Gives back what is held beyond so many bytes.
    private func charge(_ bytes: Int) {
        guard taken > bytes else { return }
        budget.give(taken - bytes)
        taken = bytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        guard !isAnswered, case .data(let frame) = unwrapInboundIn(data), case .byteBuffer(let buffer) = frame.data
        else {
            context.fireChannelRead(data)
            return
        }
        if let refusal = refusal(of: buffer, on: context.channel) {
            refuse(refusal, context)
        } else {
            context.fireChannelRead(data)
            // It is unpacked by now, and was no bomb: else the transport has refused it.
            if isPacked, messages == 1, remaining == 0 { charge(max(64 << 10, 16 * length)) }
        }
    }

    private struct Refusal {
        /// That of gRPC.
        var status: Int
        var message: String
    }

    /// Why the first of the messages that begin here is not taken.
    private func refusal(of buffer: ByteBuffer, on channel: any Channel) -> Refusal? {
        var buffer = buffer
        while buffer.readableBytes > 0 {
            if remaining > 0 {
                let part = min(remaining, buffer.readableBytes)
                buffer.moveReaderIndex(forwardBy: part)
                remaining -= part
                if remaining == 0 { deadlines?.clear(channel) }
                continue
            }
            guard var part = buffer.readSlice(length: min(5 - prefix.readableBytes, buffer.readableBytes))
            else { return nil }
            prefix.writeBuffer(&part)
            guard prefix.readableBytes == 5 else { return nil }
            let length = Int(prefix.getInteger(at: prefix.readerIndex + 1, as: UInt32.self) ?? 0)
            isPacked = prefix.getInteger(at: prefix.readerIndex, as: UInt8.self) != 0
            prefix.clear()
            if let refusal = begin(length, on: channel) { return refusal }
            remaining = length
        }
        return nil
    }

    /// A message begins.
    private func begin(_ length: Int, on channel: any Channel) -> Refusal? {
        guard length <= maximum else {
            budget.noteTooLong()
            return Refusal(
                status: 8,
                message: "The message has \(length) bytes; this server takes up to \(maximum) (--max-message-size).")
        }
        messages += 1
        // All methods take one. The transport would unpack each that comes, asked for or not.
        guard messages == 1 else { return Refusal(status: 3, message: "The request has more than one message.") }
        let cost = isPacked ? min(maximum, length * Self.expansion) : length
        guard budget.take(cost) else { return Refusal(status: 14, message: budget.excess) }
        taken += cost
        self.length = length
        if length == 0 { deadlines?.clear(channel) }
        return nil
    }

    private func refuse(_ refusal: Refusal, _ context: ChannelHandlerContext) {
        isRefused = true
        let headers: HPACKHeaders = [
            ":status": "200", "content-type": "application/grpc", "grpc-status": "\(refusal.status)",
            "grpc-message": refusal.message,
        ]
        // The stream stays open until the client ends it, which it does once it has read this: a reset
        // could overtake the status. What still comes until then is dropped.
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
        charge(0)
        deadlines?.set(context.channel, in: Self.longestEnd)
    }
}
