import NIOCore
import NIOPosix
import Synchronization

/// A connection between a client and a server of which the test decides how well it works.
final class FaultyProxy: Sendable {
    /// What becomes of bytes.
    enum Mode: Sendable {
        case pass
        /// They wait.
        case stall
        /// What the client says arrives; the answer never does, and the connection breaks: the server may
        /// have done what it was asked to.
        case loseAnswers
    }

    private let mode = Mutex(Mode.pass)
    private let channel: any Channel
    let port: Int

    /// - Parameter address: `HOST:PORT` of the server, which need not be there yet.
    init(to address: String) async throws {
        let parts = address.split(separator: ":")
        let (host, port) = (String(parts[0]), Int(parts[1]) ?? 0)
        let box = Box()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).channelOption(.autoRead, value: false)
                    .connect(host: host, port: port)
                    .flatMap { server in
                        do {
                            try client.pipeline.syncOperations.addHandler(
                                Pump(to: server, box: box, isAnswer: false))
                            try server.pipeline.syncOperations.addHandler(Pump(to: client, box: box, isAnswer: true))
                            client.setOption(.autoRead, value: true).whenComplete { _ in }
                            server.setOption(.autoRead, value: true).whenComplete { _ in }
                            return client.eventLoop.makeSucceededVoidFuture()
                        } catch {
                            return client.eventLoop.makeFailedFuture(error)
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = channel.localAddress?.port ?? 0
        box.proxy.withLock { $0 = self }
    }

    func set(_ new: Mode) { mode.withLock { $0 = new } }

    func close() async throws { try await channel.close() }

    /// Handlers are made before the proxy is.
    private final class Box: Sendable {
        let proxy = Mutex<FaultyProxy?>(nil)
        var mode: Mode { proxy.withLock { $0?.mode.withLock { $0 } } ?? .pass }
    }

    /// Carries bytes to the other side. Both sides are on one event loop.
    private final class Pump: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let other: any Channel
        private let box: Box
        private let isAnswer: Bool

        init(to other: any Channel, box: Box, isAnswer: Bool) {
            self.other = other
            self.box = box
            self.isAnswer = isAnswer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            forward(unwrapInboundIn(data), context.channel)
        }

        private func forward(_ bytes: ByteBuffer, _ channel: any Channel) {
            switch box.mode {
            case .pass: other.writeAndFlush(bytes, promise: nil)
            case .stall:
                nonisolated(unsafe) let pump = self
                channel.eventLoop.scheduleTask(in: .milliseconds(50)) { pump.forward(bytes, channel) }
            case .loseAnswers:
                if !isAnswer { return other.writeAndFlush(bytes, promise: nil) }
                channel.close(promise: nil)
                other.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
