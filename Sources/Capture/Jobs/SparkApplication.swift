import JSON
import Kubernetes
import Lineage

/// A SparkApplication (sparkoperator.k8s.io/v1beta2, spark-operator 1.0 to 2.5).
enum SparkApplication {
    static let convention = "spark-operator"

    static func execution(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution {
        let status = object.raw["status"]
        let word = status?["applicationState"]?["state"]?.string ?? ""
        var state: Execution.State
        switch word {
        case "COMPLETED": state = .complete
        case "FAILED": state = .failed
        case "RUNNING", "SUCCEEDING", "FAILING", "UNKNOWN", "PENDING_RERUN", "INVALIDATING": state = .running
        default: state = .new
        }
        if isDeleted, !state.isFinal { state = .canceled }
        var result = ObjectExecution(
            object, plural: "sparkapplications", type: "spark.SparkApplication", convention: convention,
            state: (state, "status.applicationState.state"),
            start: ObjectExecution.date(status?["lastSubmissionAttemptTime"]),
            end: ObjectExecution.date(status?["terminationTime"]),
            run: ObjectExecution.run(of: object, capture: capture), capture: capture)
        result.property("message", status?["applicationState"]?["errorMessage"])
        if status?["executionAttempts"]?.integer ?? 0 > 1 { result.property("attempts", status?["executionAttempts"]) }
        result.property("spark_application_id", status?["sparkApplicationId"])
        result.property("driver_pod", status?["driverInfo"]?["podName"])
        let spec = object.raw["spec"]
        for name in ["type", "mode", "mainClass", "mainApplicationFile", "image", "sparkVersion"] {
            result.parameter(name, spec?[name])
        }
        for (index, argument) in (spec?["arguments"]?.array ?? []).enumerated() {
            result.parameter("arguments.\(index)", argument)
        }
        return result.decorated(
            template: [
                "spec": [
                    "containers": [
                        [
                            "name": "driver", "args": spec?["arguments"] ?? .null,
                            "env": spec?["driver"]?["env"] ?? .null,
                        ]
                    ]
                ]
            ])
    }
}
