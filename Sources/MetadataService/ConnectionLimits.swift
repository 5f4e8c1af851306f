import HummingbirdCore
import Logging
import NIOCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How many connections each port takes: those that come later wait until others are closed. More than there are
/// descriptors would keep a core busy with accepting in vain.
struct ConnectionLimits: Sendable {
    var grpc: Int
    var http: Int

    /// By the descriptors that the process may have, of which it takes all that it can get.
    init() {
        var limits = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limits) == 0 else {
            (grpc, http) = (400, 400)
            return
        }
        let wanted = min(limits.rlim_max, 16_384)
        if limits.rlim_cur < wanted {
            limits.rlim_cur = wanted
            _ = setrlimit(resource, &limits)
            _ = getrlimit(resource, &limits)
        }
        // Files, event loops, and those that are accepted before the limit is noticed.
        let free = max(8, Int(min(limits.rlim_cur, 16_384)) - 64)
        http = min(1000, free / 3)
        grpc = min(4000, free - http)
    }
}

/// Closes a connection on which nothing came for a while. A gRPC client that is there answers the server's pings.
final class IdleConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
