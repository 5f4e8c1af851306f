import JSON
import Kubernetes
import Lineage

/// Kubeflow Pipelines v2. Up to 2.18 its launcher writes MLMD itself, and its steps are left out; later
/// nobody does, and they are recorded in the shape that its UI and clients know (backend/src/v2, 2.0 to 2.18
/// and the release that follows).
enum KubeflowPipelinesV2 {
    static let convention = "kubeflow-pipelines-v2"
    private static let prefix = "pipelines.kubeflow.org/"

    /// Whether a Workflow is of version 2: its own metadata does not say so.
    static func matches(_ workflow: KubernetesObject) -> Bool {
        let pods = workflow.raw["spec"]?["podMetadata"]
        return [pods?["labels"], pods?["annotations"]].contains { $0?[prefix + "v2_component"]?.string == "true" }
            || isMarked(workflow)
    }

    private static func isMarked(_ object: KubernetesObject) -> Bool {
        ["v2_component", "v2_pipeline"].contains {
            object.labels[prefix + $0] == "true" || object.annotations[prefix + $0] == "true"
        }
    }

    private static let recordedAlready = "its launcher writes the metadata itself"

    // MARK: Pods

    /// - Returns: `nil` for a pod that is not of version 2.
    static func result(pod object: KubernetesObject, isDeleted: Bool, capture: Capture) -> Capture.Result? {
        guard isMarked(object) else { return nil }
        let pod = PodFacts(object, isDeleted: isDeleted)
        guard let flags = LauncherFlags(container: pod.main) else {
            return .init(convention: convention, ignored: ["\(object.reference): a driver, which is no step"])
        }
        switch flags.recorder {
        case .launcher(let flag):
            return .init(convention: convention, ignored: ["\(object.reference): \(recordedAlready) (\(flag))"])
        case .unknown:
            return .init(convention: convention, problems: [unknown(object, "spec.containers[main].command")])
        case .nobody: break
        }
        var step = ArgoPod(pod, capture: capture).execution()
        var facts = Facts(flags: flags, object: object, field: "spec.containers[main].command")
        facts.podUID = object.uid
        facts.image = pod.main["image"]?.string
        facts.retry = pod.environment("KFP_RETRY_INDEX")
        decorate(&step.execution, facts)
        Annotations(pod, runID: step.execution.run.name).decorate(&step.execution)
        return .init(convention: convention, executions: [step.execution])
    }

    private static func unknown(_ object: KubernetesObject, _ field: String) -> Problem {
        Problem(
            object: object.reference, field: field,
            reason: "neither --mlmd_server_address nor --parent_task_id: who records this launcher's steps is unknown")
    }

    // MARK: Workflows

    static func result(workflow: ArgoWorkflow, isDeleted: Bool, capture: Capture) -> Capture.Result {
        let object = workflow.object
        var result = Capture.Result(convention: convention)
        switch recorder(of: object) {
        case .launcher(let flag):
            result.ignored.append("\(object.reference): \(recordedAlready) (\(flag))")
            return result
        case .unknown:
            result.problems.append(unknown(object, "spec.templates[system-container-driver]"))
            return result
        case .nobody: break
        }
        var run = run(id: object.labels["pipeline/runid"] ?? object.uid, object)
        run.pipeline = pipelineName(of: object)
        result.run = workflow.status(of: run, convention: convention)
        let nodes: [ArgoWorkflow.Node]
        switch workflow.nodes() {
        case .failure(let problem):
            result.problems.append(problem)
            result.offloaded = workflow.offloadedVersion.map { .init(version: $0, problem: problem) }
            return result
        case .success(let found): nodes = found
        }
        if nodes.isEmpty { result.ignored.append("\(object.reference), status: has no nodes") }
        let byID = Dictionary(nodes.map { ($0.id, $0) }) { $1 }
        for node in nodes {
            let template = node.text("templateName")
            let isImporter = template.hasPrefix("system-importer")
            // A task whose condition is false never gets as far as its launcher.
            let isSkippedTask = template.hasSuffix("system-container-executor") && node.text("type") == "Skipped"
            // Nor does one whose driver failed.
            let isFailedDriver =
                template.hasSuffix("system-container-driver") && ["Failed", "Error"].contains(node.text("phase"))
            guard isImporter || isSkippedTask || isFailedDriver || template.hasSuffix("system-container-impl"),
                ["Pod", "Skipped"].contains(node.text("type")), node.text("phase") != "Omitted"
            else { continue }
            var ignored: [String] = []
            guard var step = workflow.step(of: node, ignored: &ignored) else { continue }
            step.execution.inputs = []
            step.execution.outputs = []
            let boundary = isSkippedTask || isFailedDriver ? node : byID[node.text("boundaryID")]
            if node.text("type") == "Skipped", parameter(boundary, "cached-decision") == "true" {
                cached(&step.execution, node, boundary, nodes, object)
            } else if let container = isImporter ? importer(workflow, node) : launcher(node, boundary),
                let flags = LauncherFlags(container: container)
            {
                let facts = Facts(
                    flags: flags, object: object, field: "\(node.field).inputs.parameters[pod-spec-patch]",
                    image: container["image"]?.string)
                decorate(&step.execution, facts)
            } else {
                // Its condition was false, and no launcher ran; else what the driver made cannot be read.
                step.execution.parameters = []
                if node.text("type") == "Pod", !isFailedDriver, step.execution.state != .new {
                    step.execution.problems.append(
                        Problem(
                            object: object.reference, field: "\(node.field).inputs.parameters[pod-spec-patch]",
                            reason: "has no launcher's command in it"))
                }
                step.execution.type = executionType("")
                step.execution.name =
                    parameter(node, "task-name") ?? boundary?.text("displayName") ?? step.execution.name
                setRun(&step.execution, id: object.labels["pipeline/runid"] ?? object.uid, object)
            }
            if isDeleted, !step.execution.state.isFinal { step.execution.state = .canceled }
            result.executions.append(step.execution)
        }
        return result
    }

    /// By the arguments of the drivers that it was compiled with.
    private static func recorder(of workflow: KubernetesObject) -> LauncherFlags.Recorder {
        let templates =
            workflow.raw["spec"]?["templates"]?.array
            ?? workflow.raw["status"]?["storedWorkflowTemplateSpec"]?["templates"]?.array ?? []
        for template in templates {
            // Of 1.7 and 1.8, in the mode that ran components of version 2.
            if let container = template["container"], let flags = LauncherFlags(container: container),
                case .launcher(let flag) = flags.recorder
            {
                return .launcher(flag)
            }
            guard template["name"]?.string?.hasSuffix("-driver") == true else { continue }
            let words = (template["container"]?["args"]?.array ?? []).compactMap(\.string)
            let keys = words + (template["plugin"]?.jsonText() ?? "").split(separator: "\"").map(String.init)
            if keys.contains(where: { $0.hasSuffix("dag_execution_id") }) { return .launcher("--dag_execution_id") }
            if keys.contains(where: { $0.hasSuffix("parent_task_id") }) { return .nobody }
        }
        return .unknown
    }

    private static func parameter(_ node: ArgoWorkflow.Node?, _ name: String) -> String? {
        node?.value["inputs"]?["parameters"]?.array?.first { $0["name"]?.string == name }?["value"]?.scalarText
    }

    /// The main container that the driver made.
    private static func launcher(_ node: ArgoWorkflow.Node, _ boundary: ArgoWorkflow.Node?) -> JSONValue? {
        for text in [parameter(node, "pod-spec-patch"), parameter(boundary, "pod-spec-patch")] {
            guard let text, !text.isEmpty, let patch = try? JSONValue(parsing: text) else { continue }
            let main = patch["containers"]?.array?.first { $0["name"]?.string == "main" }
            if let main { return main }
        }
        return nil
    }

    /// The template's container, with the node's parameters in it.
    private static func importer(_ workflow: ArgoWorkflow, _ node: ArgoWorkflow.Node) -> JSONValue? {
        guard var container = workflow.template(of: node)?["container"]?.object else { return nil }
        var values = ["workflow.uid": workflow.object.labels["pipeline/runid"] ?? ""]
        for parameter in node.value["inputs"]?["parameters"]?.array ?? [] {
            guard let name = parameter["name"]?.string, let value = parameter["value"]?.scalarText else { continue }
            values["inputs.parameters.\(name)"] = values["inputs.parameters.\(name)"] ?? value
        }
        let arguments = (container["args"]?.array ?? []).map { argument -> JSONValue in
            argument.string.map { .string(Placeholders.fill($0, values)) } ?? argument
        }
        container["args"] = .array(arguments)
        return .object(container)
    }

    /// A step served from the cache: its inputs and outputs are nowhere in Kubernetes.
    private static func cached(
        _ execution: inout Execution, _ node: ArgoWorkflow.Node, _ boundary: ArgoWorkflow.Node?,
        _ nodes: [ArgoWorkflow.Node], _ object: KubernetesObject
    ) {
        execution.state = .cached
        execution.type = executionType("")
        execution.end = execution.end ?? execution.start
        let driver = nodes.first { $0.text("name") == (boundary?.text("name") ?? "") + "-driver" }
        execution.name = parameter(driver, "task-name") ?? boundary?.text("displayName") ?? execution.name
        execution.customProperties["display_name"] = .string(execution.name)
        execution.evidence.removeAll { $0.fact.hasPrefix("state ") }
        execution.evidence.append(
            Evidence(
                convention: convention, fact: "state cached",
                field: "\(boundary?.field ?? node.field).inputs.parameters[cached-decision]"))
        execution.problems.append(
            Problem(
                object: object.reference, field: node.field,
                reason: "served from the cache: Kubernetes has nothing of its inputs and outputs"))
        setRun(&execution, id: object.labels["pipeline/runid"] ?? object.uid, object)
        execution.customProperties["message"] = nil
        for (name, key) in [("task_name", "task-name"), ("parent_task_id", "parent-dag-task-id")] {
            if let value = parameter(driver, key) { execution.customProperties[name] = .string(value) }
        }
        execution.run.pipeline = pipelineName(of: object)
    }

    /// As the drivers are told it.
    private static func pipelineName(of workflow: KubernetesObject) -> String? {
        for template in workflow.raw["spec"]?["templates"]?.array ?? [] {
            let words = (template["container"]?["args"]?.array ?? []).compactMap(\.string)
            guard let index = words.firstIndex(of: "--pipeline_name"), index + 1 < words.count else { continue }
            return words[index + 1].contains("{{") ? nil : words[index + 1]
        }
        return nil
    }

    // MARK: Both

    private struct Facts {
        var flags: LauncherFlags
        var object: KubernetesObject
        var field: String
        var image: String?
        var podUID: String?
        var retry: String?
    }

    private static func executionType(_ kind: String) -> String {
        kind == "importer" ? "system.ImporterExecution" : "system.ContainerExecution"
    }

    private static func setRun(_ execution: inout Execution, id: String, _ object: KubernetesObject) {
        execution.run = run(id: id, object)
    }

    private static func run(id: String, _ object: KubernetesObject) -> Run {
        let name = object.kind == "Workflow" ? object.name : object.labels[ArgoPod.workflowLabel] ?? ""
        return Run(
            type: TypeName.kfpPipelineRun, name: id,
            displayName: object.annotations[prefix + "run_name"] ?? id,
            customProperties: ["namespace": .string(object.namespace), "resource_name": .string(name)])
    }

    private static func decorate(_ execution: inout Execution, _ facts: Facts) {
        let flags = facts.flags
        execution.type = executionType(flags["executor_type"] ?? "")
        execution.name = flags["task_name"] ?? execution.name
        setRun(&execution, id: flags["run_id"] ?? facts.object.labels["pipeline/runid"] ?? "", facts.object)
        execution.run.pipeline = flags["pipeline_name"]
        var custom: [String: PropertyValue] = ["display_name": .string(execution.name)]
        for (name, value) in [
            ("task_name", flags["task_name"]), ("task_id", flags["task_id"]),
            ("parent_task_id", flags["parent_task_id"]), ("cache_fingerprint", flags["fingerprint"]),
            ("image", facts.image), ("pod_uid", facts.podUID), ("pipeline_name", flags["pipeline_name"]),
        ] {
            if let value, !value.isEmpty { custom[name] = .string(value) }
        }
        if let index = flags["iteration_index"].flatMap({ Int64($0) }), index >= 0 {
            custom["iteration_index"] = .int(index)
        }
        execution.customProperties.merge(custom) { $1 }
        execution.evidence.append(
            Evidence(convention: convention, fact: "task \(execution.name)", field: "\(facts.field) --task_name"))
        execution.parameters = []
        if flags.isImporter { return importer(&execution, facts) }
        let field = "\(facts.field) --executor_input"
        // The attempt names the log, where the environment does not.
        var retry = facts.retry
        if retry == nil, case .int(let attempt)? = execution.customProperties["attempt"] { retry = String(attempt) }
        func problem(_ reason: String) {
            execution.problems.append(Problem(object: facts.object.reference, field: field, reason: reason))
        }
        guard let text = flags["executor_input"] else { return problem("is missing") }
        let input: JSONValue
        do throws(JSONError) { input = try JSONValue(parsing: text) } catch { return problem("\(error)") }
        let artifacts = ExecutorInput(input)
        execution.parameters = artifacts.parameters
        if let inputs = artifacts.inputsStructure { execution.customProperties["inputs"] = .structure(inputs) }
        execution.inputs = artifacts.inputs
        // The uris are a plan until the step has ended; of one that failed only the logs are there.
        switch execution.state {
        case .complete: execution.outputs = artifacts.outputs(logSuffix: retry ?? "0")
        case .failed:
            execution.outputs = artifacts.outputs(logSuffix: retry ?? "0").filter { $0.name == ExecutorInput.logs }
        default: execution.outputs = []
        }
        for reason in artifacts.problems { problem(reason) }
        for (direction, uses) in [("input", execution.inputs), ("output", execution.outputs)] {
            execution.evidence += uses.map {
                Evidence(convention: convention, fact: "\(direction) \($0.name)", field: field)
            }
        }
    }

    /// An importer makes an artifact of a uri.
    private static func importer(_ execution: inout Execution, _ facts: Facts) {
        let field = "\(facts.field) --importer_spec"
        guard let text = facts.flags["importer_spec"], let spec = try? JSONValue(parsing: text) else {
            execution.problems.append(Problem(object: facts.object.reference, field: field, reason: "is no JSON"))
            return
        }
        let uri = spec["artifactUri"] ?? spec["artifact_uri"]
        guard let constant = uri?["constant"]?.scalarText ?? uri?["constant"]?["stringValue"]?.string else {
            execution.problems.append(
                Problem(
                    object: facts.object.reference, field: field,
                    reason: "the uri is a parameter, whose value Kubernetes does not have"))
            return
        }
        if (spec["downloadToWorkspace"] ?? spec["download_to_workspace"])?.bool == true {
            execution.type = "system.ImporterWorkspaceExecution"
        }
        var artifact = Artifact(
            type: ExecutorInput.type(spec["typeSchema"] ?? spec["type_schema"]),
            name: constant.split(separator: "/").last.map(String.init), uri: constant)
        artifact.customProperties = ExecutorInput.properties(spec["metadata"])
        if execution.state == .complete {
            execution.outputs = [ArtifactUse(name: "artifact", convention: convention, artifact: artifact)]
            execution.evidence.append(Evidence(convention: convention, fact: "output artifact", field: field))
        }
    }
}
