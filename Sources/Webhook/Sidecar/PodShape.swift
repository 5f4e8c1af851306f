import JSON

/// The parts of a pod that an injection looks at and adds to, each known to be of the kind that it should be.
struct PodShape: Sendable, Hashable {
    var labels: [String: String]
    var annotations: [String: String]
    /// The main containers; at least one.
    var containers: [JSONValue]
    var initContainers: [JSONValue]
    var volumes: [JSONValue]
    /// The whole pod.
    let pod: JSONValue

    var spec: JSONValue? { pod["spec"] }
    var metadata: JSONValue? { pod["metadata"] }

    /// - Returns: `nil` where a part is of another kind than the API server would let pass: such a pod is left alone.
    init?(_ pod: JSONValue) {
        guard let metadata = pod["metadata"], metadata.object != nil, let spec = pod["spec"], spec.object != nil,
            let labels = Self.members(metadata["labels"]), let annotations = Self.members(metadata["annotations"]),
            let containers = Self.objects(spec["containers"]), !containers.isEmpty,
            let initContainers = Self.objects(spec["initContainers"]), let volumes = Self.objects(spec["volumes"]),
            (containers + initContainers).allSatisfy({ Self.objects($0["volumeMounts"]) != nil })
        else { return nil }
        self.pod = pod
        self.labels = labels
        self.annotations = annotations
        self.containers = containers
        self.initContainers = initContainers
        self.volumes = volumes
    }

    /// A list of objects; empty where there is none.
    static func objects(_ value: JSONValue?) -> [JSONValue]? {
        guard let value, !value.isNull else { return [] }
        guard let list = value.array, list.allSatisfy({ $0.object != nil }) else { return nil }
        return list
    }

    /// An object of texts; empty where there is none.
    private static func members(_ value: JSONValue?) -> [String: String]? {
        guard let value, !value.isNull else { return [:] }
        guard let object = value.object, object.allSatisfy({ $0.value.string != nil }) else { return nil }
        // A dictionary: lookups in an object scan.
        return object.strings
    }
}
