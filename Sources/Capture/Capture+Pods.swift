import Kubernetes
import Lineage

extension Capture {
    /// A pod: a step of a system that we know, or one that annotations or rules speak of; with what its sidecar said.
    func pod(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        var result = withoutReport(object, isDeleted: isDeleted)
        switch SidecarReport.found(on: object) {
        case .none: break
        case .broken:
            result.add([
                Problem(
                    object: object.reference, field: "status.initContainerStatuses",
                    reason: "the report of the sidecar was cut by the kubelet, and is lost")
            ])
        case .report(let report):
            if let addition = addition(of: report, pod: object, to: result.executions) {
                result.executions.append(addition)
            } else if !report.isEmpty {
                result.ignored.append("\(object.reference): the report of its sidecar, as it is no execution by itself")
            }
        }
        return result
    }

    private func withoutReport(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        if ArgoPod.matches(object), object.annotations[Annotations.record] == nil,
            let owner = owners.chain(of: object).first(where: { $0.annotations[Annotations.record] == "false" })
        {
            return ignored(object, "\(Annotations.record) of \(owner.kind) \(owner.name) is \"false\"")
        }
        if let found = KubeflowPipelinesV2.result(pod: object, isDeleted: isDeleted, capture: self) { return found }
        if ArgoPod.matches(object) {
            if let reason = ArgoPod.reasonNotAStep(object) { return ignored(object, reason) }
            let pod = PodFacts(object, isDeleted: isDeleted)
            if KubeflowPipelinesV1.matches(object), let reason = KubeflowPipelinesV1.reasonNotAStep(pod) {
                return ignored(object, reason)
            }
            var step = ArgoPod(pod, capture: self).execution()
            var convention = ArgoWorkflow.convention
            if KubeflowPipelinesV1.matches(object) {
                KubeflowPipelinesV1.decorate(&step, pod: pod)
                convention = KubeflowPipelinesV1.convention
            }
            Annotations(pod, runID: step.execution.run.name).decorate(&step.execution)
            return Result(convention: convention, executions: [step.execution])
        }
        if let reason = Tekton.reasonNotAStep(object) ?? InferenceService.reasonNotAStep(object) {
            return ignored(object, reason)
        }
        if let reason = SeldonDeployment.reasonNotAStep(object) { return ignored(object, reason) }
        if object.labels["spark-role"] == "executor" {
            return ignored(object, "an executor: its SparkApplication tells of it")
        }
        let chain = owners.chain(of: object)
        if let outer = Self.collective(chain) {
            return ignored(object, "belongs to \(outer.kind) \(outer.name), which tells of it")
        }
        if chain.first?.kind == "ReplicaSet", chain.count > 1, chain[1].kind == "Deployment",
            chain.first?.annotations.isEmpty == false
        {
            return ignored(object, "belongs to a revision of Deployment \(chain[1].name), which tells of it")
        }
        // What owners say holds for their pods; the nearest outweighs.
        var annotated = object
        for owner in chain { Annotations.inherit(owner.annotations, into: &annotated.annotations) }
        guard Annotations.matches(annotated), annotated.annotations[Annotations.record] != "false" else {
            return ignored(object, "no convention matches, and it has no annotation of \(Annotations.prefix)")
        }
        let pod = PodFacts(annotated, isDeleted: isDeleted)
        return Result(
            convention: Annotations.convention, executions: [AnnotatedPod(pod, chain: chain, capture: self).execution()]
        )
    }
}
