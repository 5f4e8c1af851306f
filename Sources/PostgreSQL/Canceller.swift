import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Cancels what a connection runs, from any thread. The server is asked by a connection of its own.
final class Canceller: Sendable {
    /// libpq's PGcancel: does not change once it is made, and is freed when nobody asks the server with it any more.
    private final class Handle: @unchecked Sendable {
        let library: LibPQ
        let pointer: OpaquePointer

        init?(_ library: LibPQ, _ connection: LibPQ.Connection) {
            guard let pointer = library.getCancel(connection) else { return nil }
            (self.library, self.pointer) = (library, pointer)
        }

        deinit { library.freeCancel(pointer) }

        /// Returns when the server has taken notice.
        func cancel() {
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
                guard let words = buffer.baseAddress else { return }
                _ = library.cancel(pointer, words, 256)
            }
        }
    }

    private struct State {
        var handle: Handle?
        var isRunning = false
        /// How many ask the server at this moment.
        var asking = 0
    }

    private let state: Mutex<State>

    init(_ library: LibPQ, _ connection: LibPQ.Connection) {
        state = Mutex(State(handle: Handle(library, connection)))
    }

    /// Cancels what runs, if anything does; returns when the server has taken notice.
    func cancel() {
        guard let handle = begin() else { return }
        handle.cancel()
        end()
    }

    /// Cancels what runs, on a thread of its own: a server that is not to be reached would hold the caller for minutes.
    /// Nothing is done where somebody asks already.
    func cancelAside() {
        guard let handle = begin(isAlone: true) else { return }
        let work = Unmanaged.passRetained(Work(self, handle))
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let code = pthread_create(
            &thread, nil,
            { context in
                Work.run(context)
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            return end()
        }
        #if canImport(Glibc)
            pthread_detach(thread)
        #else
            if let thread { pthread_detach(thread) }
        #endif
    }

    private final class Work: Sendable {
        let canceller: Canceller
        let handle: Handle

        init(_ canceller: Canceller, _ handle: Handle) { (self.canceller, self.handle) = (canceller, handle) }

        static func run(_ context: UnsafeMutableRawPointer?) {
            guard let context else { return }
            let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
            work.handle.cancel()
            work.canceller.end()
        }
    }

    private func begin(isAlone: Bool = false) -> Handle? {
        state.withLock { state in
            guard state.isRunning, let handle = state.handle, !isAlone || state.asking == 0 else { return nil }
            state.asking += 1
            return handle
        }
    }

    private func end() { state.withLock { $0.asking -= 1 } }

    /// From now on there is something to cancel.
    func start() { state.withLock { $0.isRunning = true } }

    /// From now on there is nothing to cancel; waits for those who ask the server still, so that what runs next is safe.
    /// - Returns: whether they are done.
    func stop() -> Bool {
        state.withLock { $0.isRunning = false }
        let start = ContinuousClock.now
        while state.withLock({ $0.asking > 0 }) {
            if ContinuousClock.now - start > .seconds(5) { return false }
            usleep(500)
        }
        return true
    }

    /// The connection ends.
    func close() { state.withLock { $0.handle = nil } }
}
