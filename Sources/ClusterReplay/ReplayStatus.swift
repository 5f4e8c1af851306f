import JSON
import Kubernetes

/// An answer that is no object: a Status, or plain text.
struct ReplayStatus: Error {
    var code: Int
    var body: JSONValue?
    var text: String?
    var retryAfter: Int?

    init(_ code: Int, _ reason: String, _ message: String, details: JSONValue? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.retryAfter = retryAfter
        var status = JSONObject([
            ("kind", JSONValue.string("Status")), ("apiVersion", "v1"),
            ("metadata", .object(JSONObject())), ("status", "Failure"), ("message", .string(message)),
        ])
        if !reason.isEmpty { status["reason"] = .string(reason) }
        if let details { status["details"] = details }
        status["code"] = .integer(Int64(code))
        body = .object(status)
    }

    /// What is not about objects is answered in plain text.
    init(_ code: Int, text: String, retryAfter: Int? = nil) {
        self.code = code
        self.text = text
        self.retryAfter = retryAfter
    }

    static func badRequest(_ message: String) -> ReplayStatus { ReplayStatus(400, "BadRequest", message) }

    static func notFound(_ resource: Resource, _ name: String) -> ReplayStatus {
        ReplayStatus(
            404, "NotFound", "\(resource.qualified) \"\(name)\" not found", details: .object(resource.details(name)))
    }

    /// No resource of that name: a Status in the core group, plain text elsewhere.
    static func unknownResource(group: String) -> ReplayStatus {
        group.isEmpty
            ? ReplayStatus(404, "NotFound", "the server could not find the requested resource", details: [:])
            : ReplayStatus(404, text: "404 page not found\n")
    }

    static func invalid(_ resource: Resource, _ name: String, _ field: String, _ message: String) -> ReplayStatus {
        ReplayStatus(
            422, "Invalid", "\(resource.kind) \"\(name)\" is invalid: \(field): \(message)",
            details: [
                "name": .string(name), "kind": .string(resource.kind),
                "causes": [
                    ["reason": "FieldValueInvalid", "message": .string(message), "field": .string(field)]
                ],
            ])
    }

    static func conflict(_ resource: Resource, _ name: String) -> ReplayStatus {
        let message =
            "Operation cannot be fulfilled on \(resource.plural) \"\(name)\": the object has been modified; "
            + "please apply your changes to the latest version and try again"
        return ReplayStatus(
            409, "Conflict", message,
            details: ["name": .string(name), "kind": .string(resource.plural)])
    }

    static func tooOld(asked: Int, oldest: Int) -> ReplayStatus {
        ReplayStatus(410, "Expired", "too old resource version: \(asked) (\(oldest))")
    }
}

extension Resource {
    /// As messages name it: `leases.coordination.k8s.io`.
    var qualified: String { group.isEmpty ? plural : "\(plural).\(group)" }

    /// The details of a Status about one object.
    func details(_ name: String) -> JSONObject {
        var details = JSONObject([("name", .string(name))])
        if !group.isEmpty { details["group"] = .string(group) }
        details["kind"] = .string(plural)
        return details
    }
}
