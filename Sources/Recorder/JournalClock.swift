public import FoundationEssentials
import Lineage

/// The time by which the journal orders and holds steps: that of the wall when it was opened, and then what
/// has passed since. A wall clock that is set meanwhile changes nothing.
public struct JournalClock: Sendable {
    private let start: Date
    private let begun = ContinuousClock.now

    public init(start: Date = Date()) { self.start = start }

    public var date: Date {
        start.addingTimeInterval((ContinuousClock.now - begun) / .seconds(1))
    }

    /// Milliseconds since 1970.
    var milliseconds: Int64 { Timestamp.milliseconds(date) }
}
