import Kubernetes
import Lineage

/// A pod that belongs to no workflow system, recorded because its annotations say so.
struct AnnotatedPod {
    private let pod: PodFacts
    private let chain: [OwnerIndex.Owner]
    private let capture: Capture

    /// - Parameter chain: the pod's owners, the nearest first.
    init(_ pod: PodFacts, chain: [OwnerIndex.Owner], capture: Capture) {
        self.pod = pod
        self.chain = chain
        self.capture = capture
    }

    func execution() -> Execution {
        let object = pod.object
        let run = run()
        var execution = Execution(
            id: Identity.execution(
                cluster: capture.cluster, namespace: object.namespace, kind: "pods", uid: object.uid),
            type: TypeName.execution, name: object.name, state: pod.state, start: pod.start, end: pod.end,
            run: run, workspace: Annotations.workspace(of: object),
            properties: ["name": .string(object.name)],
            customProperties: [
                "namespace": .string(object.namespace), "pod_name": .string(object.name),
                "kfp_pod_name": .string(object.name),
            ],
            evidence: [
                Evidence(
                    convention: Annotations.convention, fact: "state \(pod.state.rawValue)",
                    field: "status.phase")
            ],
            origin: .init(kind: "Pod", namespace: object.namespace, name: object.name, uid: object.uid))
        if let created = object.raw["metadata"]?["creationTimestamp"]?.string {
            execution.properties["create_time"] = .string(Timestamp.parse(created).map(Timestamp.format) ?? created)
        }
        let index = "batch.kubernetes.io/job-completion-index"
        if let index = object.labels[index] ?? object.annotations[index] {
            execution.customProperties["job_completion_index"] = .string(index)
        }
        pod.setEnd(of: &execution)
        Annotations(pod, runID: run.name).decorate(&execution)
        return execution
    }

    /// The run: by annotation, else the object that made the pod, else the pod itself.
    private func run() -> Run {
        let object = pod.object
        if let name = object.annotations[Annotations.run], !name.isEmpty {
            return Run(name: "\(object.namespace)/\(name)", displayName: name)
        }
        guard let owner = ObjectExecution.top(of: chain) else {
            return Run(name: "\(object.name)-\(object.uid)", displayName: object.name)
        }
        var run = Run(name: "\(owner.name)-\(owner.uid)", displayName: owner.name)
        // A ReplicaSet is its Deployment's name and a hash, which the pods have as a label.
        if owner.kind == "ReplicaSet", let hash = object.labels["pod-template-hash"],
            owner.name.hasSuffix("-" + hash)
        {
            run.displayName.removeLast(hash.count + 1)
        }
        if let scheduler = ObjectExecution.scheduler(of: chain) {
            run.customProperties["cronjob"] = .string(scheduler.name)
        }
        return run
    }
}
