#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Values over the order in which they were written, as points that are links.
struct Plot {
    struct Point {
        var value: Double
        /// What is told of it.
        var title: String
        /// Its page, without the base.
        var href: String
    }

    var points: [Point]
    var isLogarithmic = false
    private static let width = 1_200.0
    private static let height = 220.0
    private static let left = 70.0
    private static let bottom = 24.0

    /// A number as one reads it: five significant digits.
    static func format(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return PageFrame.number(Int(exactly: value) ?? 0) }
        let magnitude = abs(value)
        guard magnitude >= 1e-4, magnitude < 1e15 else { return String(value) }
        var scale = 1.0
        while magnitude * scale < 10_000, scale < 1e8 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return String(rounded)
    }

    /// Whether all values can stand on a logarithmic scale.
    var canBeLogarithmic: Bool { points.allSatisfy { $0.value > 0 } }

    func write(label: String, to html: inout HTML) {
        let scaled = points.map { isLogarithmic && canBeLogarithmic ? log10($0.value) : $0.value }
        guard let low = scaled.min(), let high = scaled.max() else { return }
        let span = high > low ? high - low : max(abs(high), 1)
        let floor: Double = high > low ? low : low - span / 2
        let ceiling: Double = high > low ? high : high + span / 2
        let (room, range) = (Self.height - 12 - Self.bottom, ceiling - floor)
        func y(_ value: Double) -> Double { 12 + room * (1 - (value - floor) / range) }
        func x(_ index: Int) -> Double {
            let room: Double = Self.width - Self.left - 20
            guard points.count > 1 else { return Self.left + room / 2 }
            return Self.left + room * Double(index) / Double(points.count - 1)
        }
        html.raw("<div class=\"scroll\" tabindex=\"0\"><svg class=\"plot\" role=\"group\" aria-label=\"")
        html.text(label, upTo: 200)
        html.raw("\" width=\"1200\" height=\"220\" viewBox=\"0 0 1200 220\">")
        for part in 0...4 {
            let value = floor + (ceiling - floor) * Double(part) / 4
            html.raw("<path class=\"grid\" d=\"M")
            html.text("\(Pixel.of(Self.left)) \(Pixel.of(y(value)))H\(Pixel.of(Self.width))")
            html.raw("\"/><text class=\"kind\" x=\"0\" y=\"")
            html.number(Pixel.of(y(value)) + 4)
            html.raw("\">")
            html.text(Self.format(isLogarithmic && canBeLogarithmic ? pow(10, value) : value))
            html.raw("</text>")
        }
        html.raw("<path class=\"line\" d=\"M")
        html.text(scaled.enumerated().map { "\(Pixel.of(x($0))) \(Pixel.of(y($1)))" }.joined(separator: "L"))
        html.raw("\"/>")
        for (index, point) in points.enumerated() {
            let isBest = scaled[index] == high
            html.raw("<a href=\"")
            html.address(point.href)
            html.raw("\"><title>")
            html.text("\(point.title): \(Self.format(point.value))", upTo: 300)
            html.raw("</title><circle class=\"")
            html.raw(isBest ? "point greatest" : index == points.count - 1 ? "point last" : "point")
            html.raw("\" cx=\"")
            html.number(Pixel.of(x(index)))
            html.raw("\" cy=\"")
            html.number(Pixel.of(y(scaled[index])))
            html.raw(isBest ? "\" r=\"6\"/></a>" : "\" r=\"4\"/></a>")
        }
        html.raw("</svg></div>")
    }
}
