import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import Synchronization
import Testing

@testable import Webhook

/// Certificates as they are made and kept.
@Suite(.timeLimit(.minutes(5))) struct CertificateTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000.5)

    @Test func whatIsMadeCanBeReadAgain() throws {
        let made = try CertificateAuthority.issue(for: Cluster.service, at: Self.now, beside: [])
        let read = try CertificateAuthority.read(
            certificate: made.certificate, key: made.key, authorities: made.bundle, for: Cluster.service)
        #expect(read == made)
        #expect(made.start == Date(timeIntervalSince1970: 1_799_996_400))
        #expect(made.end == Date(timeIntervalSince1970: 1_799_996_400 + 3600 + 90 * 86_400))
        let next = try CertificateAuthority.issue(for: Cluster.service, at: Self.now, beside: made.authorities)
        #expect(next.authorities.count == 2)
        #expect(next.authorities[0] != made.authorities[0])
        #expect(CertificateAuthority.authorities(in: next.bundle) == next.authorities)
        let served = ServedCertificate()
        try served.serve(chain: Array(made.certificate.utf8), key: Array(made.key.utf8))
        #expect(throws: ServedCertificate.Unusable.self) {
            try served.serve(chain: Array(next.certificate.utf8), key: Array(made.key.utf8))
        }
        #expect(served.isThere)
    }

    @Test func whatDoesNotFitIsTold() throws {
        let one = try CertificateAuthority.issue(for: Cluster.service, at: Self.now, beside: [])
        let two = try CertificateAuthority.issue(for: Cluster.service, at: Self.now, beside: [])
        let other = try #require(ServiceName("other.kubeflow.svc"))
        func problem(
            _ certificate: String, _ key: String, _ authorities: String, _ service: ServiceName = Cluster.service
        )
            -> String?
        {
            #expect(throws: CertificateAuthority.Unusable.self) {
                try CertificateAuthority.read(
                    certificate: certificate, key: key, authorities: authorities, for: service)
            }?.description
        }
        #expect(problem(one.certificate, two.key, one.bundle)?.hasPrefix("tls.key: ") == true)
        #expect(problem(one.certificate, one.key, two.bundle)?.hasPrefix("ca.crt: ") == true)
        #expect(problem(one.certificate, one.key, "")?.hasPrefix("ca.crt: ") == true)
        #expect(problem("", one.key, one.bundle)?.hasPrefix("tls.crt: ") == true)
        #expect(
            problem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", one.key, one.bundle)?.hasPrefix(
                "tls.crt: ") == true)
        #expect(problem(one.certificate, one.key, one.bundle, other)?.hasPrefix("tls.crt: ") == true)
        #expect(problem(one.certificate, "", one.bundle)?.hasPrefix("tls.key: ") == true)
    }

    @Test func names() {
        #expect(
            Cluster.service.names == [
                "metadata-webhook.kubeflow.svc", "metadata-webhook.kubeflow.svc.cluster.local",
                "metadata-webhook.kubeflow", "metadata-webhook",
            ])
        for text in ["", "a", "a.b", "a.b.svc.cluster.local", ".b.svc", "a..svc"] { #expect(ServiceName(text) == nil) }
    }

    // MARK: In a cluster

    private struct Replica {
        let keeper: CertificateKeeper
        let served = ServedCertificate()
        let status = WebhookStatus([.certificate, .configurations])

        init(_ client: APIClient, clock: @escaping @Sendable () -> Date = { CertificateTests.now }) {
            keeper = CertificateKeeper(
                client, Cluster.service, secret: "metadata-webhook-tls", configuration: "kubeflow-metadata",
                served: served, status: status, logger: Cluster.logger, clock: clock)
        }

        func settle() async { for _ in 0..<10 where await keeper.round() {} }
    }

    private static func secret(_ cluster: ReplayCluster) async -> HeldCertificate? {
        guard
            let value = await cluster.object(
                CertificateSecret.resource, namespace: "kubeflow", name: "metadata-webhook-tls"),
            let object = try? KubernetesObject(value),
            case .holds(_, let held) = CertificateSecret.read(object, service: Cluster.service).secret
        else { return nil }
        return held
    }

    @Test func severalReplicasAgree() async throws {
        try await Cluster.with { cluster, client in
            let replicas = (0..<4).map { _ in Replica(client) }
            await withTaskGroup(of: Void.self) { group in
                for replica in replicas { group.addTask { await replica.settle() } }
            }
            for replica in replicas { await replica.settle() }
            let held = try #require(await Self.secret(cluster))
            #expect(await cluster.requests["patch secrets"] == nil)
            let bundle = Data(held.bundle.utf8).base64EncodedString()
            for kind in WebhookConfigurationKind.allCases {
                // Those of others stay as they are.
                #expect(await Cluster.bundles(cluster, kind) == [bundle, "b3RoZXI=", nil])
                let object = await cluster.object(kind.resource, namespace: "", name: "kubeflow-metadata")
                let webhook = object?["webhooks"]?.array?.first
                #expect(webhook?["clientConfig"]?["service"]?["path"] == "/mutate")
                #expect(webhook?["timeoutSeconds"] == 2)
            }
            for replica in replicas {
                #expect(replica.served.isThere)
                #expect(replica.status.unready.isEmpty)
            }
            // Nothing more is written.
            let before = await cluster.requests
            for replica in replicas { #expect(await replica.keeper.round() == false) }
            let after = await cluster.requests
            for (request, count) in after where !request.hasPrefix("get ") { #expect(before[request] == count) }
        }
    }

    @Test func aCertificateIsReplacedByOneOfTwo() async throws {
        try await Cluster.with { cluster, client in
            let time = Mutex(Self.now)
            let clock: @Sendable () -> Date = { time.withLock { $0 } }
            let replicas = (0..<2).map { _ in Replica(client, clock: clock) }
            for replica in replicas { await replica.settle() }
            let old = try #require(await Self.secret(cluster))
            time.withLock { $0 = Self.now.addingTimeInterval(61 * 86_400) }
            await withTaskGroup(of: Void.self) { group in
                for replica in replicas { group.addTask { await replica.settle() } }
            }
            let new = try #require(await Self.secret(cluster))
            #expect(new.certificate != old.certificate)
            #expect(Array(new.authorities.dropFirst()) == old.authorities)
            time.withLock { $0 += 61 }
            for replica in replicas { await replica.settle() }
            time.withLock { $0 += 61 }
            for replica in replicas { await replica.settle() }
            #expect(await Self.secret(cluster) == new)
            let bundle = Data(new.bundle.utf8).base64EncodedString()
            for kind in WebhookConfigurationKind.allCases {
                #expect(await Cluster.bundles(cluster, kind).first == bundle)
            }
        }
    }

    @Test func aSpoiledSecretIsMadeAnew() async throws {
        try await Cluster.with { cluster, client in
            await cluster.apply(
                "ADDED",
                [
                    "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                    "metadata": ["name": "metadata-webhook-tls", "namespace": "kubeflow"],
                    "data": ["tls.crt": "AAAA", "tls.key": "", "ca.crt": 1],
                ])
            let replica = Replica(client)
            await replica.settle()
            #expect(await Self.secret(cluster) != nil)
            #expect(replica.status.unready.isEmpty)
        }
    }

    @Test func whatIsMissingIsTold() async throws {
        try await Cluster.with { cluster, client in
            for kind in WebhookConfigurationKind.allCases {
                await cluster.delete(kind.resource, namespace: nil, name: "kubeflow-metadata")
            }
            let replica = Replica(client)
            #expect(replica.status.unready == ["certificate: not yet", "configurations: not yet"])
            await replica.settle()
            #expect(replica.served.isThere)
            #expect(replica.status.unready.count == 1)
            #expect(replica.status.unready.first?.contains("kubeflow-metadata") == true)
            await cluster.forbid("secrets")
            await replica.settle()
            // What is served goes on.
            #expect(replica.status.unready.count == 1)
        }
    }

    @Test func filesAreReadAgain() async throws {
        let folder = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-webhook-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = CertificateFiles(certificate: "\(folder)/tls.crt", key: "\(folder)/tls.key")
        let served = ServedCertificate()
        let error = #expect(throws: ServedCertificate.Unusable.self) { try files.load(into: served) }
        #expect(error?.description.contains("tls.crt") == true)
        let made = try CertificateAuthority.issue(for: Cluster.service, at: Self.now, beside: [])
        try Data(made.certificate.utf8).write(to: URL(fileURLWithPath: files.certificate))
        try Data(made.key.utf8).write(to: URL(fileURLWithPath: files.key))
        try files.load(into: served)
        #expect(served.isThere)
    }
}
