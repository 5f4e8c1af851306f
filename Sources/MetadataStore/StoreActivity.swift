public import Prometheus

/// What a store does, and how large it is.
public struct StoreActivity: Sendable {
    /// What the writer did since the store was opened.
    public struct Writing: Sendable {
        /// How many requests went into a transaction.
        public var group = PrometheusHistogram(bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256])
        /// How long a transaction took with its sync, in seconds.
        public var seconds = PrometheusHistogram(
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30])
        /// Requests for which there was no room to wait.
        public var refused = 0

        mutating func observe(_ requests: Int, _ seconds: Double) {
            group.observe(Double(requests))
            self.seconds.observe(seconds)
        }
    }

    /// Reads that were ended before they were done.
    public struct Refusals: Sendable {
        /// They read more than one answer may.
        public var size = 0
        /// They took more than one read may.
        public var time = 0
        /// Others waited.
        public var yielded = 0
    }

    public var readers: Int
    public var readersBusy: Int
    public var readersWaitedFor: Int
    public var writing: Writing
    public var refusals: Refusals
    /// How many nodes there are of each kind.
    public var rows: [(kind: NodeKind, count: Int64)] = []
    /// The files and their sizes, in bytes.
    public var files: [(name: String, bytes: Int64)] = []
    /// The disk that they are on, in bytes.
    public var volume: (size: UInt64, free: UInt64)?
}
