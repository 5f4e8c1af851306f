import FoundationEssentials
import Hummingbird
import Logging
import MetadataService
import NIOCore
import Prometheus
import Recorder
import ServiceLifecycle

/// The recorder's own port: `/metrics`, `/healthz`, `/readyz`.
enum RecorderServer {
    static func service(
        _ address: MetadataServer.Address, _ metrics: RecorderMetrics, _ journal: Journal, _ logger: Logger
    ) -> any Service {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.get("/healthz") { _, _ in
            // A journal that cannot be read is beyond help from within.
            _ = try await journal.backlog()
            return text("ok\n")
        }
        router.get("/readyz") { _, _ in
            let unready = metrics.unready
            guard unready.isEmpty else {
                return text(unready.map { $0 + "\n" }.joined(), .serviceUnavailable)
            }
            return text((["ok"] + metrics.unwatched).map { $0 + "\n" }.joined())
        }
        router.get("/metrics") { _, _ in
            let backlog = try await journal.backlog()
            return text(
                metrics.text(depth: backlog.depth, age: backlog.age), type: PrometheusText.contentType)
        }
        return Application(
            router: router, server: .http1(configuration: .init(idleTimeout: .seconds(120))),
            configuration: .init(address: .hostname(address.host, port: address.port), serverName: "kfmd"),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? address.port
                logger.info(
                    "HTTP listens", metadata: ["address": "\(MetadataServer.Address(host: address.host, port: port))"])
            },
            logger: logger)
    }

    private static func text(
        _ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
