import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// TaskRuns, CustomRuns and PipelineRuns of Tekton (tekton.dev v1 and v1beta1, pipeline 0.30 to 1.15): each
/// attempt of a TaskRun is an execution; hinted results and artifacts are its inputs and outputs.
struct Tekton {
    static let convention = "tekton"
    private static let prefix = "tekton.dev/"

    private let object: KubernetesObject
    private let isDeleted: Bool
    private let capture: Capture

    init(_ object: KubernetesObject, isDeleted: Bool, capture: Capture) {
        self.object = object
        self.isDeleted = isDeleted
        self.capture = capture
    }

    /// Why a pod of Tekton is not recorded by itself; `nil` for other pods.
    static func reasonNotAStep(_ pod: KubernetesObject) -> String? {
        if let owner = pod.controller, owner.apiVersion.hasPrefix(prefix), owner.kind == "TaskRun" {
            return "its TaskRun \(owner.name) tells of it"
        }
        return pod.labels[prefix + "pipelineRun"] == nil ? nil : "belongs to a PipelineRun, but is no step of it"
    }

    func result() -> Capture.Result {
        var result = Capture.Result(convention: Self.convention)
        if object.kind == "PipelineRun" { return pipelineRun(result) }
        let status = object.raw["status"] ?? .null
        let earlier = status["retriesStatus"]?.array ?? []
        for (number, attempt) in earlier.enumerated() {
            guard attempt.object != nil, number < Self.maximumAttempts else {
                result.problems.append(
                    Problem(
                        object: object.reference, field: "status.retriesStatus[\(number)]",
                        reason: number < Self.maximumAttempts
                            ? "\(attempt.kindName) where an object should be"
                            : "only the first \(Self.maximumAttempts) attempts are recorded"))
                if number >= Self.maximumAttempts { break }
                continue
            }
            result.executions.append(
                execution(attempt, number, "status.retriesStatus[\(number)]", isLast: false, &result.ignored))
        }
        result.executions.append(execution(status, earlier.count, "status", isLast: true, &result.ignored))
        return result
    }

    private static let maximumAttempts = 100

    // MARK: State

    private static let waiting: Set<String> = [
        "", "Started", "Pending", "TaskRunPending", "PipelineRunPending", "ResolvingTaskRef",
        "ResolvingStepActionRef", "ResolvingPipelineRef", "ExceededResourceQuota", "ExceededNodeResources",
        "PullImageFailed", "ToBeRetried",
    ]
    private static let canceled: Set<String> = [
        "TaskRunCancelled", "Cancelled", "CustomRunCancelled", "RunCancelled", "PipelineRunCancelled",
    ]

    private func condition(_ status: JSONValue) -> JSONValue? {
        status["conditions"]?.array?.first { $0["type"]?.string == "Succeeded" }
    }

    private func state(_ status: JSONValue) -> Execution.State {
        guard let condition = condition(status) else { return isDeleted ? .canceled : .new }
        let reason = condition["reason"]?.string ?? ""
        switch condition["status"]?.string {
        case "True": return .complete
        case "False": return Self.canceled.contains(reason) ? .canceled : .failed
        default:
            if isDeleted { return .canceled }
            return Self.waiting.contains(reason) || ObjectExecution.date(status["startTime"]) == nil ? .new : .running
        }
    }

    private func end(_ status: JSONValue) -> Date? {
        ObjectExecution.date(status["completionTime"])
            ?? (isDone(status) ? ObjectExecution.date(condition(status)?["lastTransitionTime"]) : nil)
    }

    /// Whether the condition tells an end; a deletion may come before it.
    private func isDone(_ status: JSONValue) -> Bool {
        ["True", "False"].contains(condition(status)?["status"]?.string ?? "")
    }

    // MARK: Runs

    private var pipelineTask: String? { object.labels[Self.prefix + "pipelineTask"] }

    private var run: Run {
        var run: Run
        let owner = object.owners.first { $0.kind == "PipelineRun" }
        if let name = object.annotations[Annotations.run], !name.isEmpty {
            run = Run(name: "\(object.namespace)/\(name)", displayName: name)
        } else if let owner {
            run = ArgoWorkflow.run(name: owner.name, uid: owner.uid)
        } else if let name = object.labels[Self.prefix + "pipelineRun"] {
            run = ArgoWorkflow.run(name: name, uid: object.labels[Self.prefix + "pipelineRunUID"])
        } else {
            run = ArgoWorkflow.run(name: object.name, uid: object.uid)
        }
        if let pipeline = object.labels[Self.prefix + "pipeline"] {
            run.customProperties["pipeline"] = .string(pipeline)
        }
        return run
    }

    // MARK: Executions

    private func execution(
        _ status: JSONValue, _ attempt: Int, _ field: String, isLast: Bool, _ ignored: inout [String]
    ) -> Execution {
        let state = state(status)
        var result = ObjectExecution(
            object, plural: "\(object.kind.lowercased())s", detail: attempt > 0 ? String(attempt) : nil,
            type: "tekton.\(object.kind)", convention: Self.convention,
            state: (state, "\(field).conditions[Succeeded]"), start: ObjectExecution.date(status["startTime"]),
            end: end(status), run: run, capture: capture)
        result.execution.name = pipelineTask ?? object.name
        if attempt > 0 || !isLast { result.execution.customProperties["attempt"] = .int(Int64(attempt)) }
        let names = ["TaskRun": "task_run", "CustomRun": "custom_run", "Run": "custom_run"]
        if let name = names[object.kind] { result.property(name, .string(object.name)) }
        result.property("task", object.labels[Self.prefix + "task"].map { .string($0) })
        if let pod = status["podName"]?.string, !pod.isEmpty {
            result.property("pod_name", .string(pod))
            result.property("kfp_pod_name", .string(pod))
        }
        if state != .complete {
            result.property("reason", condition(status)?["reason"])
            result.property("message", condition(status)?["message"])
        }
        addParameters(status, &result)
        let source = status["provenance"]?["refSource"] ?? status["provenance"]?["configSource"]
        result.property("task_source", source?["uri"])
        for (index, step) in (status["steps"]?.array ?? []).enumerated() {
            guard let image = step["imageID"]?.string, !image.isEmpty else { continue }
            let pullable = "docker-pullable://"
            let name = step["name"]?.string ?? String(index)
            result.property(
                "image:\(name)", .string(image.hasPrefix(pullable) ? String(image.dropFirst(pullable.count)) : image))
        }
        // Before the end they are the last attempt's.
        if isDone(status) { addResults(status, field, &result) } else { addSource(status, field, &result) }
        return isLast ? withoutInherited(result).decorated() : result.execution
    }

    /// Tekton copies a PipelineRun's annotations onto its TaskRuns: inputs and outputs of the whole are not
    /// those of each task.
    private func withoutInherited(_ result: ObjectExecution) -> ObjectExecution {
        guard object.kind != "PipelineRun",
            let pipelineRun = capture.owners.chain(of: object).first(where: { $0.kind == "PipelineRun" })
        else { return result }
        var copy = object
        for name in ["inputs", "input", "outputs", "output", "execution"] {
            let key = Annotations.prefix + name
            if let value = pipelineRun.annotations[key], object.annotations[key] == value {
                copy.annotations[key] = nil
            }
        }
        return result.of(copy)
    }

    private func addParameters(_ status: JSONValue, _ result: inout ObjectExecution) {
        let given = object.raw["spec"]?["params"]
        if let given, given.array == nil, !given.isNull {
            result.problem("spec.params", "\(given.kindName) where a list should be")
        }
        for (index, parameter) in (given?.array ?? []).enumerated() {
            guard let name = parameter["name"]?.string else {
                result.problem("spec.params[\(index)]", "has no name")
                continue
            }
            result.parameter(name, parameter["value"])
        }
        var known = Set(result.execution.parameters.map(\.name))
        for parameter in taskParameters(status) where parameter["default"] != nil {
            guard let name = parameter["name"]?.string, known.insert(name).inserted else { continue }
            result.parameter(name, parameter["default"])
        }
    }

    private func taskParameters(_ status: JSONValue) -> [JSONValue] {
        (status["taskSpec"] ?? status["pipelineSpec"])?["params"]?.array ?? []
    }

    private func results(
        _ list: JSONValue?, _ field: String, _ problems: inout [(field: String, reason: String)]
    ) -> [TektonHints.Entry] {
        guard let list, !list.isNull else { return [] }
        guard let elements = list.array else {
            problems.append((field, "\(list.kindName) where a list should be"))
            return []
        }
        return elements.enumerated().compactMap { index, element in
            guard let name = element["name"]?.string else {
                problems.append(("\(field)[\(index)]", "has no name"))
                return nil
            }
            return .init(name: name, value: element["value"] ?? .null, field: "\(field)[\(index)]")
        }
    }

    /// Parameters that may name the source code: defaults, then what was given.
    private func sources(_ status: JSONValue, _ field: String) -> [TektonHints.Entry] {
        let defaults = taskParameters(status).compactMap { parameter in
            parameter["name"]?.string.map {
                TektonHints.Entry(name: $0, value: parameter["default"] ?? .null, field: "\(field).taskSpec.params")
            }
        }
        let given = (object.raw["spec"]?["params"]?.array ?? []).enumerated().compactMap { index, parameter in
            parameter["name"]?.string.map {
                TektonHints.Entry(name: $0, value: parameter["value"] ?? .null, field: "spec.params[\(index)]")
            }
        }
        return defaults + given
    }

    private func addSource(_ status: JSONValue, _ field: String, _ result: inout ObjectExecution) {
        var hints = TektonHints([])
        hints.addGit(sources(status, field))
        for use in hints.found { result.input(use.name, use.artifact, field: use.field) }
    }

    private func addResults(_ status: JSONValue, _ field: String, _ result: inout ObjectExecution) {
        var problems: [(field: String, reason: String)] = []
        let name = ["results", "taskResults", "pipelineResults"].first { status[$0] != nil } ?? "results"
        let own = results(status[name], "\(field).\(name)", &problems)
        var hints = TektonHints(own, acceptsText: object.kind == "CustomRun")
        hints.addGit(sources(status, field) + own)
        for (index, step) in (status["steps"]?.array ?? []).enumerated() {
            let place = "\(field).steps[\(index)]"
            let entries = results(step["results"], "\(place).results", &problems)
            let found = TektonHints(entries)
            for use in found.found { hints.add(use.name, use.artifact, use.field, isInput: use.isInput) }
            hints.addGit(entries)
            problems += found.problems
            for other in found.others {
                result.property(
                    "output:\(step["name"]?.string ?? String(index)).\(other.name)",
                    .string(other.value.scalarText ?? other.value.jsonText()))
            }
            hints.addValues(step["inputs"], "\(place).inputs", isInput: true)
            hints.addValues(step["outputs"], "\(place).outputs", isInput: false)
        }
        hints.addValues(status["artifacts"]?["inputs"], "\(field).artifacts.inputs", isInput: true)
        hints.addValues(status["artifacts"]?["outputs"], "\(field).artifacts.outputs", isInput: false)
        for use in hints.found {
            if use.isInput {
                result.input(use.name, use.artifact, field: use.field)
            } else {
                result.output(use.name, use.artifact, field: use.field)
            }
        }
        for other in hints.others {
            result.property("output:\(other.name)", .string(other.value.scalarText ?? other.value.jsonText()))
        }
        for problem in problems + hints.problems { result.problem(problem.field, problem.reason) }
    }

    // MARK: PipelineRuns

    private func status(of run: Run, _ status: JSONValue) -> Execution {
        var whole = Execution(
            run: run, of: object, plural: "pipelineruns", convention: Self.convention,
            state: (state(status), "status.conditions[Succeeded]"), start: ObjectExecution.date(status["startTime"]),
            end: end(status), capture: capture)
        if let pipeline = object.labels[Self.prefix + "pipeline"] ?? object.raw["spec"]?["pipelineRef"]?["name"]?.string
        {
            whole.run.customProperties["pipeline"] = .string(pipeline)
        }
        for parameter in object.raw["spec"]?["params"]?.array ?? [] {
            guard let name = parameter["name"]?.string, let value = parameter["value"] else { continue }
            whole.run.customProperties["input:\(name)"] = .string(value.scalarText ?? value.jsonText())
        }
        for result in (status["results"] ?? status["pipelineResults"])?.array ?? [] {
            guard let name = result["name"]?.string, let value = result["value"] else { continue }
            whole.customProperties["output:\(name)"] = .string(value.scalarText ?? value.jsonText())
        }
        if whole.state != .complete, let message = condition(status)?["message"]?.string, !message.isEmpty {
            whole.customProperties["message"] = .string(message)
        }
        return whole
    }

    /// Its tasks that never ran, and itself where its own results are artifacts. The rest its TaskRuns tell.
    private func pipelineRun(_ result: Capture.Result) -> Capture.Result {
        var result = result
        let status = object.raw["status"] ?? .null
        var run = run
        if object.annotations[Annotations.run] == nil {
            run.name = ArgoWorkflow.run(name: object.name, uid: object.uid).name
            run.displayName = object.name
        }
        // Several objects may share a run that was named.
        if object.annotations[Annotations.run] == nil {
            result.run = self.status(of: run, status)
        }
        for (index, task) in (status["skippedTasks"]?.array ?? []).enumerated() {
            guard let name = task["name"]?.string, task["reason"]?.string != "None" else { continue }
            var skipped = ObjectExecution(
                object, plural: "pipelineruns", detail: name, type: "tekton.TaskRun", convention: Self.convention,
                state: (.canceled, "status.skippedTasks[\(index)]"), start: nil, end: end(status), run: run,
                capture: capture)
            skipped.execution.name = name
            skipped.property("message", task["reason"])
            result.executions.append(skipped.execution)
        }
        if state(status).isFinal || Annotations.matches(object) {
            var whole = execution(status, 0, "status", isLast: true, &result.ignored)
            whole.run = run
            if !whole.inputs.isEmpty || !whole.outputs.isEmpty || !whole.problems.isEmpty {
                result.executions.append(whole)
            }
        }
        if result.executions.isEmpty { result.ignored.append("\(object.reference): its TaskRuns tell of it") }
        for old in ["taskRuns", "runs"] where status[old] != nil {
            result.ignored.append("\(object.reference), status.\(old): the TaskRuns themselves tell this")
        }
        return result
    }
}
