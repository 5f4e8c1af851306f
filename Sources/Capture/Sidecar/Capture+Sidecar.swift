public import FoundationEssentials
public import Kubernetes
public import Lineage

/// Our annotations that speak to the sidecar, and those that are written by us and never read as facts.
extension Annotations {
    static let digestPaths = prefix + "digest-paths"
    static let reportPath = prefix + "report-path"
    static let inject = prefix + "inject"
    /// A label of namespaces.
    static let annotatePods = prefix + "annotate-pods"

    /// What the webhook and the recorder write themselves.
    static let ours: Set<String> = [
        InjectedPod.annotationKey, prefix + "execution-id", prefix + "run-id", prefix + "input-ids",
        prefix + "output-ids", prefix + "link",
    ]
    /// What speaks to the sidecar and the webhook.
    static let settings: Set<String> = [digestPaths, reportPath, inject]
}

extension Capture {
    /// Whether a namespace's label asks for the ids on its pods: `metadata.kubeflow.org/annotate-pods: "true"`.
    public func annotatesPods(in namespace: String) -> Bool { namespaces.annotatesPods(namespace) }

    /// What a pod says from within, without any right to read it.
    /// - Parameters:
    ///   - start: when the sidecar was started.
    ///   - end: when the containers had ended; `nil` before.
    /// - Returns: nothing where no convention and no annotation speaks of the pod.
    public func callAsFunction(_ pod: InjectedPod, start: Date, end: Date?) -> [Execution] {
        var object = pod.object
        // Whether it is another namespace's workspace only who sees all namespaces can tell.
        object.annotations[Annotations.workspace] = nil
        var executions = callAsFunction(object).executions
        for index in executions.indices {
            executions[index].authority = .sidecar
            executions[index].state = end == nil ? .running : .unknown
            executions[index].start = start
            executions[index].end = end
            // Beside its pod's own sights, which tell more whatever their age.
            executions[index].origins["DownwardAPI"] = .init(
                kind: "DownwardAPI", namespace: pod.namespace, name: pod.name, uid: pod.uid)
            executions[index].evidence.removeAll { $0.fact.hasPrefix("state ") }
            executions[index].evidence.append(
                Evidence(
                    convention: "sidecar", fact: "state \(executions[index].state.rawValue)", field: "SIGTERM"))
            executions[index].customProperties["message"] = nil
        }
        return executions
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
