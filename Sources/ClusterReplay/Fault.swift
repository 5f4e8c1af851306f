/// Something that goes wrong at the API server, once, for the next request that it fits.
public struct Fault: Sendable {
    /// Which requests it fits.
    public enum Target: Sendable, Equatable {
        case any, list, watch, get, patch
    }

    /// What goes wrong.
    public enum Effect: Sendable {
        /// Priority and fairness has had enough: 429 in plain text.
        case tooManyRequests(retryAfter: Int)
        /// A Status with this code and reason.
        case status(code: Int, reason: String, message: String)
        /// The connection is cut after this many events of a watch, in the middle of the next.
        case cut(afterEvents: Int)
        /// The answer to a list is cut after this share of its bytes.
        case cutBody(share: Double)
        /// An answer of 200 with this text, whatever was asked.
        case body(String)
        /// A watch that says nothing more, not even that it ends.
        case silence
    }

    public var target: Target
    /// The plural of the resource; `nil` for all.
    public var resource: String?
    public var effect: Effect

    public init(_ target: Target, resource: String? = nil, _ effect: Effect) {
        self.target = target
        self.resource = resource
        self.effect = effect
    }
}
