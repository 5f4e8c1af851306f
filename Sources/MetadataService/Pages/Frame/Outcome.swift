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

    /// In seconds; `nil` where its start or its end is not known.
    var seconds: TimeInterval? {
        guard let start, let end, end >= start else { return nil }
        return end.timeIntervalSince(start)
    }

    /// How long it took; empty where its end is not known.
    var took: String { seconds.map(PageFrame.duration) ?? "" }

    /// Whether it goes on.
    var isOpen: Bool { state == "new" || state == "running" }

    /// A line of it, and what it said below.
    /// - Parameter more: at the end of the line.
    func write(to html: inout HTML, more: (inout HTML) -> Void = { _ in }) {
        html.raw("<p class=\"facts\">")
        PageFrame.state(state, &html)
        if let start {
            html.raw("<span>started ")
            html.time(start)
            html.raw("</span>")
        }
        if !took.isEmpty { html.element("span", "took \(took)") }
        more(&html)
        html.raw("</p>")
        guard !message.isEmpty else { return }
        html.raw("<p class=\"problem\">")
        html.text(message, upTo: PageFrame.shownValue)
        html.raw("</p>")
    }
}
