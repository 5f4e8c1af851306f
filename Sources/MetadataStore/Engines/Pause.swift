#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A pause of a thread of the store's own: those are not of the pool that runs tasks.
enum Pause {
    static func sleep(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var left = timespec(tv_sec: Int(clamping: seconds), tv_nsec: Int(clamping: attoseconds / 1_000_000_000))
        withUnsafeMutablePointer(to: &left) { while nanosleep($0, $0) != 0, errno == EINTR {} }
    }
}
