import NIOPosix

/// Runs the jobs of an actor that waits for a disk, one after the other, on a thread of its own.
///
/// The threads of structured concurrency are as few as the cores: one that waits for the disk would hold up
/// the reading of watches, which an API server ends when they are read too slowly. The thread is no queue of Dispatch,
/// which is what structured concurrency runs on: with jobs on queues of their own its timers stopped for ever in
/// tests (Swift 6.3, Linux).
public final class SerialQueue: SerialExecutor {
    private let thread = NIOThreadPool(numberOfThreads: 1)

    public init() { thread.start() }

    deinit { thread.shutdownGracefully { _ in } }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Nobody holds the executor while its actor has no job: it lasts as long as this one.
        thread.submit { _ in job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
