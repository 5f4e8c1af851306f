import HTTPTypes
import Hummingbird

/// Counts requests of the pages and of REST. Those of gRPC-Web are counted by their methods, probes not at all.
struct RequestMeter<Context: RequestContext>: RouterMiddleware {
    let metrics: ServiceMetrics
    /// The patterns of the pages' paths: `/artifacts/{id}`.
    let patterns: Set<String>

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let (face, name) = face(of: request) else { return try await next(request, context) }
        let began = ContinuousClock.now
        do {
            let response = try await next(request, context)
            metrics.count(face, name, code: "\(response.status.code)", ContinuousClock.now - began)
            return response
        } catch {
            let status = (error as? any HTTPResponseError)?.status.code ?? 500
            metrics.count(face, name, code: "\(status)", ContinuousClock.now - began)
            throw error
        }
    }

    private func face(of request: Request) -> (ServiceMetrics.Face, String)? {
        let path = request.uri.path
        if Monitoring.paths.contains(path) || path.hasPrefix("/ml_metadata.") || path.hasPrefix("/kfmd.") { return nil }
        if path.hasPrefix("/api/") {
            // A method is a word that a client chooses.
            let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .delete, .patch, .options]
            return (.rest, known.contains(request.method) ? request.method.rawValue : "other")
        }
        return (.page, Pages.pattern(of: path, patterns))
    }
}

extension Pages {
    /// The pattern of a page's path, in whatever form it is asked for; `other` for what is no page.
    static func pattern(of path: String, _ patterns: Set<String>) -> String {
        if path.hasPrefix("/static/") { return "/static" }
        var path = path[...]
        for suffix in [".json", ".csv"] where path.hasSuffix(suffix) { path = path.dropLast(suffix.utf8.count) }
        if patterns.contains(String(path)) { return String(path) }
        guard let slash = path.lastIndex(of: "/") else { return "other" }
        let pattern = path[..<slash] + "/{id}"
        return patterns.contains(String(pattern)) ? String(pattern) : "other"
    }
}
