/// Metrics in the text format of Prometheus (exposition format 0.0.4).
public struct PrometheusText: Sendable {
    /// The media type of it.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public private(set) var output = ""

    public init() {}

    /// Begins a family of samples.
    /// - Parameter type: `counter`, `gauge` or `histogram`.
    public mutating func family(_ name: String, _ type: String, _ help: String) {
        output += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    public mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        let shown = labels.map { "\($0)=\"\(Self.escape($1))\"" }.joined(separator: ",")
        output += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(shown)} \(value)\n"
    }

    public mutating func sample(_ name: String, _ value: String) { sample(name, [], value) }

    public mutating func histogram(_ name: String, _ values: PrometheusHistogram) { histogram(name, [], values) }

    public mutating func histogram(
        _ name: String, _ labels: [(String, String)], _ histogram: PrometheusHistogram
    ) {
        var total = 0
        for (bound, count) in zip(histogram.bounds.map { "\($0)" } + ["+Inf"], histogram.counts) {
            total += count
            sample(name + "_bucket", labels + [("le", bound)], "\(total)")
        }
        sample(name + "_sum", labels, "\(histogram.sum)")
        sample(name + "_count", labels, "\(total)")
    }

    private static func escape(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
