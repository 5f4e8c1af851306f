import ArgumentParser
import FoundationEssentials
import Kubernetes
import Logging
import MetadataAPI
import ServiceLifecycle
import Sidecar

struct SidecarCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sidecar",
        abstract: "Record the one pod that it is in.",
        discussion: """
            For a native sidecar: an init container with restartPolicy: Always, in
            Kubernetes 1.29 and later. With get on pods it records what the recorder
            would; without, what the downward API says and what the containers left on
            shared volumes. It ends when that is written.
              kustomize/components/sidecar adds it to pods, and kfmd webhook does.
            """)

    @Option(help: ArgumentHelp("The pod's name. (KFMD_POD_NAME)", valueName: "name"))
    var podName: String?

    @Option(help: ArgumentHelp("Its namespace. (KFMD_POD_NAMESPACE)", valueName: "name"))
    var podNamespace: String?

    @Option(help: ArgumentHelp("Its uid. (KFMD_POD_UID)", valueName: "uid"))
    var podUid: String?

    @Option(
        help: ArgumentHelp(
            "A volume of the downward API with the files labels and annotations. (KFMD_POD_INFO; /etc/kfmd/pod)",
            valueName: "folder"))
    var podInfo: String?

    @Option(
        help: ArgumentHelp(
            "Where Kubernetes reads the termination message. (KFMD_TERMINATION_MESSAGE; /dev/termination-log)",
            valueName: "file"))
    var terminationMessage: String?

    @Option(
        help: ArgumentHelp(
            "The cluster's name within identities. (KFMD_CLUSTER; as the webhook says, else the uid of kube-system)",
            valueName: "name"))
    var cluster: String?

    @Option(help: ArgumentHelp("How often the pod is read. (KFMD_INTERVAL; 5)", valueName: "seconds"))
    var interval: String?

    @Option(
        help: ArgumentHelp(
            "A kubeconfig file; without one the pod's service account. (KFMD_KUBECONFIG)", valueName: "file"))
    var kubeconfig: String?

    @OptionGroup var backend: BackendOptions

    @Option(help: "trace, debug, info, notice, warning, error or critical. (KFMD_LOG_LEVEL)")
    var logLevel: String?

    func run() async throws {
        let logger = try Settings.logger("kfmd.sidecar", level: logLevel)
        let options = try options
        let client = try await client(logger)
        try await backend.withBackend { backend in
            let sidecar = Sidecar(options, client: client, backend: backend, logger: logger)
            let service = SidecarService(
                sidecar: sidecar, pod: "\(options.pod.namespace)/\(options.pod.name)", logger: logger)
            do {
                try await ServiceGroup(configuration: Ending.configuration([service], logger)).run()
            } catch is CancellationError {
                logger.notice("not all had ended after \(Ending.graceful)")
            }
        }
        await client?.shutdown()
    }

    private var options: Sidecar.Options {
        get throws {
            func needed(_ given: String?, _ variable: String, _ option: String) throws -> String {
                guard let value = Settings.value(given, variable) else {
                    throw Failure.usage("give \(option), or \(variable) by the downward API")
                }
                return value
            }
            var options = Sidecar.Options(
                name: try needed(podName, "KFMD_POD_NAME", "--pod-name"),
                namespace: try needed(podNamespace, "KFMD_POD_NAMESPACE", "--pod-namespace"),
                uid: try needed(podUid, "KFMD_POD_UID", "--pod-uid"))
            if let folder = Settings.value(podInfo, "KFMD_POD_INFO") { options.infoFolder = folder }
            if let path = Settings.value(terminationMessage, "KFMD_TERMINATION_MESSAGE") { options.messagePath = path }
            options.cluster = Settings.value(cluster, "KFMD_CLUSTER")
            options.interval = .seconds(try Settings.number(interval, "KFMD_INTERVAL", "--interval", 5, in: 1...3600))
            return options
        }
    }

    /// `nil` where the pod has no service account's token: then it is recorded without.
    private func client(_ logger: Logger) async throws -> APIClient? {
        let given = Settings.value(kubeconfig, "KFMD_KUBECONFIG")
        guard given != nil || ClusterConfiguration.ownNamespace != nil else {
            logger.notice("no service account's token is mounted: what the downward API says is recorded")
            return nil
        }
        do {
            return try APIClient(try await ClusterConfiguration.load(kubeconfig: given, context: nil))
        } catch let error as ConfigurationError {
            // A pod is never kept from its end, or its beginning, by what is said of it.
            if given != nil { throw Failure.usage(error.description) }
            logger.notice("the API server is not asked", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}

/// Records while the pod runs; at the signal, which comes after its containers, the rest.
private struct SidecarService: Service {
    let sidecar: Sidecar
    let pod: String
    let logger: Logger

    func run() async throws {
        // Signals are heard by now.
        logger.info("recording", metadata: ["pod": "\(pod)"])
        // Not waited for: a volume whose server does not answer holds it, and must not hold the pod.
        let running = Task { await sidecar.run() }
        try? await gracefulShutdown()
        // What is being read or written is given up; it is done anew.
        running.cancel()
        await sidecar.finish()
    }
}
