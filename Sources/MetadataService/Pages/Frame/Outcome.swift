import FoundationEssentials
import Lineage
import MetadataAPI

/// What came of a step or a run: its state, when it ran, and what it said.
struct Outcome {
    /// Empty where it is not known.
    var state: String
    var start: Date?
    var end: Date?
    var message: String

    /// - Parameter text: what a node says under a property's name; empty where it says nothing.
    init(state: String, _ text: (String) -> String) {
        self.state = state
        start = Timestamp.parse(text(PropertyName.startTime))
        end = Timestamp.parse(text(PropertyName.endTime))
        message = text(PropertyName.message)
    }

    /// Empty where the start is not known.
    var started: String { start.map(PageFrame.time) ?? "" }

    /// How long it took; empty where its end is not known.
    var took: String {
        guard let start, let end else { return "" }
        return PageFrame.duration(end.timeIntervalSince(start))
    }

    /// A line of it, and what it said below.
    /// - Parameter more: at the end of the line.
    func write(to html: inout HTML, more: (inout HTML) -> Void = { _ in }) {
        html.raw("<p class=\"facts\">")
        if !state.isEmpty { PageFrame.state(state, &html) }
        if !started.isEmpty { html.text(", started \(started)") }
        if !took.isEmpty { html.text(", took \(took)") }
        more(&html)
        html.raw("</p>")
        guard !message.isEmpty else { return }
        html.raw("<p class=\"problem\">")
        html.text(message, upTo: PageFrame.shownValue)
        html.raw("</p>")
    }
}
