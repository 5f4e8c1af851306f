#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Waiting for a socket.
enum Waiting {
    /// Waits until a socket can be read or written, or the time is over.
    /// - Returns: whether something happened.
    @discardableResult
    static func wait(_ socket: Int32, reading: Bool, writing: Bool, milliseconds: Int32) -> Bool {
        var entry = pollfd(
            fd: socket, events: (reading ? Int16(POLLIN) : 0) | (writing ? Int16(POLLOUT) : 0), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }
}
