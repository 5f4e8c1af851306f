import HTTPTypes
import Hummingbird
import MetadataStore
import NIOCore
import Prometheus

/// `/healthz`, `/readyz` and `/metrics` of a service.
struct Monitoring: Sendable {
    static let paths: Set<String> = ["/healthz", "/readyz", "/metrics"]

    let store: MetadataStore
    let search: SearchIndex?
    let metrics: ServiceMetrics
    let budget: ByteBudget

    /// - Parameter hasMetrics: whether the metrics are here, too.
    func add(to router: Router<BasicRequestContext>, hasMetrics: Bool) {
        for path in ["/healthz", "/readyz"] {
            router.get(RouterPath(path)) { _, _ in
                do {
                    try store.checkHealth()
                } catch {
                    return Self.plain("\(error)\n", .serviceUnavailable)
                }
                return Self.plain("ok\n")
            }
        }
        guard hasMetrics else { return }
        router.get("/metrics") { _, _ in
            let isReady = (try? store.checkHealth()) != nil
            let refusals = budget.refusals
            // What cannot be read is left out: the rest tells why.
            let text = metrics.text(
                try? await store.activity(), search: search?.size,
                limits: [("message_size", refusals.tooLong), ("unfinished_requests", refusals.noRoom)], isReady: isReady
            )
            return Self.plain(text, type: PrometheusText.contentType)
        }
    }

    private static func plain(
        _ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
