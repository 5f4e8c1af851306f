import Capture
public import JSON

/// What a recorder asks an API server for, as rules of RBAC (rbac.authorization.k8s.io/v1): derived from the kinds that
/// conventions know, so that none is forgotten and none is left over.
public struct AccessRules: Sendable {
    /// One rule.
    public struct Rule: Sendable, Hashable {
        public var group: String
        public var resources: [String]
        public var verbs: [String]
        /// Only objects with these names; empty for all.
        public var names: [String] = []
    }

    /// What else a recorder does, beside recording.
    public struct Uses: Sendable {
        /// Pods are held by a finalizer (`--guard`).
        public var holdsPods = false
        /// Ids are written onto pods: those of Kubeflow Pipelines v1, and `--annotate-pods`.
        public var writesBack = false
        /// Nodes of Workflows are fetched from the Argo server, which asks with our token.
        public var asksArgoServer = true
        /// Replicas agree through Leases.
        public var elects = false

        public init() {}
    }

    /// Of the cluster as a whole, in no namespace.
    public let cluster: [Rule]
    /// Of each namespace that is recorded.
    public let namespaced: [Rule]
    /// Of the recorder's own namespace.
    public let own: [Rule]

    /// - Parameter kinds: names of kinds such as `Workflow`; empty for all.
    public init(kinds names: Set<String> = [], uses: Uses = Uses()) {
        let kinds = Capture.kinds.filter { names.isEmpty || names.contains($0.name) }
        var cluster = [
            Rule(group: "apiextensions.k8s.io", resources: ["customresourcedefinitions"], verbs: Self.watching)
        ]
        // The uid of kube-system is the cluster's identity.
        cluster.append(Rule(group: "", resources: ["namespaces"], verbs: ["get"] + Self.watching))
        var pods = Self.watching
        // What is patched under a condition is read first.
        if uses.holdsPods { pods.insert("get", at: 0) }
        if uses.holdsPods || uses.writesBack { pods.append("patch") }
        var namespaced = [Rule(group: "", resources: ["pods"], verbs: pods)]
        for kind in kinds where kind.name != "Namespace" {
            guard let resource = kind.versions.first else { continue }
            let isFetched = uses.asksArgoServer && resource.group == "argoproj.io"
            let rule = Rule(
                group: resource.group, resources: [resource.plural], verbs: (isFetched ? ["get"] : []) + Self.watching)
            if kind.isClusterScoped {
                cluster.append(rule)
            } else if let index = namespaced.firstIndex(where: { $0.group == rule.group && $0.verbs == rule.verbs }),
                !rule.group.isEmpty
            {
                namespaced[index].resources.append(resource.plural)
            } else {
                namespaced.append(rule)
            }
        }
        // What could not be recorded is told as an Event.
        namespaced.append(Rule(group: "", resources: ["events"], verbs: ["create"]))
        if names.isEmpty || names.contains("Workflow") {
            // A list of one name is allowed by that name.
            namespaced.append(
                Rule(group: "", resources: ["configmaps"], verbs: ["list"], names: ArtifactRepositories.configMapNames))
        }
        self.cluster = cluster
        self.namespaced = namespaced
        own =
            uses.elects
            ? [
                Rule(
                    group: "coordination.k8s.io", resources: ["leases"],
                    verbs: ["get", "list", "watch", "create", "patch"])
            ] : []
    }

    private static let watching = ["list", "watch"]

    // MARK: Objects

    /// The rules as objects for `kubectl apply`, with what binds them to a ServiceAccount.
    /// - Parameters:
    ///   - namespaces: those that are recorded; empty for the whole cluster.
    ///   - account: name and namespace of the recorder's ServiceAccount.
    public func objects(namespaces: [String], account: (name: String, namespace: String)) -> [JSONValue] {
        var objects: [JSONValue] = []
        func add(_ kind: String, in namespace: String?, _ rules: [Rule], _ name: String) {
            guard !rules.isEmpty else { return }
            var metadata = JSONObject([("name", JSONValue.string(name))])
            metadata["namespace"] = namespace.map { .string($0) }
            objects.append([
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": .string(kind), "metadata": .object(metadata),
                "rules": .array(rules.map(\.json)),
            ])
            objects.append([
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": .string(kind + "Binding"),
                "metadata": .object(metadata),
                "roleRef": [
                    "apiGroup": "rbac.authorization.k8s.io", "kind": .string(kind), "name": .string(name),
                ],
                "subjects": [
                    [
                        "kind": "ServiceAccount", "name": .string(account.name),
                        "namespace": .string(account.namespace),
                    ]
                ],
            ])
        }
        let name = "kubeflow-\(account.name)"
        if namespaces.isEmpty {
            add("ClusterRole", in: nil, cluster + namespaced, name)
        } else {
            for namespace in namespaces { add("Role", in: namespace, namespaced, name) }
        }
        add("Role", in: account.namespace, own, account.name)
        return objects
    }
}

extension AccessRules.Rule {
    fileprivate var json: JSONValue {
        func texts(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
        var object = JSONObject([("apiGroups", texts([group])), ("resources", texts(resources))])
        if !names.isEmpty { object["resourceNames"] = texts(names) }
        object["verbs"] = texts(verbs)
        return .object(object)
    }
}
