import ArgumentParser
import Capture
import JSON
import Recorder

struct RBAC: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbac",
        abstract: "Print the rights that kfmd record needs.",
        discussion: """
            Roles and bindings as objects for kubectl, derived from the kinds that are
            recorded and from what else the recorder is asked to do:
              kfmd rbac --namespace team-a --kinds Workflow,Job | kubectl apply -f -
            manifests/metadata/base has those of a recorder of the whole cluster.
            """)

    @Option(help: ArgumentHelp("Only these kinds beside pods, with commas between.", valueName: "kinds"))
    var kinds: String?

    @Option(
        name: [.long, .customShort("n")], parsing: .singleValue,
        help: ArgumentHelp(
            "A namespace that is recorded; may be repeated. Without one the whole cluster.", valueName: "name"))
    var namespace: [String] = []

    @Option(help: ArgumentHelp("The recorder's ServiceAccount.", valueName: "name"))
    var account = "metadata-recorder"

    @Option(help: ArgumentHelp("Its namespace.", valueName: "name"))
    var accountNamespace = "kubeflow"

    @Flag(name: .customLong("guard"), help: "With --guard: pods are held by a finalizer.")
    var guardsPods = false

    @Flag(help: "Ids are written onto pods: those of Kubeflow Pipelines v1, and with --annotate-pods.")
    var writeBack = false

    @Flag(help: "With --leader-elect or --shards: replicas agree through Leases.")
    var leaderElect = false

    func run() throws {
        let names = (kinds ?? "").split(separator: ",").map { String($0.filter { $0 != " " }) }
        let known = Set(Capture.kinds.map(\.name))
        for name in names where !known.contains(name) && name != "Pod" {
            throw Failure.usage("--kinds \(name): should be of \(known.sorted().joined(separator: ", "))")
        }
        var uses = AccessRules.Uses()
        (uses.holdsPods, uses.writesBack, uses.elects) = (guardsPods, writeBack, leaderElect)
        let rules = AccessRules(kinds: names == ["Pod"] ? ["Pod"] : Set(names), uses: uses)
        let objects = rules.objects(namespaces: namespace, account: (account, accountNamespace))
        // JSON is YAML: a list that kubectl takes.
        let list: JSONValue = ["apiVersion": "v1", "kind": "List", "items": .array(objects)]
        StandardOutput.write(list.jsonText(pretty: true) + "\n")
    }
}
