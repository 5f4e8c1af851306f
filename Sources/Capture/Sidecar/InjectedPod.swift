public import JSON
public import Kubernetes
import Lineage

/// A pod as far as it can be known from within it without any right: what the downward API gives, and what the
/// admission webhook put into an annotation when it injected the sidecar.
public struct InjectedPod: Sendable {
    /// The label or annotation that asks for the sidecar, or declines it.
    public static let injectKey = Annotations.prefix + "inject"
    /// The annotation of the webhook: JSON with the `cluster`, the `owners`, and the `containers` with their
    /// command, arguments and literal environment.
    public static let annotationKey = Annotations.prefix + "injected"
    /// The most bytes of it. All annotations of an object together have at most 256 KiB.
    static let annotationLength = 16 << 10

    public var name: String
    public var namespace: String
    public var uid: String
    public var labels: [String: String]
    public var annotations: [String: String]

    public init(
        name: String, namespace: String, uid: String, labels: [String: String], annotations: [String: String]
    ) {
        (self.name, self.namespace, self.uid) = (name, namespace, uid)
        (self.labels, self.annotations) = (labels, annotations)
    }

    private var injected: JSONValue {
        guard let text = annotations[Self.annotationKey], text.utf8.count <= 2 * Self.annotationLength else {
            return .null
        }
        return (try? JSONValue(parsing: text)) ?? .null
    }

    /// The name of the cluster within identities, as the webhook says it.
    public var cluster: String? { injected["cluster"]?.string.flatMap { $0.isEmpty ? nil : $0 } }

    /// The pod as an object, without a status.
    public var object: KubernetesObject {
        let injected = injected
        func strings(_ values: [String: String]) -> JSONValue {
            .object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        let raw: JSONValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(name), "namespace": .string(namespace), "uid": .string(uid), "labels": strings(labels),
                "annotations": strings(annotations.filter { $0.key != Self.annotationKey }),
                "ownerReferences": .array(injected["owners"]?.array ?? []),
            ],
            "spec": ["containers": .array(injected["containers"]?.array ?? [])],
        ]
        // It has metadata, which is all that can be missing.
        guard let object = try? KubernetesObject(raw) else { preconditionFailure("an object with metadata is one") }
        return object
    }

    /// Whether the webhook said whose pod it is: else that it has no owner is not known.
    var knowsOwners: Bool { injected["containers"] != nil }

    /// How many containers the pod has, init containers among them; `nil` where nobody said.
    public var containerCount: Int? { injected["count"]?.integer.flatMap { Int(exactly: $0) } }

    /// The value of the annotation for a pod that is being created.
    ///
    /// Of the environment it has what the pod's annotations name as `$(env.NAME)`, and command and arguments where
    /// these name an argument, or where Kubeflow Pipelines v2 gives its steps all they know by them: anybody who may
    /// read pods may read annotations. What comes from elsewhere (Secrets, ConfigMaps) is left out.
    public static func annotation(for pod: JSONValue, cluster: String) -> String {
        let metadata = pod["metadata"]
        let owners = (metadata?["ownerReferences"]?.array ?? []).prefix(5).map { owner in
            picked(owner, ["apiVersion", "kind", "name", "uid", "controller"])
        }
        let all = pod["spec"]?["containers"]?.array ?? []
        let texts = (metadata?["annotations"]?.object?.strings ?? [:]).filter { Annotations.speaks($0.key) }.values
        let isPipelines = metadata?["labels"]?["pipelines.kubeflow.org/v2_component"] != nil
        let hasArguments = isPipelines || texts.contains { $0.contains("$(arg.") }
        for keys in [["command", "args", "env"], ["command", "args"], []] as [[String]] {
            var object = JSONObject([("cluster", .string(cluster))])
            object["owners"] = owners.isEmpty ? nil : .array(Array(owners))
            object["count"] = .integer(Int64(all.count + (pod["spec"]?["initContainers"]?.array?.count ?? 0) + 1))
            object["containers"] = .array(
                all.prefix(50).map { container in
                    var result = picked(container, ["name", "image"]).object ?? JSONObject()
                    for key in keys where key != "env" && hasArguments {
                        result[key] = container[key]?.array.map { .array($0.map(cut)) }
                    }
                    if keys.contains("env") {
                        let named = (container["env"]?.array ?? []).filter { variable in
                            guard let name = variable["name"]?.string, variable["value"]?.string != nil else {
                                return false
                            }
                            return texts.contains { $0.contains("$(env.\(name))") }
                        }
                        result["env"] = named.isEmpty ? nil : .array(named.map(cut))
                    }
                    return .object(result)
                })
            let text = JSONValue.object(object).jsonText()
            if text.utf8.count <= annotationLength { return text }
        }
        return JSONValue.object(JSONObject([("cluster", .string(cluster))])).jsonText()
    }

    /// Without what looks like a secret.
    private static func cut(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(Secrets.cut(from: text))
        case .object(let object): .object(JSONObject(object.members.map { ($0.key, cut($0.value)) }))
        default: value
        }
    }

    private static func picked(_ value: JSONValue, _ keys: [String]) -> JSONValue {
        .object(JSONObject(keys.compactMap { key in value[key].map { (key, $0) } }))
    }
}
