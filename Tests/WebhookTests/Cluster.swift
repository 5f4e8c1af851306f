import ClusterReplay
import JSON
import Kubernetes
import Logging

@testable import Webhook

/// A cluster with what the webhook reads and writes, over HTTP.
enum Cluster {
    static let service = ServiceName("metadata-webhook.kubeflow.svc")!
    static let flowSchemas = Resource(
        group: "flowcontrol.apiserver.k8s.io", version: "v1", plural: "flowschemas", kind: "FlowSchema")

    static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    static func configuration(_ kind: WebhookConfigurationKind) -> JSONValue {
        func webhook(_ name: String, _ service: JSONValue) -> JSONValue {
            [
                "name": .string(name), "admissionReviewVersions": ["v1"], "clientConfig": service,
                "sideEffects": "None",
                "failurePolicy": "Ignore", "timeoutSeconds": 2,
            ]
        }
        return [
            "apiVersion": .string(kind.resource.apiVersion), "kind": .string(kind.resource.kind),
            "metadata": ["name": "kubeflow-metadata"],
            "webhooks": [
                webhook(
                    "sidecar.metadata.kubeflow.org",
                    ["service": ["name": "metadata-webhook", "namespace": "kubeflow", "path": "/mutate", "port": 443]]),
                webhook(
                    "other.example.com",
                    ["service": ["name": "other", "namespace": "kubeflow"], "caBundle": "b3RoZXI="]),
                webhook("far.example.com", ["url": "https://example.com"]),
            ],
        ]
    }

    /// - Parameter body: gets the cluster, and two clients of it.
    static func with(
        _ body: @Sendable (ReplayCluster, APIClient) async throws -> Void
    ) async throws {
        let cluster = ReplayCluster(
            resources: [.pods, .namespaces, CertificateSecret.resource, flowSchemas]
                + WebhookConfigurationKind.allCases.map(\.resource))
        for kind in WebhookConfigurationKind.allCases { await cluster.apply("ADDED", configuration(kind)) }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await ReplayServer(cluster, logger: logger).run { port.yield($0) } }
            let number = await ports.first { _ in true } ?? 0
            let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:\(number)"))
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(cluster, client))
            } catch {
                result = .failure(error)
            }
            await client.shutdown()
            group.cancelAll()
            try result.get()
        }
    }

    /// The bundles of the webhooks of a configuration, as they are written.
    static func bundles(_ cluster: ReplayCluster, _ kind: WebhookConfigurationKind) async -> [String?] {
        let object = await cluster.object(kind.resource, namespace: "", name: "kubeflow-metadata")
        return (object?["webhooks"]?.array ?? []).map { $0["clientConfig"]?["caBundle"]?.string }
    }
}
