import Kubernetes
import Lineage
import Synchronization

/// The namespaces that are known: each is its own workspace, which others do not put themselves into. Filled as objects
/// are seen.
final class Namespaces: Sendable {
    private struct State {
        /// Of Namespaces, by uid.
        var named: [String: String] = [:]
        /// Uids of those whose label asks for the ids on their pods.
        var annotating: Set<String> = []
        /// Of objects.
        var seen: Set<String> = []
    }

    private let state = Mutex(State())

    func add(_ object: KubernetesObject, isDeleted: Bool) {
        state.withLock { state in
            if object.kind == "Namespace", object.apiVersion == "v1" {
                state.named[object.uid] = isDeleted ? nil : object.name
                let isAnnotating = !isDeleted && object.labels[Annotations.annotatePods] == "true"
                if isAnnotating { state.annotating.insert(object.uid) } else { state.annotating.remove(object.uid) }
            } else if !object.namespace.isEmpty {
                state.seen.insert(object.namespace)
            }
        }
    }

    /// Forgets what a whole list did not have: it went while nobody watched.
    func retain(_ kind: String, _ isPresent: (String) -> Bool) {
        guard kind == "Namespace" else { return }
        state.withLock { state in state.named = state.named.filter { isPresent($0.key) } }
    }

    func annotatesPods(_ name: String) -> Bool {
        state.withLock { state in state.annotating.contains { state.named[$0] == name } }
    }

    func contains(_ name: String) -> Bool {
        state.withLock { $0.seen.contains(name) || $0.named.values.contains(name) }
    }
}

extension Capture.Result {
    /// Leaves executions in the workspace of their own namespace that declare another namespace's.
    /// - Parameter allowed: the workspace that a rule of the whole cluster gives the object.
    mutating func keepOutOfOthers(_ namespaces: Namespaces, of object: KubernetesObject, allowed: String?) {
        guard let workspace = executions.first?.workspace ?? run?.workspace, workspace.isDeclared,
            workspace.name != object.namespace, workspace.name != allowed, namespaces.contains(workspace.name)
        else { return }
        let own = Workspace(name: object.namespace.isEmpty ? "default" : object.namespace)
        for index in executions.indices { executions[index].workspace = own }
        run?.workspace = own
        add([
            Problem(
                object: object.reference, field: "metadata.annotations[\"\(Annotations.workspace)\"]",
                reason: "\(workspace.name) is another namespace's workspace: a ClusterMetadataRule has to say so")
        ])
    }
}
