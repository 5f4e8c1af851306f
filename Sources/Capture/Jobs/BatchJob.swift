import Kubernetes
import Lineage

/// Jobs (batch/v1, Kubernetes 1.21 and later): their pods are the executions, the Job is their run.
enum BatchJob {
    static let convention = "jobs"

    /// How far a Job has come; `nil` where its pods are not recorded, or belong to another's run.
    static func status(_ object: KubernetesObject, chain: [OwnerIndex.Owner], capture: Capture) -> Execution? {
        var annotated = object
        let template = object.raw["spec"]?["template"]?["metadata"]?["annotations"]?.object?.strings ?? [:]
        annotated.annotations.merge(template) { own, _ in own }
        guard Annotations.matches(annotated), annotated.annotations[Annotations.run] == nil,
            ObjectExecution.top(of: chain) == nil
        else { return nil }
        let conditions = ObjectConditions(object)
        let status = object.raw["status"]
        let state: (Execution.State, field: String) =
            if conditions.isTrue("Complete") {
                (.complete, "status.conditions[Complete]")
            } else if conditions.isTrue("Failed") {
                (.failed, "status.conditions[Failed]")
            } else if status?["startTime"]?.string != nil, !conditions.isTrue("Suspended") {
                (.running, "status.startTime")
            } else {
                (.new, "status")
            }
        var run = Run(name: "\(object.name)-\(object.uid)", displayName: object.name)
        if let scheduler = ObjectExecution.scheduler(of: chain) {
            run.customProperties["cronjob"] = .string(scheduler.name)
        }
        var result = Execution(
            run: run, of: object, plural: "jobs", convention: convention, state: state,
            start: ObjectExecution.date(status?["startTime"]),
            end: ObjectExecution.date(status?["completionTime"])
                ?? (state.0 == .failed ? conditions.time("Failed") : nil),
            capture: capture)
        if state.0 == .failed, let text = conditions.text("Failed") {
            result.customProperties["message"] = .string(text)
        }
        return result
    }
}
