public import JSON

/// An object of any kind, read as far as it is needed.
public struct KubernetesObject: Sendable, Hashable {
    /// An object that owns another.
    public struct OwnerReference: Sendable, Hashable {
        public var apiVersion: String
        public var kind: String
        public var name: String
        public var uid: String
        public var isController: Bool
    }

    public var apiVersion: String
    public var kind: String
    public var name: String
    public var namespace: String
    public var uid: String
    public var resourceVersion: String
    public var labels: [String: String]
    public var annotations: [String: String]
    public var owners: [OwnerReference]
    /// When the spec was last written, as `metadata.managedFields` tell; `nil` where they are not read.
    /// Changes of nothing but the scale do not count.
    public var specChangedTime: String?
    /// When `spec.replicas` was last written, or something together with it.
    public var scaledTime: String?
    /// The object, `metadata.managedFields` aside; of a list or watch with a projection only what that
    /// wants.
    public var raw: JSONValue

    /// Why a value is no object.
    public struct Malformed: Error, Sendable, CustomStringConvertible {
        public var description: String
    }

    /// Reads an object.
    /// - Parameter resource: tells kind and version where the object does not: an item of a PodList.
    /// - Throws: ``Malformed`` when it has no metadata.
    public init(_ value: JSONValue, resource: Resource? = nil) throws(Malformed) {
        guard var object = value.object else {
            throw Malformed(description: "\(value.kindName) where an object should be")
        }
        guard var metadata = object["metadata"]?.object else {
            throw Malformed(description: "an object without metadata")
        }
        let changes = (metadata["managedFields"]?.array ?? []).filter {
            $0["subresource"] == nil || $0["subresource"]?.string == "scale"
        }
        specChangedTime = changes.filter { Self.isMoreThanScale($0["fieldsV1"]?["f:spec"]) }
            .compactMap { $0["time"]?.string }.max()
        scaledTime = changes.filter { $0["fieldsV1"]?["f:spec"]?["f:replicas"] != nil }
            .compactMap { $0["time"]?.string }.max()
        metadata["managedFields"] = nil
        object["metadata"] = .object(metadata)
        apiVersion = object["apiVersion"]?.string ?? resource?.apiVersion ?? ""
        kind = object["kind"]?.string ?? resource?.kind ?? ""
        name = metadata["name"]?.string ?? ""
        namespace = metadata["namespace"]?.string ?? ""
        uid = metadata["uid"]?.string ?? ""
        resourceVersion = metadata["resourceVersion"]?.string ?? ""
        labels = metadata["labels"]?.object?.strings ?? [:]
        annotations = metadata["annotations"]?.object?.strings ?? [:]
        owners = (metadata["ownerReferences"]?.array ?? []).map { owner in
            OwnerReference(
                apiVersion: owner["apiVersion"]?.string ?? "", kind: owner["kind"]?.string ?? "",
                name: owner["name"]?.string ?? "", uid: owner["uid"]?.string ?? "",
                isController: owner["controller"]?.bool ?? false)
        }
        raw = .object(object)
    }

    private static let scale: Set<String> = [
        "f:replicas", "f:minReplicas", "f:maxReplicas", "f:scaleTarget", "f:scaleMetric",
    ]

    /// Whether fields that somebody wrote are others than those of the scale.
    private static func isMoreThanScale(_ fields: JSONValue?) -> Bool {
        guard let fields = fields?.object else { return false }
        let others = fields.filter { $0.key != "." && !scale.contains($0.key) }
        if others.isEmpty { return fields.members.allSatisfy { $0.key == "." } }
        return others.contains { $0.value.object?.members.isEmpty != false || isMoreThanScale($0.value) }
    }

    /// `Pod demo/train-1`, for messages.
    public var reference: String {
        "\(kind.isEmpty ? "object" : kind) \(namespace.isEmpty ? "" : namespace + "/")\(name)"
    }

    /// The owner that manages the object.
    public var controller: OwnerReference? { owners.first(where: \.isController) ?? owners.first }
}
