/// Lets so many things through at once and then so many a second; the others are counted. What may come from
/// outside in any number is told through one.
struct Throttle: Sendable {
    private let burst: Double
    private let perSecond: Double
    private var tokens: Double
    private var last: Duration = .zero
    private var heldBack = 0

    init(burst: Int, perSecond: Double) {
        self.burst = Double(burst)
        self.perSecond = perSecond
        tokens = Double(burst)
    }

    /// - Parameter now: the time since any beginning; it never goes back.
    /// - Returns: how many were held back since the last that was let through; `nil` where this one is held back.
    mutating func admit(at now: Duration) -> Int? {
        tokens = min(burst, tokens + max(0, (now - last) / .seconds(1)) * perSecond)
        last = max(last, now)
        guard tokens >= 1 else {
            heldBack += 1
            return nil
        }
        tokens -= 1
        defer { heldBack = 0 }
        return heldBack
    }
}
