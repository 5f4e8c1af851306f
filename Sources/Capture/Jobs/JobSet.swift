import JSON
import Kubernetes
import Lineage

/// A JobSet (jobset.x-k8s.io/v1alpha2, 0.2 to 0.12) with annotations of ours: one execution, its jobs
/// within.
enum JobSet {
    static let convention = "jobset"

    static func execution(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution {
        let conditions = ObjectConditions(object)
        let status = object.raw["status"]
        let hasBegun = (status?["replicatedJobsStatus"]?.array ?? []).contains { job in
            ["active", "ready", "succeeded", "failed"].contains { (job[$0]?.integer ?? 0) > 0 }
        }
        let order: [(String, Execution.State)] = [("Failed", .failed), ("Completed", .complete), ("Suspended", .new)]
        let found = order.first { conditions.isTrue($0.0) }
        var state: (Execution.State, field: String) =
            found.map { ($0.1, "status.conditions[\($0.0)]") }
            ?? (hasBegun ? .running : .new, "status.replicatedJobsStatus")
        if isDeleted, !state.0.isFinal { state = (.canceled, ObjectExecution.deletion) }
        let start = conditions.isFalse("Suspended") ? conditions.time("Suspended") : nil
        var result = ObjectExecution(
            object, plural: "jobsets", type: "kubernetes.JobSet", convention: convention, state: state,
            start: state.0 == .new ? nil : start ?? ObjectExecution.created(object),
            end: found.flatMap { conditions.time($0.0) }, run: ObjectExecution.run(of: object, capture: capture),
            capture: capture)
        if state.0 == .failed, let text = conditions.text("Failed") { result.property("message", .string(text)) }
        if status?["restarts"]?.integer ?? 0 > 0 { result.property("restarts", status?["restarts"]) }
        let jobs = object.raw["spec"]?["replicatedJobs"]?.array ?? []
        return result.decorated(template: jobs.first?["template"]?["spec"]?["template"])
    }
}
