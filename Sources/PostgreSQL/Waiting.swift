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

    /// Whether the other side has ended a connection, as far as the system knows by now.
    static func isHungUp(_ socket: Int32) -> Bool {
        #if os(Linux)
            let hangUp: Int16 = 0x2000  // POLLRDHUP, which Glibc has for those only who ask for GNU's extensions.
        #else
            let hangUp = Int16(POLLHUP)
        #endif
        var entry = pollfd(fd: socket, events: hangUp, revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
