import JSON
public import Kubernetes
import Synchronization

/// What is known of objects that own others: which object each belongs to, and our annotations on it.
///
/// A pod names only its direct owner; that a Job is a JobSet's and the JobSet a TrainJob's is in those
/// objects. Filled as they are seen.
public final class OwnerIndex: Sendable {
    /// An object that owns others.
    public struct Owner: Sendable, Hashable {
        public var apiVersion: String
        public var kind: String
        /// Empty where only a reference tells of it, and for what is in no namespace.
        public var namespace: String
        public var name: String
        public var uid: String
        public var controller: KubernetesObject.OwnerReference?
        /// Those of ours.
        public var annotations: [String: String]

        init(_ object: KubernetesObject) {
            apiVersion = object.apiVersion
            kind = object.kind
            namespace = object.namespace
            name = object.name
            uid = object.uid
            controller = object.owners.first(where: \.isController)
            // A Deployment's annotations are in its ReplicaSets' templates.
            annotations =
                object.kind == "ReplicaSet"
                ? DeploymentRevision.annotations(object)
                : object.annotations.filter { Annotations.speaks($0.key) }
        }

        init(_ reference: KubernetesObject.OwnerReference) {
            apiVersion = reference.apiVersion
            kind = reference.kind
            namespace = ""
            name = reference.name
            uid = reference.uid
            annotations = [:]
        }

        /// `tekton.dev`; empty for the core group.
        var group: String { Capture.group(of: apiVersion) }
    }

    private struct State {
        var owners: [String: Owner] = [:]
        /// Uids of objects that are gone, oldest first: their pods may still be told of.
        var gone: [String] = []
        /// The newest Workflow of a name: task results of Argo 3.3.2 to 3.5.1 tell no more.
        var workflows: [String: String] = [:]
    }

    private static let maximumGone = 1000
    private let state = Mutex(State())

    public init() {}

    /// Takes in an object that may own others.
    /// - Returns: whether it was not known.
    @discardableResult
    public func add(_ object: KubernetesObject, isDeleted: Bool) -> Bool {
        guard object.kind != "Pod", !object.uid.isEmpty else { return false }
        let owner = Owner(object)
        return state.withLock { state in
            let isNew = state.owners.updateValue(owner, forKey: owner.uid) == nil
            if owner.kind == "Workflow" {
                let name = "\(object.namespace)/\(owner.name)"
                if !isDeleted { state.workflows[name] = owner.uid }
                if isDeleted, state.workflows[name] == owner.uid { state.workflows[name] = nil }
            }
            guard isDeleted else { return isNew }
            state.gone.append(owner.uid)
            if state.gone.count > Self.maximumGone { state.owners[state.gone.removeFirst()] = nil }
            return isNew
        }
    }

    /// Notes that a whole list did not have others of a kind: they went while nobody watched.
    func retain(_ kind: String, in namespace: String?, _ isPresent: (String) -> Bool) {
        state.withLock { state in
            let gone = state.owners.values.filter {
                $0.kind == kind && (namespace == nil || $0.namespace == namespace) && !isPresent($0.uid)
                    && !state.gone.contains($0.uid)
            }
            for owner in gone {
                let name = "\(owner.namespace)/\(owner.name)"
                if kind == "Workflow", state.workflows[name] == owner.uid { state.workflows[name] = nil }
                state.gone.append(owner.uid)
            }
            // Their pods may still be told of, but not for ever.
            while state.gone.count > Self.maximumGone { state.owners[state.gone.removeFirst()] = nil }
        }
    }

    /// The objects of a kind that an object controls.
    func controlled(by uid: String, kind: String) -> [Owner] {
        state.withLock { $0.owners.values.filter { $0.kind == kind && $0.controller?.uid == uid } }
    }

    /// The uid of the Workflow that has this name now.
    func workflow(_ name: String, namespace: String) -> String? {
        state.withLock { $0.workflows["\(namespace)/\(name)"] }
    }

    /// The nearest owner of an object that was not seen, though its kind is watched.
    func missing(of object: KubernetesObject) -> Owner? {
        for owner in chain(of: object) where !state.withLock({ $0.owners[owner.uid] != nil }) {
            return Capture.kind(owner.kind, inGroupOf: owner.apiVersion) == nil ? nil : owner
        }
        return nil
    }

    /// The owners of an object, the nearest first.
    func chain(of object: KubernetesObject) -> [Owner] {
        var chain: [Owner] = []
        var next = object.controller
        state.withLock { state in
            // Owners in a circle are a mistake that must not hang us.
            while let reference = next, chain.count < 10 {
                let owner = state.owners[reference.uid] ?? Owner(reference)
                chain.append(owner)
                next = owner.controller
            }
        }
        return chain
    }
}
