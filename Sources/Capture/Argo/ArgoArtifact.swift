import JSON
import Lineage

/// An input or output artifact of Argo Workflows, with its location made whole.
struct ArgoArtifact {
    var name: String
    var path: String?
    /// As Argo describes it.
    var raw: JSONValue
    /// Its location: the kind (`s3`) and the fields.
    var kind: String?
    var location: JSONValue
    /// The field of the object that it stands in.
    var field: String

    /// The kinds of locations, as keys; of two the first counts (workflow_types.go, 2.12 to 4.1).
    private static let kinds = [
        "artifactory", "azure", "git", "gcs", "hdfs", "http", "oss", "raw", "s3", "plugin",
    ]

    /// - Parameter repositories: where a key-only location is, best first.
    init?(_ value: JSONValue, field: String, repositories: [JSONValue]) {
        guard let name = value["name"]?.string else { return nil }
        self.name = name
        self.field = field
        path = value["path"]?.string
        raw = value
        kind = Self.kinds.first { value[$0] != nil }
        location = kind.flatMap { value[$0] } ?? .null
        if !isWhole { relocate(to: repositories) }
    }

    private func text(_ field: String) -> String { location[field]?.string ?? "" }

    /// The field with the key, by kind.
    private static let keys = [
        "s3": "key", "gcs": "key", "oss": "key", "plugin": "key", "azure": "blob", "hdfs": "path",
        "artifactory": "url",
    ]

    /// Whether Argo takes the location as it is (`HasLocation` of each kind, 3.0 and later).
    private var isWhole: Bool {
        switch kind {
        case "s3", "oss": !text("endpoint").isEmpty && !text("bucket").isEmpty
        case "azure": !text("endpoint").isEmpty && !text("container").isEmpty
        case "gcs", "hdfs", "artifactory", "plugin": isComplete
        default: true
        }
    }

    /// From 3.0 on only the key is in the status. A location that is not whole is put into the
    /// repository as a whole: what else it says, also its kind, does not count.
    private mutating func relocate(to repositories: [JSONValue]) {
        guard let kind, let key = Self.keys[kind].map(text), !key.isEmpty else { return }
        for repository in repositories {
            for candidate in Self.kinds {
                guard let field = Self.keys[candidate], let base = repository[candidate]?.object,
                    let moved = Self.location(candidate, base, field, key)
                else { continue }
                (self.kind, location) = (candidate, moved)
                return
            }
        }
    }

    /// A location in a repository; `nil` where the repository does not say where it is.
    private static func location(
        _ kind: String, _ base: JSONObject, _ field: String, _ key: String
    ) -> JSONValue? {
        var result = JSONObject()
        for name in [
            "endpoint", "bucket", "container", "region", "insecure", "addresses", "hdfsUser", "name",
        ] {
            result[name] = base[name]
        }
        if kind == "artifactory" {
            // The repository's own path does not count: the key is the whole path.
            let url = base["url"]?.string ?? base["repoURL"]?.string ?? ""
            guard let scheme = url.firstRange(of: "://") else { return nil }
            let host = url[scheme.upperBound...].prefix { $0 != "/" }
            result[field] = .string("\(url[..<scheme.upperBound])\(host)\(key.hasPrefix("/") ? "" : "/")\(key)")
        } else {
            result[field] = .string(key)
        }
        return isComplete(kind, .object(result)) ? .object(result) : nil
    }

    private static func isComplete(_ kind: String, _ location: JSONValue) -> Bool {
        func has(_ name: String) -> Bool { !(location[name]?.string ?? "").isEmpty }
        return switch kind {
        case "s3", "gcs", "oss": has("bucket")
        case "azure": has("container")
        case "hdfs": !(location["addresses"]?.array ?? []).isEmpty
        case "artifactory": location["url"]?.string?.contains("://") ?? false
        case "plugin": has("name")
        default: true
        }
    }

    /// Whether the location names its bucket, host or plugin.
    var isComplete: Bool { kind.map { Self.isComplete($0, location) } ?? true }

    /// Where a repository's artifacts are: `s3://bucket`.
    static func archive(of repository: JSONValue?) -> String? {
        guard let repository else { return nil }
        let mark = "key"
        let probe: JSONValue = ["name": "probe", "s3": ["key": .string(mark)]]
        guard let artifact = ArgoArtifact(probe, field: "", repositories: [repository]), artifact.isComplete,
            let uri = artifact.uri, uri.hasSuffix("/" + mark)
        else { return nil }
        return String(uri.dropLast(mark.count + 1))
    }

    /// The location as its key alone, where it is not whole: what else it says does not count.
    mutating func reduceToKey() {
        guard !isWhole, let kind, let field = Self.keys[kind] else { return }
        location = .object(JSONObject([(field, .string(text(field)))]))
    }

    /// The uri of the location; `nil` for raw data and for no location at all.
    var uri: String? {
        func slash(_ path: String) -> String { path.hasPrefix("/") ? path : "/" + path }
        switch kind {
        case "s3": return text("key").isEmpty ? nil : "s3://\(text("bucket"))/\(text("key"))"
        case "gcs": return text("key").isEmpty ? nil : "gs://\(text("bucket"))/\(text("key"))"
        case "oss": return text("key").isEmpty ? nil : "oss://\(text("bucket"))/\(text("key"))"
        case "azure":
            let endpoint = text("endpoint")
            let base = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
            return base.isEmpty
                ? "azure://\(text("container"))/\(text("blob"))"
                : "\(base)/\(text("container"))/\(text("blob"))"
        case "hdfs":
            return "hdfs://\(location["addresses"]?.array?.first?.string ?? "")\(slash(text("path")))"
        case "http": return text("url").isEmpty ? nil : text("url")
        case "artifactory":
            if text("url").isEmpty { return nil }
            return text("url").contains("://") ? text("url") : "artifactory://" + slash(text("url"))
        case "git":
            let revision = text("revision").isEmpty ? text("branch") : text("revision")
            return "git+\(text("repo"))" + (revision.isEmpty ? "" : "@\(revision)")
        case "plugin": return "plugin://\(text("name"))/\(text("key"))"
        default: return nil
        }
    }

    /// As the input or output of a step; `nil` for an optional one that does not exist.
    func use() -> ArtifactUse? {
        var artifact = Artifact(type: isLog ? TypeName.argoLog : TypeName.argoArtifact, name: name, uri: uri)
        if kind == "raw", let data = location["data"]?.string {
            artifact.digest = "sha256:" + Identity.sha256(data)
        } else if artifact.uri == nil {
            return nil
        }
        if raw["deleted"]?.bool == true { artifact.state = .deleted }
        if let endpoint = location["endpoint"]?.string, kind == "s3" || kind == "oss" {
            artifact.customProperties["endpoint"] = .string(endpoint)
        }
        return ArtifactUse(name: name, convention: ArgoWorkflow.convention, artifact: artifact)
    }

    /// What there is of a step's inputs or outputs, and where it stands.
    /// - Parameter place: what fields begin with, where that is not the object's own beginning.
    static func uses(
        _ artifacts: [ArgoArtifact], _ direction: String, in place: String = ""
    ) -> (uses: [ArtifactUse], evidence: [Evidence]) {
        var result: (uses: [ArtifactUse], evidence: [Evidence]) = ([], [])
        for artifact in artifacts {
            guard let use = artifact.use() else { continue }
            result.uses.append(use)
            result.evidence.append(
                Evidence(
                    convention: ArgoWorkflow.convention, fact: "\(direction) \(artifact.name)",
                    field: place + artifact.field))
        }
        return result
    }

    /// The archived log of a container: `main-logs`, in a file `main.log`.
    var isLog: Bool {
        guard let kind, let key = Self.keys[kind].map(text) else { return false }
        return Self.isLog(name, key)
    }

    /// Whether an output of this name under this key or uri is a container's log.
    static func isLog(_ name: String, _ key: String) -> Bool {
        name.hasSuffix("-logs") && key.hasSuffix("/\(name.dropLast("-logs".count)).log")
    }
}
