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
    /// The first bytes of a message: a flag, and the length in 4 bytes.
    private var prefix = ByteBuffer()
    /// How much of the message whose prefix was read is still to come.
    private var remaining = 0
    private var isRefused = false

    init(maximum: Int) { self.maximum = maximum }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        guard case .data(let frame) = unwrapInboundIn(data), case .byteBuffer(let buffer) = frame.data else {
            context.fireChannelRead(data)
            return
        }
        if let length = excess(in: buffer) {
            refuse(length, context)
        } else {
            context.fireChannelRead(data)
        }
    }

    /// The length of the first message that is too long, of those that begin here.
    private func excess(in buffer: ByteBuffer) -> Int? {
        var buffer = buffer
        while buffer.readableBytes > 0 {
            if remaining > 0 {
                let part = min(remaining, buffer.readableBytes)
                buffer.moveReaderIndex(forwardBy: part)
                remaining -= part
                continue
            }
            guard var part = buffer.readSlice(length: min(5 - prefix.readableBytes, buffer.readableBytes))
            else { return nil }
            prefix.writeBuffer(&part)
            guard prefix.readableBytes == 5 else { return nil }
            let length = Int(prefix.getInteger(at: prefix.readerIndex + 1, as: UInt32.self) ?? 0)
            prefix.clear()
            guard length <= maximum else { return length }
            remaining = length
        }
        return nil
    }

    private func refuse(_ length: Int, _ context: ChannelHandlerContext) {
        isRefused = true
        let message = "The message has \(length) bytes; this server takes up to \(maximum) (--max-message-size)."
        let headers: HPACKHeaders = [
            ":status": "200", "content-type": "application/grpc", "grpc-status": "8", "grpc-message": message,
        ]
        // The stream stays open until the client ends it, which it does once it has read this: a reset
        // could overtake the status. What still comes until then is dropped.
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
        // One that does not is not waited for.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
    }
}
