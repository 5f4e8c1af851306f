#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the system knows of a connection's socket.
public enum Socket {
    /// Whether the other side has ended the connection, as far as the system knows by now.
    public static func isHungUp(_ socket: Int32) -> Bool {
        #if os(Linux)
            let hangUp: Int16 = 0x2000  // POLLRDHUP, which Glibc has for those only who ask for GNU's extensions.
        #else
            let hangUp = Int16(POLLHUP)
        #endif
        var entry = pollfd(fd: socket, events: hangUp, revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
