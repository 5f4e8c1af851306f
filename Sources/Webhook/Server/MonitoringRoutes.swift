import HTTPTypes
import Hummingbird
import NIOCore
import Prometheus

/// `/healthz`, `/readyz` and `/metrics`, in the clear.
struct MonitoringRoutes: Sendable {
    var status: WebhookStatus
    var metrics: WebhookMetrics

    func add(to router: Router<BasicRequestContext>) {
        router.get("/healthz") { _, _ in text("ok\n") }
        router.get("/readyz") { _, _ in
            let unready = status.unready
            return unready.isEmpty ? text("ok\n") : text(unready.map { $0 + "\n" }.joined(), .serviceUnavailable)
        }
        router.get("/metrics") { _, _ in
            text(
                metrics.text(isReady: status.unready.isEmpty), type: PrometheusText.contentType)
        }
    }

    private func text(
        _ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
