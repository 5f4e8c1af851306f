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
    public var specChangedTime: String?
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
        specChangedTime = (metadata["managedFields"]?.array ?? []).compactMap { entry in
            entry["subresource"] == nil && entry["fieldsV1"]?["f:spec"] != nil ? entry["time"]?.string : nil
        }.max()
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

    /// `Pod demo/train-1`, for messages.
    public var reference: String {
        "\(kind.isEmpty ? "object" : kind) \(namespace.isEmpty ? "" : namespace + "/")\(name)"
    }

    /// The owner that manages the object.
    public var controller: OwnerReference? { owners.first(where: \.isController) ?? owners.first }
}
