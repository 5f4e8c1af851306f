/// Growing, jittered delays between attempts.
public struct Backoff: Sendable {
    private let first: Duration
    private let maximum: Duration
    private var next: Duration

    /// client-go's reflector: 800 ms to 30 s, doubling.
    public init(first: Duration = .milliseconds(800), maximum: Duration = .seconds(30)) {
        self.first = first
        self.maximum = maximum
        next = first
    }

    /// The delay before the next attempt, up to half as long again at random.
    public mutating func delay() -> Duration {
        defer { next = min(next * 2, maximum) }
        return next * Double.random(in: 1...1.5)
    }

    /// The delay after so many attempts of something that is tried beside others.
    public func delay(after attempts: Int) -> Duration { min(first * (1 << min(attempts, 20)), maximum) }

    /// After a success.
    public mutating func reset() { next = first }
}
