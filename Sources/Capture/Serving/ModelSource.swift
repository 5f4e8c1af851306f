import JSON
import Lineage

/// Where a serving system's model is: a uri, or a key of a Secret with a path in its bucket.
struct ModelSource {
    var name: String
    var uri: String?
    /// As it was written.
    var written: String?
    var field: String
    var properties: [String: PropertyValue] = [:]
    /// What makes it another source, for the identity of a revision.
    var identity: JSONValue
    var problem: String?

    /// A uri as serving systems write it (KServe 0.5 to 0.20, Seldon Core 1.x).
    init(_ name: String, uri: String, field: String) {
        self.name = name
        self.field = field
        written = uri
        identity = ["name": .string(name), "uri": .string(uri)]
        // Two ways of reading the same image.
        var plain = uri
        for prefix in ["oci+native://", "oci+fetch://"] where uri.hasPrefix(prefix) {
            plain = "oci://" + uri.dropFirst(prefix.count)
        }
        self.uri = plain
        if !plain.contains("://"), !plain.hasPrefix("/") { problem = "\(uri) has no scheme://" }
    }

    /// `storage: {key, path, parameters}` (KServe 0.8 and later). The bucket is in a Secret, which is not
    /// read, unless the parameters tell it.
    ///
    /// The controller writes the whole uri into the arguments of the pods' `storage-initializer` (0.8 to 0.20).
    /// - Parameter resolved: that uri, where a pod was seen.
    init(_ name: String, storage: JSONValue, field: String, resolved: String?) {
        self.name = name
        self.field = field
        identity = ["name": .string(name), "storage": storage]
        let path = (storage["path"]?.string ?? "").drop { $0 == "/" }
        let parameters = storage["parameters"]
        let bucket = parameters?["bucket"]?.string ?? ""
        switch parameters?["type"]?.string {
        case "s3" where !bucket.isEmpty: uri = "s3://\(bucket)/\(path)"
        case "pvc" where parameters?["name"]?.string?.isEmpty == false:
            uri = "pvc://\(parameters?["name"]?.string ?? "")/\(path)"
        case let type? where type == "hdfs" || type == "webhdfs": uri = "\(type)://\(path)"
        case _ where resolved != nil: uri = resolved
        case let type? where !type.isEmpty && !["s3", "pvc"].contains(type):
            problem = "parameters.type \(type) is not known"
        default:
            let key = storage["key"]?.string ?? "default"
            problem =
                "\(bucket.isEmpty ? "the type and bucket" : "the type") of storage.key \(key)"
                + " \(bucket.isEmpty ? "are" : "is") in a Secret, which is not read"
        }
        if !bucket.isEmpty { properties["storage_bucket"] = .string(bucket) }
        for (field, property) in [("key", "storage_key"), ("path", "storage_path")] {
            properties[property] = storage[field]?.string.map { .string($0) }
        }
    }

    /// As an input; what training wrote under the uri has its own type.
    var artifact: Artifact {
        var artifact = Artifact(type: TypeName.model, name: title, uri: uri)
        artifact.customProperties = properties
        // model-registry://[host/]model[/version]
        if let uri, uri.hasPrefix("model-registry://") {
            let parts = uri.dropFirst("model-registry://".count).prefix { $0 != "?" }.split(separator: "/")
            if let model = parts.first { artifact.name = String(model) }
            if parts.count > 1 { artifact.version = String(parts[1]) }
        }
        return artifact
    }

    private var title: String? {
        let path = uri ?? properties["storage_path"]?.text ?? ""
        return path.split(separator: "/").last.map { String($0.prefix { $0 != "?" }) }
    }

    /// The digest that tells revisions apart: of what is served, not of how it is scaled or labelled.
    static func revision(_ identity: JSONValue) -> String {
        String(Identity.sha256(identity.jsonText(sortedKeys: true)).prefix(16))
    }
}
