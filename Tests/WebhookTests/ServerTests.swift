import AsyncHTTPClient
import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import NIOCore
import NIOHTTP1
import NIOSSL
import ServiceLifecycle
import Testing

@testable import Webhook

/// The webhook as the API server calls it: over TLS, by the Service's name, trusting what the configuration says.
@Suite(.timeLimit(.minutes(5))) struct ServerTests {
    private struct Running {
        let address: AdmissionWebhook.Address
        let monitoring: AdmissionWebhook.Address
        let client: HTTPClient

        func send(_ path: String, _ body: [UInt8]?) async throws -> (status: UInt, body: [UInt8]) {
            var request = HTTPClientRequest(url: "https://\(Cluster.service):\(address.port)\(path)")
            request.method = body == nil ? .GET : .POST
            if let body { request.body = .bytes(body) }
            return try await execute(request)
        }

        func monitor(_ path: String) async throws -> (status: UInt, body: [UInt8]) {
            try await execute(HTTPClientRequest(url: "http://127.0.0.1:\(monitoring.port)\(path)"))
        }

        private func execute(_ request: HTTPClientRequest) async throws -> (status: UInt, body: [UInt8]) {
            let response = try await client.execute(request, timeout: .seconds(30))
            return (response.status.code, Array(try await response.body.collect(upTo: 1 << 20).readableBytesView))
        }
    }

    private func with(_ body: @Sendable (Running, AdmissionWebhook) async throws -> Void) async throws {
        try await Cluster.with { cluster, api in
            var options = AdmissionWebhook.Options(
                service: Cluster.service,
                certificate: .secret(name: "metadata-webhook-tls", configuration: "kubeflow-metadata"),
                image: "kfmd:7", cluster: "east")
            options.listen = .init(host: "127.0.0.1", port: 0)
            options.monitoring = .init(host: "127.0.0.1", port: 0)
            options.annotates = true
            let webhook = try AdmissionWebhook(api, options: options, logger: Cluster.logger)
            let (addresses, address) = AsyncStream.makeStream(of: AdmissionWebhook.Address.self)
            let (others, other) = AsyncStream.makeStream(of: AdmissionWebhook.Address.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for service in webhook.services(
                    onListen: { address.yield($0) }, onMonitoring: { other.yield($0) })
                {
                    group.addTask { try await service.run() }
                }
                let listening = try #require(await addresses.first { _ in true })
                let monitoring = try #require(await others.first { _ in true })
                // Whom the API server would trust.
                var bundle: [UInt8] = []
                for _ in 0..<200 where bundle.isEmpty {
                    try await Task.sleep(for: .milliseconds(25))
                    let text = await Cluster.bundles(cluster, .mutating).first ?? nil
                    bundle = text.flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? []
                }
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(bundle))
                var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
                configuration.dnsOverride = ["\(Cluster.service)": "127.0.0.1"]
                let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
                let result: Result<Void, any Error>
                do {
                    result = .success(
                        try await body(Running(address: listening, monitoring: monitoring, client: client), webhook))
                } catch {
                    result = .failure(error)
                }
                try await client.shutdown()
                group.cancelAll()
                while let ended = await group.nextResult() { _ = ended }
                try result.get()
            }
        }
    }

    /// Asks until something holds, for as long as a slow machine may need.
    private func eventually(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<400 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("it never came to that")
    }

    @Test func reviewsAreAnsweredOverTLS() async throws {
        try await with { server, webhook in
            try await eventually { try await server.monitor("/readyz").status == 200 }
            #expect(try await server.monitor("/healthz").status == 200)
            // Once it is known that the cluster has native sidecars.
            let review = Reviews.review(Reviews.job)
            try await eventually {
                let (status, body) = try await server.send("/mutate", review.jsonBytes())
                #expect(status == 200)
                return try JSONValue(parsing: body)["response"]?["patch"] != nil
            }
            let (_, body) = try await server.send("/mutate", review.jsonBytes())
            let answer = try JSONValue(parsing: body)
            #expect(answer["apiVersion"] == "admission.k8s.io/v1")
            #expect(answer["response"]?["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002")
            let pod = try PatchApplier.apply(PatchApplier.patch(in: answer), to: Reviews.job)
            #expect(pod["spec"]?["initContainers"]?.array?.last?["image"] == "kfmd:7")

            let rule = Reviews.review(
                ["metadata": ["name": "r"], "spec": ["x": 1]],
                ["kind": ["group": "metadata.kubeflow.org", "version": "v1alpha1", "kind": "MetadataRule"]])
            let denied = try JSONValue(parsing: try await server.send("/validate", rule.jsonBytes()).body)
            #expect(denied["response"]?["allowed"] == false)

            #expect(try await server.send("/mutate", Array("{".utf8)).status == 400)
            #expect(try await server.send("/validate", []).status == 400)
            #expect(try await server.send("/mutate", [UInt8](repeating: 0x20, count: 4 << 20)).status == 413)
            #expect(try await server.send("/other", []).status == 404)

            #expect(webhook.metrics.reviews("/mutate", .patched) >= 2)
            #expect(webhook.metrics.reviews("/mutate", .malformed) == 2)
            #expect(webhook.metrics.reviews("/validate", .denied) == 1)
            let text = String(decoding: try await server.monitor("/metrics").body, as: UTF8.self)
            #expect(text.contains("kfmd_webhook_reviews_total{path=\"/validate\",outcome=\"denied\"} 1\n"))
            #expect(text.contains("kfmd_webhook_review_seconds_bucket{le=\"+Inf\"} "))
            #expect(text.contains("kfmd_ready 1\n"))
        }
    }
}
