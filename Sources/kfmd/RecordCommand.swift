import ArgumentParser
import Capture
import FoundationEssentials
import Kubernetes
import Logging
import MetadataAPI
import Recorder
import ServiceLifecycle

struct Record: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch a cluster and record what runs on it.",
        discussion: """
            Pods, workflows, and the jobs and services of Tekton, Kubeflow, KServe and
            others are watched; what they say goes into a journal first, and from there,
            in batches, into the metadata service. It can be stopped
            and started at any time.
              kfmd record --metadata localhost:8080
              kfmd record --context staging --namespace team-a --store metadata.db
            In a pod it uses the pod's service account.
            """)

    @Option(
        help: ArgumentHelp("A kubeconfig file. (KFMD_KUBECONFIG, KUBECONFIG, else ~/.kube/config)", valueName: "file"))
    var kubeconfig: String?

    @Option(help: ArgumentHelp("The context in it. (KFMD_CONTEXT, else its current one)", valueName: "name"))
    var context: String?

    @Option(
        name: [.long, .customShort("n")], parsing: .singleValue,
        help: ArgumentHelp("A namespace; may be repeated. (KFMD_NAMESPACE, with commas; all)", valueName: "name"))
    var namespace: [String] = []

    @OptionGroup var backend: BackendOptions

    @Option(
        help: ArgumentHelp(
            "Where facts wait for the service. (KFMD_JOURNAL; kfmd-journal.db)", valueName: "file"))
    var journal: String?

    @Option(
        help: ArgumentHelp(
            "The cluster's name within identities. (KFMD_CLUSTER; the uid of kube-system)", valueName: "name"))
    var cluster: String?

    @Option(
        help: ArgumentHelp(
            "Where /metrics, /healthz and /readyz are. (KFMD_HTTP_LISTEN; none)", valueName: "host:port"))
    var httpListen: String?

    @Option(
        help: ArgumentHelp(
            "Rules for what nobody annotated; MetadataRules of the cluster are read too. (KFMD_RULES)",
            valueName: "file"))
    var rules: String?

    @Option(
        help: ArgumentHelp(
            "How many objects a page of a list has. (KFMD_CHUNK_SIZE; 500)", valueName: "number"))
    var chunkSize: String?

    @Option(
        help: ArgumentHelp(
            "How long a watch is asked to last. (KFMD_WATCH_TIMEOUT; 290)", valueName: "seconds"))
    var watchTimeout: String?

    @Option(
        help: ArgumentHelp(
            "After so long without even a bookmark, objects are listed again. (KFMD_WATCH_SILENCE; 150)",
            valueName: "seconds"))
    var watchSilence: String?

    @OptionGroup var argo: ArgoServerOptions

    @Flag(help: "Leave out archived logs. (KFMD_NO_LOGS)")
    var noLogs = false

    @Flag(help: "Agree with other replicas through a Lease who records; the others stand by. (KFMD_LEADER_ELECT)")
    var leaderElect = false

    @Option(
        help: ArgumentHelp(
            "Let so many replicas record, each its share of the namespaces. (KFMD_SHARDS; 1)", valueName: "number"))
    var shards: String?

    @Option(
        help: ArgumentHelp(
            "The namespace of the Leases. (KFMD_LEASE_NAMESPACE; the pod's own, else default)", valueName: "name"))
    var leaseNamespace: String?

    @Flag(
        name: .customLong("guard"),
        help: "Hold pods by a finalizer until they are recorded, at most 10 minutes after their end. (KFMD_GUARD)")
    var guardsPods = false

    @Option(help: ArgumentHelp("How long at most. (KFMD_GUARD_DEADLINE; 600)", valueName: "seconds"))
    var guardDeadline: String?

    @Option(
        help: ArgumentHelp(
            "Write the ids of what was recorded onto pods, as annotations: none, labelled (namespaces with the label metadata.kubeflow.org/annotate-pods: \"true\") or all. Needs patch on pods. (KFMD_ANNOTATE_PODS; none)",
            valueName: "pods"))
    var annotatePods: String?

    @Option(help: ArgumentHelp("Where the pages are, for the links on pods. (KFMD_PAGES_URL)", valueName: "url"))
    var pagesUrl: String?

    @Flag(help: "Let go of all pods that --guard holds, and end: before the recorder is uninstalled.")
    var release = false

    @Option(help: "trace, debug, info, notice, warning, error or critical. (KFMD_LOG_LEVEL)")
    var logLevel: String?

    func run() async throws {
        let logger = try Settings.logger("kfmd.record", level: logLevel)
        let options = try self.options
        let rules = try RulesFile.read(self.rules)
        let includesLogs = try !noLogs && !Settings.flag("KFMD_NO_LOGS")
        let address = try Settings.value(httpListen, "KFMD_HTTP_LISTEN").map {
            try Settings.address($0, "--http-listen")
        }
        let client = try await self.client()
        let argoServer = try argo.server(of: client.configuration)
        if release {
            let count = try await releasePods(client, options.namespaces)
            StandardOutput.write("\(count) pods let go\n")
            return
        }
        let journal: Journal
        do {
            journal = try Journal(path: Settings.value(self.journal, "KFMD_JOURNAL") ?? "kfmd-journal.db")
        } catch let error as Journal.FileError {
            throw Failure.usage(error.description)
        }
        if let setAside = journal.setAside {
            logger.error(
                "the journal was damaged and is set aside; what the cluster still has is seen anew",
                metadata: ["file": "\(setAside)"])
        }
        let name = try await ClusterName.find(cluster, client, logger)
        try await backend.withBackend { backend in
            let metrics = RecorderMetrics()
            if journal.setAside != nil { metrics.countSetAside("journal") }
            let repositories = await Recorder.artifactRepositories(
                client, namespaces: options.namespaces, logger: logger)
            var capture = Capture(cluster: name, artifactRepositories: repositories, rules: rules)
            capture.includesLogs = includesLogs
            let recorder = Recorder(
                client: client, capture: capture,
                journal: journal, backend: backend, options: options, argoServer: argoServer, metrics: metrics,
                logger: logger)
            logger.info("recording", metadata: ["cluster": "\(name)", "server": "\(client.configuration.server)"])
            var services: [any Service] = [RecorderService(recorder: recorder)]
            if let address { services.append(RecorderServer.service(address, metrics, journal, logger)) }
            do {
                try await ServiceGroup(configuration: Ending.configuration(services, logger)).run()
            } catch is CancellationError {
                logger.notice("not all had ended after \(Ending.graceful)")
            }
        }
        await client.shutdown()
        await argoServer?.shutdown()
    }

    private var options: Recorder.Options {
        get throws {
            var options = Recorder.Options()
            options.namespaces = Settings.list(namespace, "KFMD_NAMESPACE")
            options.election = try election
            options.guardDeadline = try deadline
            if let text = Settings.value(annotatePods, "KFMD_ANNOTATE_PODS") {
                guard let annotating = Recorder.PodAnnotating(rawValue: text) else {
                    let known = Recorder.PodAnnotating.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Failure.usage("--annotate-pods \(text): should be one of \(known)")
                }
                options.annotating = annotating
            }
            if var url = Settings.value(pagesUrl, "KFMD_PAGES_URL") {
                while url.hasSuffix("/") { url.removeLast() }
                guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
                    throw Failure.usage("--pages-url \(url): should begin with https:// or http://")
                }
                options.pages = url
            }
            options.pageSize = try Settings.number(chunkSize, "KFMD_CHUNK_SIZE", "--chunk-size", 500, in: 1...10_000)
            options.silence = .seconds(
                try Settings.number(watchSilence, "KFMD_WATCH_SILENCE", "--watch-silence", 150, in: 1...86_400))
            return options
        }
    }

    private func client() async throws -> APIClient {
        let timeout = try Settings.number(watchTimeout, "KFMD_WATCH_TIMEOUT", "--watch-timeout", 290, in: 1...3600)
        do {
            let configuration = try await ClusterConfiguration.load(
                kubeconfig: Settings.value(kubeconfig, "KFMD_KUBECONFIG"),
                context: Settings.value(context, "KFMD_CONTEXT"))
            return try APIClient(configuration, watchTimeout: .seconds(timeout))
        } catch let error as ConfigurationError {
            throw Failure.usage(error.description)
        }
    }

    private var deadline: Duration? {
        get throws {
            let seconds = try Settings.number(
                guardDeadline, "KFMD_GUARD_DEADLINE", "--guard-deadline", 600, in: 1...86_400)
            return try guardsPods || Settings.flag("KFMD_GUARD") ? .seconds(seconds) : nil
        }
    }

    private func releasePods(_ client: APIClient, _ namespaces: [String]) async throws -> Int {
        let result: Result<Int, any Error>
        do {
            result = .success(try await Recorder.releasePods(client, namespaces: namespaces))
        } catch {
            result = .failure(Failure.runtime("\(error)"))
        }
        await client.shutdown()
        return try result.get()
    }

    private var election: Recorder.Election? {
        get throws {
            let shards = try Settings.number(self.shards, "KFMD_SHARDS", "--shards", 1, in: 1...256)
            guard try leaderElect || Settings.flag("KFMD_LEADER_ELECT") || shards > 1 else { return nil }
            let namespace =
                Settings.value(leaseNamespace, "KFMD_LEASE_NAMESPACE") ?? ClusterConfiguration.ownNamespace ?? "default"
            // Never the same twice: one that was killed must not take its own old lease for held.
            let host = Settings.value(nil, "HOSTNAME") ?? "kfmd"
            return Recorder.Election(namespace: namespace, identity: "\(host)_\(UUID().uuidString)", shards: shards)
        }
    }
}

/// The recorder as a service; it has no state to finish, so that a stop is a cancellation.
struct RecorderService: Service {
    let recorder: Recorder

    func run() async throws {
        await cancelWhenGracefulShutdown { await recorder.run() }
    }
}
