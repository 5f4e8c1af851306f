/// How often something was how large.
public struct PrometheusHistogram: Sendable {
    /// The upper bounds of all buckets but the last, ascending.
    public let bounds: [Double]
    /// How many were in each bucket, not added up; one more than ``bounds``.
    public private(set) var counts: [Int]
    public private(set) var sum = 0.0

    public init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    public mutating func observe(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// How many were observed.
    public var total: Int { counts.reduce(0, +) }
}
