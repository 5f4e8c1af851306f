import Synchronization

/// Whether the webhook can be called, and what it counts.
final class WebhookStatus: Sendable {
    /// What has to be in place.
    enum Part: String, Sendable, CaseIterable { case certificate, configurations }

    /// Why parts are not in place.
    private let missing: Mutex<[Part: String]>

    init(_ parts: Set<Part>) {
        missing = Mutex(Dictionary(uniqueKeysWithValues: parts.map { ($0, "not yet") }))
    }

    /// Notes that a part is in place, or why it is not.
    func set(_ part: Part, _ reason: String?) { missing.withLock { $0[part] = reason } }

    /// Says why a part that is not in place is not. One that is stays so.
    func explain(_ part: Part, _ reason: String) { missing.withLock { if $0[part] != nil { $0[part] = reason } } }

    /// A line for each part that is not in place. Empty when it is ready.
    var unready: [String] {
        missing.withLock { missing in
            Part.allCases.compactMap { part in missing[part].map { "\(part.rawValue): \($0)" } }
        }
    }
}
