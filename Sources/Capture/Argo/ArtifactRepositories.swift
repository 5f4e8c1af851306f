import JSON
public import Kubernetes
public import Lineage
import Synchronization
import YAML

/// The artifact repositories of Argo Workflows that ConfigMaps describe: `artifact-repositories` and its kin in
/// the workflows' namespaces, and the controller's own for where these say nothing
/// (workflow/artifactrepositories, 2.12 to 4.1).
public final class ArtifactRepositories: Sendable {
    private struct State {
        /// By namespace, name and key.
        var repositories: [String: JSONValue] = [:]
        /// The key that counts where none is named, by namespace and name.
        var defaults: [String: String] = [:]
        var controller: JSONValue?
    }

    /// The usual names of the ConfigMaps.
    public static let configMapNames = ["artifact-repositories", "workflow-controller-configmap"]
    private static let defaultKey = "workflows.argoproj.io/default-artifact-repository"
    private let state = Mutex(State())

    public init() {}

    /// Takes in a ConfigMap; one that is about something else says nothing.
    /// - Returns: what could not be understood of it.
    @discardableResult
    public func add(_ map: KubernetesObject) -> [Problem] {
        guard map.kind == "ConfigMap" else { return [] }
        let data = map.raw["data"]?.object ?? JSONObject()
        var problems: [Problem] = []
        func parsed(_ key: String) -> JSONValue? {
            guard let text = data[key]?.string else { return nil }
            do throws(YAMLError) {
                return try YAML.parse(text)
            } catch {
                problems.append(Problem(object: map.reference, field: "data.\(key)", reason: "\(error)"))
                return nil
            }
        }
        if map.name == Self.configMapNames[1] {
            let repository = parsed("artifactRepository") ?? parsed("config")?["artifactRepository"]
            state.withLock { $0.controller = repository ?? $0.controller }
            return problems
        }
        // Another may be named by a workflow; its entries must look like repositories.
        guard map.name == Self.configMapNames[0] || map.annotations[Self.defaultKey] != nil else { return [] }
        for member in data {
            guard let repository = parsed(member.key) else { continue }
            state.withLock { $0.repositories["\(map.namespace)/\(map.name)/\(member.key)"] = repository }
        }
        state.withLock { $0.defaults["\(map.namespace)/\(map.name)"] = map.annotations[Self.defaultKey] }
        return problems
    }

    /// The repository of a workflow.
    /// - Parameter reference: its `status.artifactRepositoryRef`, where that is known.
    func repository(namespace: String, reference: JSONValue? = nil) -> JSONValue? {
        let map = reference?["configMap"]?.string ?? Self.configMapNames[0]
        let place = "\(reference?["namespace"]?.string ?? namespace)/\(map)"
        return state.withLock { state in
            // It says that the namespace has none.
            if reference?["default"]?.bool == true { return state.controller }
            let key = reference?["key"]?.string ?? state.defaults[place]
            return key.flatMap { state.repositories["\(place)/\($0)"] } ?? (reference == nil ? state.controller : nil)
        }
    }
}
