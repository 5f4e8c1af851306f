import JSON

/// What an API server answered when it did not do what was asked.
public struct APIError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The HTTP status, or the `code` of a Status.
    public var status: Int
    /// The machine-readable `reason` of a Status: `Expired`, `Conflict`; else empty.
    public var reason: String
    public var message: String
    /// How long the server asks to wait.
    public var retryAfter: Duration?

    public init(status: Int, reason: String, message: String, retryAfter: Duration? = nil) {
        self.status = status
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
    }

    /// Reads the body of an answer: a Status, the `message` of a gRPC gateway, or the plain text of priority and
    /// fairness.
    init(status: Int, body: [UInt8], retryAfter: Duration?) {
        let value = try? JSONValue(parsing: body)
        self.init(
            statusObject: value?["kind"]?.string == "Status" ? value ?? .null : .null,
            fallback: value?["message"]?.string ?? String(decoding: body.prefix(500), as: UTF8.self), status: status)
        self.retryAfter = retryAfter ?? self.retryAfter
    }

    /// Reads a Status object, as in an ERROR event.
    init(statusObject: JSONValue, fallback: String = "", status: Int = 500) {
        self.status = statusObject["code"]?.integer.map { Int($0) } ?? status
        reason = statusObject["reason"]?.string ?? ""
        message = statusObject["message"]?.string ?? fallback
        retryAfter = Self.wait(seconds: statusObject["details"]?["retryAfterSeconds"]?.integer)
    }

    /// The longest that a server is let ask for: whoever is told to wait longer asks again before.
    public static let longestWait: Duration = .seconds(60)

    /// A wait as a server asks for it, in seconds, within bounds: the number may be any.
    static func wait(seconds: Int64?) -> Duration? {
        seconds.map { min(.seconds(min(max($0, 0), 3600)), longestWait) }
    }

    /// The list or watch position is too old: list again.
    public var isExpired: Bool { status == 410 }
    public var isConflict: Bool { status == 409 }
    public var isNotFound: Bool { status == 404 }
    public var isUnauthorized: Bool { status == 401 }

    public var description: String {
        let text = message.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return "HTTP \(status)\(reason.isEmpty ? "" : " \(reason)"): \(text)"
    }
}

/// An API server that could not be reached, or whose connection broke.
public struct ConnectionError: Error, Sendable, CustomStringConvertible {
    public var address: String
    public var reason: String

    public var description: String { "cannot reach \(address): \(reason)" }
}
