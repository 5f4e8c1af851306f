import FoundationEssentials
import HTTPTypes
import JSON

/// A refusal as the REST API tells it: the status, and gRPC's code and message in JSON.
struct RESTError: Error {
    var status: HTTPResponse.Status
    var code: Int64
    var message: String

    /// The body is no JSON of the message: 400, INVALID_ARGUMENT.
    static func badRequest(_ message: String) -> RESTError {
        RESTError(status: .badRequest, code: 3, message: message)
    }

    /// Whatever the service or the store refuses, what is not found included: 500, UNKNOWN.
    static func refused(_ message: String) -> RESTError {
        RESTError(status: .internalServerError, code: 2, message: message)
    }

    static func tooLarge(_ maximum: Int) -> RESTError {
        RESTError(
            status: .contentTooLarge, code: 8,
            message: "The body is too long; this server takes up to \(maximum) bytes (--max-message-size).")
    }

    var body: String {
        JSONValue.object(
            JSONObject([("error", .string(message)), ("message", .string(message)), ("code", .integer(code))])
        ).jsonText()
    }
}
