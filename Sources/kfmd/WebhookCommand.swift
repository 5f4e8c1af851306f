import ArgumentParser
import Kubernetes
import Logging
import MetadataService
import ServiceLifecycle
import Webhook

struct Webhook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put the sidecar into pods, and look at rules: an admission webhook of Kubernetes.",
        discussion: """
            Pods get the sidecar when they are created, in namespaces for which a
            MutatingWebhookConfiguration says so; MetadataRules with a mistake are refused. It makes and
            renews its certificate in a Secret, or reads one from files:
              kfmd webhook --sidecar-image ghcr.io/kubeflow/kfmd:0.1.0
              kfmd webhook --sidecar-image IMAGE --cert /tls/tls.crt --key /tls/tls.key
            manifests/metadata/overlays/sidecar has all that it needs in a cluster.
            """)

    @Option(
        help: ArgumentHelp(
            "Where the API server calls, with TLS. (KFMD_WEBHOOK_LISTEN; [::]:8443)", valueName: "host:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "The Service through which it calls. (KFMD_WEBHOOK_SERVICE; metadata-webhook.kubeflow.svc)",
            valueName: "name.namespace.svc"))
    var service: String?

    @Option(
        help: ArgumentHelp(
            "The Secret of the certificate, in the Service's namespace. (KFMD_WEBHOOK_SECRET; metadata-webhook-tls)",
            valueName: "name"))
    var secret: String?

    @Option(
        help: ArgumentHelp(
            "The webhook configurations that get the certificate's authority. (KFMD_WEBHOOK_CONFIGURATION; kubeflow-metadata)",
            valueName: "name"))
    var configuration: String?

    @Option(
        help: ArgumentHelp(
            "A PEM file of the certificate and its chain instead of the Secret; read again when it changes. (KFMD_WEBHOOK_CERT)",
            valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("The PEM file of its private key. (KFMD_WEBHOOK_KEY)", valueName: "file"))
    var key: String?

    @Option(help: ArgumentHelp("The sidecar's image. (KFMD_SIDECAR_IMAGE)", valueName: "image"))
    var sidecarImage: String?

    @Option(
        help: ArgumentHelp(
            "The metadata service, for the sidecar. (KFMD_SIDECAR_METADATA; metadata-grpc-service.kubeflow:8080)",
            valueName: "host:port"))
    var sidecarMetadata: String?

    @Option(
        help: ArgumentHelp(
            "Whether the cluster has sidecars of its own, as Kubernetes has from 1.29 on: auto, true or false. Without them pods get none. (KFMD_WEBHOOK_NATIVE_SIDECARS; auto)",
            valueName: "answer"))
    var nativeSidecars: String?

    @Flag(help: "Give pods the annotations of the rule for them that they lack. (KFMD_WEBHOOK_ANNOTATE)")
    var annotate = false

    @Option(
        help: ArgumentHelp(
            "Where /metrics, /healthz and /readyz are. (KFMD_HTTP_LISTEN; none)", valueName: "host:port"))
    var httpListen: String?

    @Option(
        help: ArgumentHelp(
            "The cluster's name within identities. (KFMD_CLUSTER; the uid of kube-system)", valueName: "name"))
    var cluster: String?

    @Option(
        help: ArgumentHelp("A kubeconfig file. (KFMD_KUBECONFIG, KUBECONFIG, else ~/.kube/config)", valueName: "file"))
    var kubeconfig: String?

    @Option(help: ArgumentHelp("The context in it. (KFMD_CONTEXT, else its current one)", valueName: "name"))
    var context: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (KFMD_LOG_LEVEL)")
    var logLevel: String?

    func run() async throws {
        let logger = try Settings.logger("kfmd.webhook", level: logLevel)
        var options = try self.options
        let client = try await self.client()
        options.cluster = try await ClusterName.find(cluster, client, logger)
        let webhook: AdmissionWebhook
        do {
            webhook = try AdmissionWebhook(client, options: options, logger: logger)
        } catch let error as AdmissionWebhook.CertificateError {
            await client.shutdown()
            throw Failure.usage(error.description)
        }
        let services = webhook.services(
            onListen: { logger.info("the webhook listens", metadata: ["address": "\($0)"]) },
            onMonitoring: { logger.info("HTTP listens", metadata: ["address": "\($0)"]) })
        do {
            try await ServiceGroup(configuration: Ending.configuration(services, logger)).run()
        } catch is CancellationError {
            logger.notice("not all had ended after \(Ending.graceful)")
        }
        await client.shutdown()
    }

    /// All but the cluster's name.
    private var options: AdmissionWebhook.Options {
        get throws {
            guard let image = Settings.value(sidecarImage, "KFMD_SIDECAR_IMAGE") else {
                throw Failure.usage("give --sidecar-image IMAGE")
            }
            let name = Settings.value(service, "KFMD_WEBHOOK_SERVICE") ?? "metadata-webhook.kubeflow.svc"
            guard let service = ServiceName(name) else {
                throw Failure.usage("--service \(name): should be NAME.NAMESPACE.svc")
            }
            var options = AdmissionWebhook.Options(
                service: service, certificate: try certificate, image: image, cluster: "")
            options.listen = try Self.address(
                Settings.value(listen, "KFMD_WEBHOOK_LISTEN") ?? "[::]:8443", "--listen")
            if let metadata = Settings.value(sidecarMetadata, "KFMD_SIDECAR_METADATA") { options.metadata = metadata }
            options.annotates = try annotate || Settings.flag("KFMD_WEBHOOK_ANNOTATE")
            options.hasNativeSidecars = try hasNativeSidecars
            options.monitoring = try Settings.value(httpListen, "KFMD_HTTP_LISTEN").map {
                try Self.address($0, "--http-listen")
            }
            return options
        }
    }

    private var certificate: AdmissionWebhook.CertificateSource {
        get throws {
            switch (Settings.value(cert, "KFMD_WEBHOOK_CERT"), Settings.value(key, "KFMD_WEBHOOK_KEY")) {
            case (let certificate?, let key?): return .files(certificate: certificate, key: key)
            case (_?, nil): throw Failure.usage("--cert needs --key")
            case (nil, _?): throw Failure.usage("--key needs --cert")
            case (nil, nil):
                return .secret(
                    name: Settings.value(secret, "KFMD_WEBHOOK_SECRET") ?? "metadata-webhook-tls",
                    configuration: Settings.value(configuration, "KFMD_WEBHOOK_CONFIGURATION") ?? "kubeflow-metadata")
            }
        }
    }

    private var hasNativeSidecars: Bool? {
        get throws {
            switch Settings.value(nativeSidecars, "KFMD_WEBHOOK_NATIVE_SIDECARS") ?? "auto" {
            case "auto": return nil
            case "true": return true
            case "false": return false
            case let text: throw Failure.usage("--native-sidecars \(text): should be auto, true or false")
            }
        }
    }

    private func client() async throws -> APIClient {
        do {
            return try APIClient(
                try await ClusterConfiguration.load(
                    kubeconfig: Settings.value(kubeconfig, "KFMD_KUBECONFIG"),
                    context: Settings.value(context, "KFMD_CONTEXT")))
        } catch let error as ConfigurationError {
            throw Failure.usage(error.description)
        }
    }

    private static func address(_ text: String, _ option: String) throws -> AdmissionWebhook.Address {
        let address = try Settings.address(text, option)
        return .init(host: address.host, port: address.port)
    }
}
