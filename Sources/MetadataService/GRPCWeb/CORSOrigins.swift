import HTTPTypes
import Hummingbird

/// The web pages of other origins from which browsers may speak gRPC-Web.
public enum CORSOrigins: Sendable, Hashable {
    /// Any page, as with the Envoy proxy of Kubeflow Pipelines.
    case all
    /// Pages of these origins, such as `https://pipelines.example.com`; none when empty.
    case only([String])

    /// The value of Access-Control-Allow-Origin for a request.
    private func value(for request: Request) -> String? {
        guard let origin = request.headers[.origin] else { return nil }
        switch self {
        case .all: return "*"
        case .only(let origins): return origins.contains(origin) ? origin : nil
        }
    }

    func allow(_ request: Request, in headers: inout HTTPFields) {
        if case .only = self { headers[.vary] = "Origin" }
        guard let value = value(for: request) else { return }
        headers[.accessControlAllowOrigin] = value
        headers[.accessControlExposeHeaders] = "grpc-status, grpc-message"
    }

    /// What the browser is told before it sends the request itself.
    func preflight(_ request: Request) -> HTTPFields {
        var headers = HTTPFields()
        allow(request, in: &headers)
        guard headers[.accessControlAllowOrigin] != nil else { return headers }
        headers[.accessControlAllowMethods] = "POST, OPTIONS"
        headers[.accessControlAllowHeaders] =
            "content-type, x-grpc-web, x-user-agent, grpc-timeout, x-accept-content-transfer-encoding, x-accept-response-streaming"
        headers[.accessControlMaxAge] = "86400"
        return headers
    }
}
