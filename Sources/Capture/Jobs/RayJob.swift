import JSON
import Kubernetes
import Lineage

/// A RayJob (ray.io/v1 and v1alpha1, KubeRay 0.4 to 1.7).
enum RayJob {
    static let convention = "kuberay"

    static func execution(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution {
        let status = object.raw["status"]
        let job = status?["jobStatus"]?.string ?? ""
        let deployment = status?["jobDeploymentStatus"]?.string ?? ""
        var state: Execution.State
        // A job that failed may be tried again: the deployment's status tells the end.
        let mayRetry = (object.raw["spec"]?["backoffLimit"]?.integer ?? 0) > 0
        switch (deployment, job) {
        case ("Complete", "FAILED"), ("Failed", _), ("ValidationFailed", _), ("FailedJobDeploy", _): state = .failed
        case ("Complete", "STOPPED"): state = .canceled
        case ("Complete", _): state = .complete
        // Up to 0.6 the job's own end is all that is told.
        case ("Running", "SUCCEEDED"), ("", "SUCCEEDED"), ("FailedToGetJobStatus", "SUCCEEDED"): state = .complete
        case ("Running", "FAILED") where !mayRetry, ("", "FAILED") where !mayRetry: state = .failed
        case ("Running", "STOPPED"), ("", "STOPPED"): state = .canceled
        case ("Running", _), (_, "RUNNING"), ("Retrying", _): state = .running
        default: state = .new
        }
        if isDeleted, !state.isFinal { state = .canceled }
        let info = status?["rayJobInfo"]
        var result = ObjectExecution(
            object, plural: "rayjobs", type: "ray.RayJob", convention: convention,
            state: (state, deployment.isEmpty ? "status.jobStatus" : "status.jobDeploymentStatus"),
            start: ObjectExecution.date(info?["startTime"]) ?? ObjectExecution.date(status?["startTime"]),
            end: ObjectExecution.date(info?["endTime"]) ?? ObjectExecution.date(status?["endTime"]),
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        if state != .complete { result.property("message", status?["message"]) }
        result.property("reason", status?["reason"])
        result.property("ray_job_id", status?["jobId"])
        result.property("ray_cluster", status?["rayClusterName"])
        let spec = object.raw["spec"]
        result.parameter("entrypoint", spec?["entrypoint"])
        let head = spec?["rayClusterSpec"]?["headGroupSpec"]?["template"]?["spec"]?["containers"]?.array?.first
        result.parameter("image", head?["image"])
        result.parameter("runtimeEnv", spec?["runtimeEnvYAML"])
        for member in spec?["metadata"]?.object ?? JSONObject() { result.parameter(member.key, member.value) }
        return result.decorated(
            template: ["spec": ["containers": [["name": "ray", "command": .array(words(spec?["entrypoint"]))]]]])
    }

    /// The entrypoint's words, so that `$(arg.--lr)` finds them.
    private static func words(_ entrypoint: JSONValue?) -> [JSONValue] {
        (entrypoint?.string ?? "").split(whereSeparator: \.isWhitespace).map { .string(String($0)) }
    }
}
