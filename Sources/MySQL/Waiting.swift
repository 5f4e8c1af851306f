#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the library's calls in parts wait for; the bits of `MYSQL_WAIT_READ` and so on.
enum Waiting {
    private static let read: Int32 = 1
    private static let write: Int32 = 2
    private static let urgent: Int32 = 4
    private static let timeout: Int32 = 8

    /// How often it is asked whether a statement is to be interrupted, in milliseconds.
    private static let pause: Int32 = 20

    /// Waits for some of it.
    /// - Parameters:
    ///   - milliseconds: after which the library wants to be told that the time is over.
    ///   - ask: called some times a second.
    /// - Returns: what happened.
    static func wait(_ status: Int32, socket: Int32, milliseconds: UInt32, ask: () -> Void) -> Int32 {
        var entry = pollfd(fd: socket, events: 0, revents: 0)
        for (bit, event) in [(read, POLLIN), (write, POLLOUT), (urgent, POLLPRI)] where status & bit != 0 {
            entry.events |= Int16(event)
        }
        let hasTimeout = status & timeout != 0
        var left = Int64(milliseconds)
        while true {
            let span = hasTimeout ? Int32(clamping: min(Int64(pause), left)) : pause
            if poll(&entry, 1, span) > 0 {
                var happened: Int32 = 0
                if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { happened |= status & read }
                if entry.revents & Int16(POLLOUT | POLLHUP | POLLERR) != 0 { happened |= status & write }
                if entry.revents & Int16(POLLPRI) != 0 { happened |= status & urgent }
                if happened != 0 { return happened }
            }
            left -= Int64(span)
            if hasTimeout, left <= 0 { return timeout }
            ask()
        }
    }
}
