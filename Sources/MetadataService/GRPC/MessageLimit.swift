import NIOCore
import NIOHPACK
import NIOHTTP2

/// Refuses a message that is too long by its length, before it is received: RESOURCE_EXHAUSTED, with
/// the sizes named. The transport would drop the stream, of which a client learns only that it was
/// cancelled.
///
/// It stands in the pipeline of a stream before the transport's own handler.
final class MessageLimit: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let maximum: Int
    private let budget: ByteBudget
    /// What of the budget this stream has.
    private var taken = 0
    private var messages = 0
    private var timeout: Scheduled<Void>?
    /// How long a message may take to arrive.
    private static let longestArrival: TimeAmount = .seconds(60)
    /// The most that DEFLATE unpacks a byte to.
    private static let expansion = 1032
    /// The first bytes of a message: a flag, and the length in 4 bytes.
    private var prefix = ByteBuffer()
    /// How much of the message whose prefix was read is still to come.
    private var remaining = 0
    private var isRefused = false

    init(maximum: Int, budget: ByteBudget) {
        self.maximum = maximum
        self.budget = budget
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timeout?.cancel()
        budget.give(taken)
        taken = 0
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        guard case .data(let frame) = unwrapInboundIn(data), case .byteBuffer(let buffer) = frame.data else {
            context.fireChannelRead(data)
            return
        }
        if let refusal = refusal(of: buffer, context) {
            refuse(refusal, context)
        } else {
            context.fireChannelRead(data)
        }
    }

    private struct Refusal {
        /// That of gRPC.
        var status: Int
        var message: String
    }

    /// Why the first of the messages that begin here is not taken.
    private func refusal(of buffer: ByteBuffer, _ context: ChannelHandlerContext) -> Refusal? {
        var buffer = buffer
        while buffer.readableBytes > 0 {
            if remaining > 0 {
                let part = min(remaining, buffer.readableBytes)
                buffer.moveReaderIndex(forwardBy: part)
                remaining -= part
                if remaining == 0 { timeout?.cancel() }
                continue
            }
            guard var part = buffer.readSlice(length: min(5 - prefix.readableBytes, buffer.readableBytes))
            else { return nil }
            prefix.writeBuffer(&part)
            guard prefix.readableBytes == 5 else { return nil }
            let length = Int(prefix.getInteger(at: prefix.readerIndex + 1, as: UInt32.self) ?? 0)
            let isPacked = prefix.getInteger(at: prefix.readerIndex, as: UInt8.self) != 0
            prefix.clear()
            if let refusal = begin(length, isPacked, context) { return refusal }
            remaining = length
        }
        return nil
    }

    /// A message begins.
    private func begin(_ length: Int, _ isPacked: Bool, _ context: ChannelHandlerContext) -> Refusal? {
        guard length <= maximum else {
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
        let channel = context.channel
        timeout = context.eventLoop.scheduleTask(in: Self.longestArrival) { channel.close(promise: nil) }
        if length == 0 { timeout?.cancel() }
        return nil
    }

    private func refuse(_ refusal: Refusal, _ context: ChannelHandlerContext) {
        isRefused = true
        timeout?.cancel()
        let headers: HPACKHeaders = [
            ":status": "200", "content-type": "application/grpc", "grpc-status": "\(refusal.status)",
            "grpc-message": refusal.message,
        ]
        // The stream stays open until the client ends it, which it does once it has read this: a reset
        // could overtake the status. What still comes until then is dropped.
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
        // One that does not is not waited for.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
    }
}
