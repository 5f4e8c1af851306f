import FoundationEssentials
import Kubernetes
import Lineage

extension Execution {
    /// How far a run has come, told by the object that stands for it.
    init(
        run: Run, of object: KubernetesObject, plural: String, convention: String,
        state: (state: State, field: String), start: Date?, end: Date?, capture: Capture
    ) {
        let uid = object.uid.isEmpty ? object.name : object.uid
        self.init(
            // No node of a workflow has such an id.
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, kind: plural, uid: "\(uid)#run"),
            type: run.type, name: run.displayName, state: state.state, start: start, end: end, run: run,
            workspace: Annotations.workspace(of: object),
            evidence: [Evidence(convention: convention, fact: "state \(state.state.rawValue)", field: state.field)],
            authority: .workflow,
            origin: .init(kind: object.kind, namespace: object.namespace, name: object.name, uid: object.uid))
        role = .run
    }
}
