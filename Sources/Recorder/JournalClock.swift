public import FoundationEssentials
import Lineage

/// The time by which the journal orders and holds steps: that of the wall when it was opened, and then what
/// has passed since. A wall clock that is set meanwhile changes nothing.
public struct JournalClock: Sendable {
    private let start: Date
    private let elapsed: @Sendable () -> Duration

    public init(start: Date = Date()) {
        let begun = ContinuousClock.now
        self.init(start: start) { ContinuousClock.now - begun }
    }

    /// - Parameter elapsed: what has passed since the beginning; it never goes back.
    init(start: Date, elapsed: @escaping @Sendable () -> Duration) {
        self.start = start
        self.elapsed = elapsed
    }

    public var date: Date { start.addingTimeInterval(elapsed() / .seconds(1)) }

    /// Milliseconds since 1970.
    var milliseconds: Int64 { Timestamp.milliseconds(date) }
}
