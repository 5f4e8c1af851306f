import HTTPTypes
import Hummingbird
import NIOCore

/// Refuses what a web page of others may make a browser send: requests to a name that is not the service's (DNS
/// rebinding), and writes from an origin that is not its own.
struct RequestGuard<Context: RequestContext>: RouterMiddleware {
    /// The names under which the service is known beside those of this machine; `nil` takes any.
    let hosts: [String]?
    let origins: CORSOrigins

    /// - Parameter address: where the service listens. On loopback only this machine's names are its own.
    init(address: MetadataServer.Address, allowedHosts: [String], origins: CORSOrigins) {
        hosts = address.isLoopback || !allowedHosts.isEmpty ? allowedHosts.map { $0.lowercased() } : nil
        self.origins = origins
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let authority = request.head.authority ?? ""
        // Probes ask by address.
        let isProbe = Monitoring.paths.contains(request.uri.path)
        if !isProbe, !isOwn(authority) {
            return Self.refusal(
                .misdirectedRequest, "Host \(authority.prefix(200)): is no name of this service (--allowed-hosts)\n")
        }
        if let origin = request.headers[.origin], !Self.isSafe(request.method), !isOwn(origin, authority, request) {
            return Self.refusal(
                .forbidden, "Origin \(origin.prefix(200)): may not write here (--cors-origins)\n")
        }
        return try await next(request, context)
    }

    private static func isSafe(_ method: HTTPRequest.Method) -> Bool {
        method == .get || method == .head || method == .options
    }

    private func isOwn(_ authority: String) -> Bool {
        guard let hosts else { return true }
        let host = Self.host(in: authority)
        return MetadataServer.Address(host: host, port: 0).isLoopback || host.hasSuffix(".localhost")
            || hosts.contains(host) || hosts.contains(authority.lowercased())
    }

    /// Whether a page of the service itself sent it, or of an origin that may. Behind a proxy that changes the Host,
    /// the browser's own word tells (Fetch Metadata, `Sec-Fetch-Site`).
    private func isOwn(_ origin: String, _ authority: String, _ request: Request) -> Bool {
        switch origins {
        case .all: return true
        case .only(let allowed) where allowed.contains(origin): return true
        case .only: break
        }
        if let site = HTTPField.Name("Sec-Fetch-Site").flatMap({ request.headers[$0] }) {
            return site == "same-origin" || site == "none"
        }
        guard let scheme = origin.firstRange(of: "://") else { return false }
        return origin[scheme.upperBound...].lowercased() == authority.lowercased()
    }

    /// The host of `host:port`, of an IPv6 address without its brackets.
    private static func host(in authority: String) -> String {
        let text = authority.lowercased()
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            return String(text[text.index(after: text.startIndex)..<end])
        }
        return String(text.prefix { $0 != ":" })
    }

    private static func refusal(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
