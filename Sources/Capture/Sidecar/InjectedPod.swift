public import JSON
public import Kubernetes
import Lineage

/// A pod as far as it can be known from within it without any right: what the downward API gives, and what the
/// admission webhook put into an annotation when it injected the sidecar.
public struct InjectedPod: Sendable {
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

    /// The value of the annotation for a pod that is being created. Values of the environment that come from elsewhere
    /// (Secrets, ConfigMaps) are left out, and of what is too much first the environment, then the arguments.
    public static func annotation(for pod: JSONValue, cluster: String) -> String {
        let owners = (pod["metadata"]?["ownerReferences"]?.array ?? []).prefix(5).map { owner in
            picked(owner, ["apiVersion", "kind", "name", "uid", "controller"])
        }
        let containers = (pod["spec"]?["containers"]?.array ?? []).prefix(50)
        for keys in [["name", "image", "command", "args", "env"], ["name", "image", "command", "args"], ["name"]] {
            var object = JSONObject([("cluster", .string(cluster))])
            object["owners"] = owners.isEmpty ? nil : .array(Array(owners))
            object["containers"] = .array(
                containers.map { container in
                    var picked = picked(container, keys).object ?? JSONObject()
                    if let variables = picked["env"]?.array {
                        picked["env"] = .array(variables.filter { $0["value"]?.string != nil })
                    }
                    return .object(picked)
                })
            let text = JSONValue.object(object).jsonText()
            if text.utf8.count <= annotationLength { return text }
        }
        return JSONValue.object(JSONObject([("cluster", .string(cluster))])).jsonText()
    }

    private static func picked(_ value: JSONValue, _ keys: [String]) -> JSONValue {
        .object(JSONObject(keys.compactMap { key in value[key].map { (key, $0) } }))
    }
}
