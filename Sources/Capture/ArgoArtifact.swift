import JSON
public import Kubernetes
public import Lineage
import YAML

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

    /// The kinds of locations, as keys (workflow_types.go, 2.12 to 4.0).
    private static let kinds = ["s3", "gcs", "oss", "azure", "hdfs", "http", "artifactory", "git", "raw", "plugin"]

    /// - Parameter repositories: where a key-only location is, best first.
    init?(_ value: JSONValue, field: String, repositories: [JSONValue]) {
        guard let name = value["name"]?.string else { return nil }
        self.name = name
        self.field = field
        path = value["path"]?.string
        raw = value
        kind = Self.kinds.first { value[$0] != nil }
        location = kind.flatMap { value[$0] } ?? .null
        if let kind { complete(kind, repositories) }
    }

    private static let containers = ["s3": "bucket", "gcs": "bucket", "oss": "bucket", "azure": "container"]

    /// From 3.1 on only the key is in the status; bucket and endpoint are the repository's.
    private mutating func complete(_ kind: String, _ repositories: [JSONValue]) {
        guard let container = Self.containers[kind], isEmpty(container) else { return }
        for repository in repositories {
            guard let defaults = repository[kind]?.object, defaults[container]?.string != nil,
                var object = location.object
            else { continue }
            for name in ["endpoint", "bucket", "container", "region", "insecure"] where object[name] == nil {
                object[name] = defaults[name]
            }
            location = .object(object)
            return
        }
    }

    private func isEmpty(_ key: String) -> Bool { (location[key]?.string ?? "").isEmpty }

    /// Whether the location names its bucket.
    var isComplete: Bool {
        guard let kind, let container = Self.containers[kind] else { return true }
        return !isEmpty(container)
    }

    /// The uri of the location; `nil` for raw data and for no location at all.
    var uri: String? {
        func text(_ key: String) -> String { location[key]?.string ?? "" }
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
        case "http", "artifactory": return text("url").isEmpty ? nil : text("url")
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

    /// The archived log of a container: `main-logs`.
    var isLog: Bool { name.hasSuffix("-logs") && (location["key"]?.string ?? "").hasSuffix(".log") }
}

/// The artifact repositories that ConfigMaps named `artifact-repositories` describe.
public struct ArtifactRepositories: Sendable {
    /// By namespace, then by the key in the ConfigMap.
    private var repositories: [String: [String: JSONValue]] = [:]
    private var defaults: [String: String] = [:]

    public static let configMapName = "artifact-repositories"
    private static let defaultKey = "workflows.argoproj.io/default-artifact-repository"

    public init() {}

    /// Takes in a ConfigMap.
    /// - Returns: what could not be understood of it.
    public mutating func add(_ configMap: KubernetesObject) -> [Problem] {
        var problems: [Problem] = []
        for member in configMap.raw["data"]?.object ?? JSONObject() {
            guard let text = member.value.string else { continue }
            do {
                repositories[configMap.namespace, default: [:]][member.key] = try YAML.parse(text)
            } catch {
                problems.append(
                    Problem(object: configMap.reference, field: "data.\(member.key)", reason: "\(error)"))
            }
        }
        defaults[configMap.namespace] = configMap.annotations[Self.defaultKey]
        return problems
    }

    /// The repository that a workflow of a namespace uses where it says nothing else.
    func repository(namespace: String, key: String? = nil) -> JSONValue? {
        guard let all = repositories[namespace] else { return nil }
        if let key = key ?? defaults[namespace] { return all[key] }
        return all.count == 1 ? all.values.first : nil
    }
}
