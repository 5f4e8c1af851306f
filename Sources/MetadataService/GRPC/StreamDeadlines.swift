import NIOCore

/// Closes streams of a connection whose requests do not arrive in time, and those that stay open after their answers.
///
/// One timer serves all streams of the connection: a scheduled task for each would be made and cancelled with each
/// call, which costs more than the call's own bookkeeping.
final class StreamDeadlines: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    /// How much later than its deadline a stream may be closed.
    static let interval: TimeAmount = .seconds(2)

    private var open: [ObjectIdentifier: (channel: any Channel, deadline: NIODeadline)] = [:]
    private var sweep: Scheduled<Void>?

    /// How many streams have a deadline; for tests.
    var count: Int { open.count }

    /// Gives a stream so much time from now on.
    func set(_ channel: any Channel, in time: TimeAmount) {
        open[ObjectIdentifier(channel)] = (channel, channel.eventLoop.now + time)
        schedule(on: channel.eventLoop)
    }

    /// A stream has all the time it wants, or is gone.
    func clear(_ channel: any Channel) { open[ObjectIdentifier(channel)] = nil }

    func handlerRemoved(context: ChannelHandlerContext) {
        sweep?.cancel()
        sweep = nil
        open = [:]
    }

    private func schedule(on eventLoop: any EventLoop) {
        guard sweep == nil, !open.isEmpty else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        sweep = eventLoop.scheduleTask(in: Self.interval) { bound.value.close(on: eventLoop) }
    }

    private func close(on eventLoop: any EventLoop) {
        sweep = nil
        let now = eventLoop.now
        for (id, stream) in open where stream.deadline <= now {
            open[id] = nil
            stream.channel.close(promise: nil)
        }
        schedule(on: eventLoop)
    }
}
