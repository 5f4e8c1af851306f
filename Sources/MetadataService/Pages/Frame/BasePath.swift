import HTTPTypes
import Hummingbird

/// Below which path a proxy shows the site.
public enum BasePath: Sendable, Hashable {
    /// Always the same, `/metadata`; empty where there is none.
    case fixed(String)
    /// What the proxy says in `X-Forwarded-Prefix`. Only behind one that always sets or removes it.
    case forwarded

    static let header = HTTPField.Name("X-Forwarded-Prefix")
    private static let longest = 200

    /// A path such as `/a/b`, without a slash at its end; `nil` where it is none.
    public init?(_ text: String) {
        guard text != "forwarded" else {
            self = .forwarded
            return
        }
        guard let path = Self.checked(text) else { return nil }
        self = .fixed(path)
    }

    private static func checked(_ text: String) -> String? {
        var path = text[...]
        while path.hasSuffix("/") { path = path.dropLast() }
        // Two slashes at the beginning would be another host.
        guard path.isEmpty || path.hasPrefix("/") && !path.hasPrefix("//"), path.utf8.count <= longest,
            path.unicodeScalars.allSatisfy({
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-._~/".unicodeScalars.contains($0))
            })
        else { return nil }
        return String(path)
    }

    /// The base of a request that ``BasePathResponder`` has passed on.
    static func of(_ request: Request) -> String { header.flatMap { request.headers[$0] } ?? "" }

    /// The base that a request comes through.
    fileprivate func base(_ given: String?) -> String {
        switch self {
        case .fixed(let path): path
        case .forwarded: given.flatMap { Self.checked($0) } ?? ""
        }
    }
}

/// Takes the base off the path, so that whatever is behind knows its own addresses only.
struct BasePathResponder<Next: HTTPResponder>: HTTPResponder {
    let basePath: BasePath
    let next: Next

    func respond(to request: Request, context: Next.Context) async throws -> Response {
        guard let header = BasePath.header else { return try await next.respond(to: request, context: context) }
        var head = request.head
        let base = basePath.base(head.headerFields[header])
        // What a client says itself is not passed on.
        head.headerFields[header] = base.isEmpty ? nil : base
        // Some proxies take it off, others leave it.
        if !base.isEmpty, let path = head.path, path == base || path.hasPrefix(base + "/") || path.hasPrefix(base + "?")
        {
            let rest = path.dropFirst(base.count)
            head.path = rest.hasPrefix("/") ? String(rest) : "/" + rest
        }
        return try await next.respond(to: Request(head: head, body: request.body), context: context)
    }
}
