import FoundationEssentials
import MetadataAPI

/// When each step of a run ran: bars on one scale of time.
struct Gantt {
    private struct Bar {
        var step: MlMetadata_Execution
        var start: Date
        /// `nil` while it runs.
        var end: Date?
    }

    private let bars: [Bar]
    private let without: Int
    private static let rowHeight = 24
    private static let labelWidth = 220.0
    private static let width = 1_200.0

    init(_ steps: [MlMetadata_Execution]) {
        bars = steps.compactMap { step in
            step.outcome.start.map { Bar(step: step, start: $0, end: step.outcome.end) }
        }.sorted { ($0.start, $0.step.id) < ($1.start, $1.step.id) }
        without = steps.count - bars.count
    }

    func write(to html: inout HTML) {
        guard let first = bars.first?.start else { return PageFrame.note("No step says when it ran.", &html) }
        // What goes on ends at the last that is known: a page does not change by itself.
        let last = bars.map { $0.end ?? $0.start }.max() ?? first
        let span = max(last.timeIntervalSince(first), 1)
        let height = bars.count * Self.rowHeight + 28
        html.raw(
            "<div class=\"scroll\" tabindex=\"0\"><svg class=\"gantt\" role=\"group\" aria-label=\"When the steps ran\" width=\""
        )
        html.number(Pixel.of(Self.width))
        html.raw("\" height=\"")
        html.number(height)
        html.raw("\" viewBox=\"0 0 ")
        html.number(Pixel.of(Self.width))
        html.raw(" ")
        html.number(height)
        html.raw("\">")
        let room = Self.width - Self.labelWidth - 100
        for part in 0...4 {
            let x = Pixel.of(Self.labelWidth + room * Double(part) / 4)
            html.raw("<path class=\"grid\" d=\"M")
            html.text("\(x) 0V\(height - 20)")
            html.raw("\"/><text class=\"kind\" x=\"")
            html.number(x)
            html.raw("\" y=\"")
            html.number(height - 6)
            html.raw("\">")
            html.text(part == 0 ? "0" : "+" + PageFrame.duration(span * Double(part) / 4))
            html.raw("</text>")
        }
        for (row, bar) in bars.enumerated() { write(bar, row, first, span, room, last, &html) }
        html.raw("</svg></div>")
        if without > 0 {
            PageFrame.note(
                without == 1 ? "One step does not say when it ran." : "\(without) steps do not say when they ran.",
                &html)
        }
    }

    private func write(
        _ bar: Bar, _ row: Int, _ first: Date, _ span: TimeInterval, _ room: Double, _ last: Date, _ html: inout HTML
    ) {
        let y = row * Self.rowHeight
        let x = Self.labelWidth + room * bar.start.timeIntervalSince(first) / span
        let width = max(3, room * (bar.end ?? last).timeIntervalSince(bar.start) / span)
        let took = bar.end == nil ? "goes on" : bar.step.outcome.took
        html.raw("<a href=\"")
        html.address(bar.step.path)
        html.raw("\"><title>")
        html.text("\(bar.step.title): \(bar.step.stateName), from \(PageFrame.time(bar.start)), \(took)", upTo: 500)
        html.raw("</title><text class=\"name\" x=\"0\" y=\"")
        html.number(y + 16)
        html.raw("\">")
        html.text(TextFit.fit(bar.step.title, Self.labelWidth - 12, size: 13))
        html.raw("</text><rect class=\"bar ")
        html.text(bar.step.stateName)
        html.raw("\" x=\"")
        html.number(Pixel.of(x))
        html.raw("\" y=\"")
        html.number(y + 4)
        html.raw("\" width=\"")
        html.number(Pixel.of(width))
        html.raw("\" height=\"16\" rx=\"2\"/><text class=\"kind\" x=\"")
        html.number(Pixel.of(x + width) + 6)
        html.raw("\" y=\"")
        html.number(y + 16)
        html.raw("\">")
        html.text(took)
        html.raw("</text></a>")
    }
}
