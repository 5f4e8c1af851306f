import JSON
import Kubernetes
import Lineage

/// Trials and Experiments of Katib (kubeflow.org/v1beta1, 0.11 to 0.19): a trial is an execution with the
/// parameters that it tried and the metrics that came of them; the experiment is its run.
enum Katib {
    static let convention = "katib"

    static func trial(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Execution {
        let conditions = ObjectConditions(object)
        let status = object.raw["status"]
        // A trial that was stopped early, or told no metrics, ended well all the same.
        let order: [(String, Execution.State)] = [
            ("Failed", .failed), ("Killed", .canceled), ("MetricsUnavailable", .complete),
            ("EarlyStopped", .complete), ("Succeeded", .complete), ("Running", .running),
        ]
        var found = order.first { conditions.isTrue($0.0) }
        // Up to 0.13 it is a reason, and not a condition.
        let reason = conditions["Succeeded"]?["reason"]?.string ?? ""
        let hasNoMetrics =
            found?.0 == "MetricsUnavailable"
            || found == nil && conditions.isFalse("Succeeded") && reason.hasPrefix("MetricsUnavailable")
        if hasNoMetrics, found == nil { found = ("Succeeded", .complete) }
        var state: (Execution.State, field: String) = (
            found?.1 ?? .new, "status.conditions[\(found?.0 ?? "Created")]"
        )
        if isDeleted, !state.0.isFinal { state = (.canceled, ObjectExecution.deletion) }
        var run = ObjectExecution.run(of: object, capture: capture)
        if let experiment = object.labels["katib.kubeflow.org/experiment"] { run.displayName = experiment }
        var result = ObjectExecution(
            object, plural: "trials", type: "katib.Trial", convention: convention, state: state,
            start: ObjectExecution.date(status?["startTime"]),
            end: ObjectExecution.date(status?["completionTime"]) ?? found.flatMap { conditions.time($0.0) },
            run: run, capture: capture)
        result.execution.customProperties["trial"] = .string(object.name)
        if found?.0 == "EarlyStopped" { result.execution.customProperties["early_stopped"] = .bool(true) }
        result.property("objective_metric", object.raw["spec"]?["objective"]?["objectiveMetricName"])
        if hasNoMetrics {
            result.problem("status.conditions[\(found?.0 ?? "")]", "the job succeeded, but told no metrics")
        }
        let assignments = object.raw["spec"]?["parameterAssignments"]
        for assignment in assignments?.array ?? [] {
            if let name = assignment["name"]?.string { result.parameter(name, assignment["value"]) }
        }
        if state.0 == .complete {
            result.metrics(values(of: object, status?["observation"]), field: "status.observation.metrics")
        }
        return result.decorated()
    }

    /// An experiment that has ended marks its trials: which was the best, and which were not. It knows
    /// them by name; those that were seen have their uids.
    static func experiment(_ object: KubernetesObject, capture: Capture) -> Capture.Result {
        let optimal = object.raw["status"]?["currentOptimalTrial"]
        let run = object.annotations[Annotations.run] == nil ? status(object, optimal, capture) : nil
        guard let best = best(of: object) else {
            var result = Capture.Result(convention: convention, ignored: ["\(object.reference): its trials tell of it"])
            result.run = run
            return result
        }
        var result = Capture.Result(convention: convention)
        result.run = run
        for trial in capture.owners.controlled(by: object.uid, kind: "Trial").sorted(by: { $0.name < $1.name }) {
            var execution = Execution(
                id: Identity.execution(
                    cluster: capture.cluster, namespace: object.namespace, kind: "trials", uid: trial.uid),
                type: "katib.Trial", name: trial.name,
                run: Run(name: "\(object.name)-\(object.uid)", displayName: object.name),
                workspace: Annotations.workspace(of: object),
                customProperties: ["best_trial": .bool(trial.name == best)],
                evidence: [
                    Evidence(
                        convention: convention, fact: trial.name == best ? "best trial" : "not the best trial",
                        field: "Experiment \(object.name) status.currentOptimalTrial.bestTrialName")
                ], authority: .workflow,
                origin: .init(
                    kind: "Experiment", namespace: object.namespace, name: object.name, uid: object.uid))
            execution.role = .fragment
            result.executions.append(execution)
        }
        if result.executions.isEmpty {
            result.ignored.append("\(object.reference): its best trial \(best) was not seen")
        }
        return result
    }

    /// The name of the best trial of an experiment that has ended well.
    static func best(of object: KubernetesObject) -> String? {
        let name = object.raw["status"]?["currentOptimalTrial"]?["bestTrialName"]?.string
        return ObjectConditions(object).isTrue("Succeeded") ? name.flatMap { $0.isEmpty ? nil : $0 } : nil
    }

    /// The experiment as the run of its trials, with the best that it has found.
    private static func status(_ object: KubernetesObject, _ optimal: JSONValue?, _ capture: Capture) -> Execution {
        let conditions = ObjectConditions(object)
        let order: [(String, Execution.State)] = [
            ("Failed", .failed), ("Succeeded", .complete), ("Restarting", .running), ("Running", .running),
        ]
        let found = order.first { conditions.isTrue($0.0) }
        let status = object.raw["status"]
        var result = Execution(
            run: Run(name: "\(object.name)-\(object.uid)", displayName: object.name), of: object, plural: "experiments",
            convention: convention, state: (found?.1 ?? .new, "status.conditions[\(found?.0 ?? "Created")]"),
            start: ObjectExecution.date(status?["startTime"]),
            end: found?.1.isFinal == true
                ? ObjectExecution.date(status?["completionTime"]) ?? found.flatMap { conditions.time($0.0) } : nil,
            capture: capture)
        let spec = object.raw["spec"]
        for (name, value) in [
            ("objective", spec?["objective"]?["objectiveMetricName"]), ("objective_type", spec?["objective"]?["type"]),
            ("algorithm", spec?["algorithm"]?["algorithmName"]), ("best_trial", optimal?["bestTrialName"]),
        ] {
            if let text = value?.scalarText, !text.isEmpty { result.customProperties[name] = .string(text) }
        }
        for assignment in optimal?["parameterAssignments"]?.array ?? [] {
            guard let name = assignment["name"]?.string, let value = assignment["value"]?.scalarText else { continue }
            result.customProperties["best:\(name)"] = .string(value)
        }
        for (name, value) in values(of: object, optimal?["observation"]) {
            result.customProperties["output:\(name)"] = .string(value.scalarText ?? value.jsonText())
        }
        if found?.1 == .failed, let text = conditions.text("Failed") {
            result.customProperties["message"] = .string(text)
        }
        return result
    }

    /// The values that count: by each metric's strategy, else by the type of the objective.
    private static func values(
        of object: KubernetesObject, _ observation: JSONValue?
    ) -> [(name: String, value: JSONValue)] {
        let objective = object.raw["spec"]?["objective"]
        let strategies = Dictionary(
            (objective?["metricStrategies"]?.array ?? []).map { ($0["name"]?.string ?? "", $0["value"]) }
        ) { first, _ in first }
        let usual = ["minimize": "min", "maximize": "max"][objective?["type"]?.string ?? ""] ?? "latest"
        return (observation?["metrics"]?.array ?? []).compactMap { metric in
            guard let name = metric["name"]?.string else { return nil }
            let strategy = strategies[name]??.string ?? usual
            let value = [metric[strategy], metric["latest"]].lazy.compactMap { $0 }.first { !$0.isNull }
            guard let value, value.string != "unavailable" else { return nil }
            return (name, value)
        }
    }
}
