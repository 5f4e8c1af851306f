public import FoundationEssentials
public import Kubernetes
public import Lineage

/// Our annotations that speak to the sidecar, and those that are written by us and never read as facts.
extension Annotations {
    /// A label of namespaces.
    static let annotatePods = prefix + "annotate-pods"

    /// What the webhook and the recorder write themselves.
    static let ours: Set<String> = [
        InjectedPod.annotationKey, prefix + "execution-id", prefix + "run-id", prefix + "input-ids",
        prefix + "output-ids", prefix + "link",
    ]
    /// What speaks to the sidecar and the webhook.
    static let settings: Set<String> = [
        DigestPaths.annotationKey, SidecarReport.pathAnnotationKey, InjectedPod.injectKey,
    ]
}

extension Capture {
    /// Whether a namespace's label asks for the ids on its pods: `metadata.kubeflow.org/annotate-pods: "true"`.
    public func annotatesPods(in namespace: String) -> Bool { namespaces.annotatesPods(namespace) }

    /// What a pod says from within, without any right to read it.
    /// - Parameter end: when the containers had ended; `nil` before.
    /// - Returns: nothing where no convention and no annotation speaks of the pod, or the webhook did not say whose it is.
    public func callAsFunction(_ pod: InjectedPod, end: Date?) -> [Execution] {
        guard pod.knowsOwners else { return [] }
        return beside(pod.object, source: "DownwardAPI").map { execution in
            var execution = execution
            execution.state = end == nil ? .running : .unknown
            // When the step itself began nobody saw.
            (execution.start, execution.end) = (nil, end)
            execution.evidence.removeAll { $0.fact.hasPrefix("state ") }
            execution.evidence.append(
                Evidence(convention: "sidecar", fact: "state \(execution.state.rawValue)", field: "SIGTERM"))
            execution.customProperties["message"] = nil
            return execution
        }
    }

    /// What a pod says to its own sidecar, which knows neither its owners nor rules nor other namespaces: a source of
    /// its own, beside the recorder's, which tells more whatever its age.
    public func beside(_ pod: KubernetesObject) -> [Execution] { beside(pod, source: "OwnPod") }

    /// - Parameter source: what tells: the pod's status and the signal are two, for the later of them says less. The kind that
    ///   is sorted first names the source, so that it has to come before `Pod`.
    private func beside(_ pod: KubernetesObject, source: String) -> [Execution] {
        guard Self.isItsOwn(pod) else { return [] }
        var pod = pod
        // Whether it is another namespace's workspace only who sees all namespaces can tell.
        pod.annotations[Annotations.workspace] = nil
        return callAsFunction(pod).executions.filter { !$0.isFragment }.map { execution in
            var execution = execution
            execution.authority = .sidecar
            execution.origins[source] = .init(
                kind: source, namespace: pod.namespace, name: pod.name, uid: pod.uid)
            return execution
        }
    }

    /// Labels of pods of which an owner far away is the execution, by the controllers that put them there.
    private static let farOwners = [
        "jobset.sigs.k8s.io/", "trainer.kubeflow.org/", "training.kubeflow.org/", "katib.kubeflow.org/", "ray.io/",
        "spark-role",
    ]

    /// Whether a pod is an execution by itself for all that it says: what its owner is owned by it does not know.
    private static func isItsOwn(_ pod: KubernetesObject) -> Bool {
        guard let owner = pod.controller else { return true }
        switch (group(of: owner.apiVersion), owner.kind) {
        case ("argoproj.io", "Workflow"): return true
        case ("batch", "Job"): return !pod.labels.keys.contains { key in farOwners.contains { key.hasPrefix($0) } }
        default: return false
        }
    }

    /// What the report of a pod's sidecar adds to the execution of the pod.
    /// - Returns: `nil` where none of these is the pod's.
    public func addition(
        of report: SidecarReport, pod: KubernetesObject, to executions: [Execution]
    ) -> Execution? {
        guard !report.isEmpty,
            let own = executions.first(where: { $0.origins["Pod"]?.uid == pod.uid && $0.role != .fragment })
        else { return nil }
        var result = Result(convention: "sidecar", executions: [report.addition(to: own, pod: pod)])
        result.cutSecrets(cluster: cluster)
        result.fitBudget(pod.reference)
        return result.executions.first
    }
}
