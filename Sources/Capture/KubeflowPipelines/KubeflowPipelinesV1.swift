import JSON
import Kubernetes
import Lineage

/// Kubeflow Pipelines v1 (0.5 to 1.8), in the shape of its own recorder, so that years of its
/// records go on without a seam (backend/metadata_writer, 1.8.5).
enum KubeflowPipelinesV1 {
    static let convention = "kubeflow-pipelines-v1"
    private static let prefix = "pipelines.kubeflow.org/"
    private static let runLabel = "pipeline/runid"

    static func matches(_ object: KubernetesObject) -> Bool {
        if object.labels[runLabel] != nil { return true }
        return object.labels.keys.contains { $0.hasPrefix(prefix) }
            || object.annotations.keys.contains { $0.hasPrefix(prefix) }
    }

    // MARK: TFX

    private static let tfx = "TFX writes its metadata itself"
    private static let sdkLabel = prefix + "pipeline-sdk-type"

    /// Whether a step is one of TFX, which KFP's own recorder leaves out too (backend/metadata_writer, 0.5 to 2.x).
    private static func isTFX(_ labels: [String: String], _ container: JSONValue?) -> Bool {
        if labels[sdkLabel]?.contains("tfx") == true { return true }
        let last = container?["command"]?.array?.last?.string
        return last?.hasSuffix("tfx/orchestration/kubeflow/container_entrypoint.py") == true
    }

    /// Why a pod is left out; `nil` for one that is a step.
    static func reasonNotAStep(_ pod: PodFacts) -> String? { isTFX(pod.object.labels, pod.main) ? tfx : nil }

    /// The same of a node.
    static func reasonNotAStep(_ node: ArgoWorkflow.Node, of workflow: ArgoWorkflow) -> String? {
        guard let template = workflow.template(of: node) else { return nil }
        return isTFX(template["metadata"]?["labels"]?.object?.strings ?? [:], template["container"]) ? tfx : nil
    }

    // MARK: Pods

    static func decorate(_ step: inout Step, pod: PodFacts) {
        let object = pod.object
        let workflow = object.labels[ArgoPod.workflowLabel] ?? ""
        decorate(
            &step,
            Facts(
                object: object.reference, field: "metadata.annotations", workflow: workflow,
                annotations: object.annotations, labels: object.labels, resolved: true))
        step.execution.customProperties["kfp_pod_name"] = .string(object.name)
        if let archive = step.execution.customProperties[Execution.archiveLocation]?.text, archive.hasPrefix("s3://"),
            !step.archiveIsAmazon
        {
            step.execution.customProperties[Execution.archiveLocation] = .string("minio" + archive.dropFirst(2))
        }
        step.execution.wantsWriteBack = true
        let label = prefix + "reused_from_cache"
        if object.labels[label] == "true" {
            step.execution.state = .cached
            step.execution.evidence.append(
                Evidence(convention: convention, fact: "state cached", field: "metadata.labels[\"\(label)\"]"))
        } else {
            step.execution.recordedID = object.labels[prefix + "metadata_execution_id"].flatMap { Int64($0) }
        }
    }

    // MARK: Workflows

    static func decorate(_ step: inout Step, workflow: ArgoWorkflow, node: ArgoWorkflow.Node) {
        let metadata = workflow.template(of: node)?["metadata"]
        var annotations = metadata?["annotations"]?.object?.strings ?? [:]
        let key = prefix + "arguments.parameters"
        annotations[key] = annotations[key].map { filled($0, workflow, node) }
        decorate(
            &step,
            Facts(
                object: workflow.object.reference,
                field: "spec.templates[\"\(step.templateName)\"].metadata.annotations",
                workflow: workflow.object.name,
                annotations: annotations, labels: workflow.object.labels, resolved: false))
        step.execution.run = run(of: workflow.object)
    }

    /// A template's text, a JSON object, with the values that Argo puts in place of `{{…}}`.
    private static func filled(_ text: String, _ workflow: ArgoWorkflow, _ node: ArgoWorkflow.Node) -> String {
        guard text.contains("{{") else { return text }
        var values: [String: String] = [:]
        func put(_ name: String, _ value: String) {
            // Within a text of JSON. Of several of one name the first counts.
            if values[name] == nil { values[name] = String(JSONValue.string(value).jsonText().dropFirst().dropLast()) }
        }
        func put(_ prefix: String, _ parameters: JSONValue?) {
            for parameter in parameters?.array ?? [] {
                guard let name = parameter["name"]?.string, let value = parameter["value"]?.scalarText else { continue }
                put("\(prefix).\(name)", value)
            }
        }
        put("inputs.parameters", node.value["inputs"]?["parameters"])
        put("workflow.parameters", workflow.object.raw["spec"]?["arguments"]?["parameters"])
        put("workflow.name", workflow.object.name)
        put("workflow.uid", workflow.object.uid)
        put("workflow.namespace", workflow.object.namespace)
        return Placeholders.fill(text, values)
    }

    /// The run of a Workflow, with the name that people gave it.
    static func run(of workflow: KubernetesObject) -> Run {
        var run = run(workflow: workflow.name, labels: workflow.labels)
        if let name = workflow.annotations[prefix + "run_name"] { run.displayName = name }
        run.customProperties["namespace"] = .string(workflow.namespace)
        return run
    }

    private static func run(workflow: String, labels: [String: String]) -> Run {
        Run(
            type: TypeName.kfpRun, name: workflow, displayName: workflow,
            properties: ["pipeline_name": .string(workflow), "run_id": .string(workflow)],
            customProperties: labels[runLabel].map { ["kfp_run_id": .string($0)] } ?? [:])
    }

    // MARK: Both

    private struct Facts {
        var object: String
        var field: String
        var workflow: String
        var annotations: [String: String]
        var labels: [String: String]
        /// Whether Argo has put values in place of `{{…}}`: on the pod, not in the template.
        var resolved: Bool
    }

    private static func decorate(_ step: inout Step, _ facts: Facts) {
        // A pod served from the cache has no template any more; tasks are named as their templates.
        if step.templateName.isEmpty { step.templateName = step.execution.name }
        var name = step.templateName
        var type = "components.\(name)"
        var types: [String: String] = [:]
        let specKey = prefix + "component_spec"
        if let text = facts.annotations[specKey] {
            let field = "\(facts.field)[\"\(specKey)\"]"
            do {
                let spec = try JSONValue(parsing: text)
                name = spec["name"]?.string ?? name
                // The digest is over the annotation's own bytes.
                type = "components.\(name)@sha256=\(Identity.sha256(text))"
                types = outputTypes(spec)
                step.execution.evidence.append(
                    Evidence(convention: convention, fact: "component \(name)", field: field))
            } catch {
                step.execution.problems.append(Problem(object: facts.object, field: field, reason: "\(error)"))
            }
        }
        step.execution.type = Identity.bounded(type)
        step.execution.properties = [
            "pipeline_name": .string(facts.workflow), "run_id": .string(facts.workflow),
            "component_id": .string(name),
        ]
        step.execution.customProperties["pipeline_name"] = .string(facts.workflow)
        step.execution.customProperties["run_id"] = .string(facts.workflow)
        if let display = facts.annotations[prefix + "task_display_name"], facts.resolved || !display.contains("{{") {
            step.execution.customProperties["display_name"] = .string(display)
        }
        step.execution.run = run(workflow: facts.workflow, labels: facts.labels)
        step.execution.run.customProperties["namespace"] = step.execution.customProperties["namespace"]
        arguments(&step, facts)
        step.execution.inputs = step.inputs.compactMap { input(of: $0) }
        step.execution.outputs = step.outputs.compactMap { output(of: $0, step.templateName, types, facts) }
    }

    /// The parameters, from the annotation `arguments.parameters`.
    private static func arguments(_ step: inout Step, _ facts: Facts) {
        let key = prefix + "arguments.parameters"
        guard let text = facts.annotations[key], facts.resolved || !text.contains("{{") else { return }
        do {
            let arguments = try JSONValue(parsing: text).object ?? JSONObject()
            step.execution.parameters = arguments.map {
                .init(name: $0.key, value: $0.value.scalarText ?? $0.value.jsonText())
            }
        } catch {
            step.execution.problems.append(
                Problem(object: facts.object, field: "\(facts.field)[\"\(key)\"]", reason: "\(error)"))
        }
    }

    /// The declared types of outputs by their names as Argo has them.
    private static func outputTypes(_ spec: JSONValue) -> [String: String] {
        var result: [String: String] = [:]
        for output in spec["outputs"]?.array ?? [] {
            guard let name = output["name"]?.string else { continue }
            // A type may be a structure: {GCSPath: {…}}; its name is the type.
            let type = output["type"]?.string ?? output["type"]?.object?.keys.first
            if let type, !type.isEmpty { result[sanitized(name)] = type }
        }
        return result
    }

    /// A name as the compiler writes it for Argo (kfp/compiler/_k8s_helper, 0.5 to 1.8).
    private static func sanitized(_ name: String) -> String {
        var result = ""
        for character in name {
            let keep = character.isASCII && (character.isLetter || character.isNumber || character == "_")
            if keep { result.append(character) } else if result.last != "-" { result.append("-") }
        }
        while result.hasPrefix("-") { result.removeFirst() }
        while result.hasSuffix("-") { result.removeLast() }
        return result
    }

    /// `minio://bucket/key`, or `s3://` for Amazon's own endpoints; nothing else is recorded by KFP,
    /// and other locations keep their own uri.
    private static func uri(_ artifact: ArgoArtifact) -> String? {
        guard artifact.kind == "s3", let uri = artifact.uri else { return artifact.uri }
        let endpoint = artifact.location["endpoint"]?.string ?? ""
        let isAmazon = endpoint.contains("s3") && endpoint.contains("amazonaws.com")
        return isAmazon ? uri : "minio" + uri.dropFirst("s3".count)
    }

    /// An input is named by its path: `/tmp/inputs/<name>/data`.
    private static func input(of artifact: ArgoArtifact) -> ArtifactUse? {
        guard var use = artifact.use() else { return nil }
        if var name = artifact.path {
            if name.hasPrefix("/tmp/inputs/") { name.removeFirst("/tmp/inputs/".count) }
            if name.hasSuffix("/data") { name.removeLast("/data".count) }
            use.name = name
        }
        use.artifact.uri = uri(artifact)
        use.artifact.type = TypeName.kfpUntyped
        return use
    }

    private static func output(
        of artifact: ArgoArtifact, _ template: String, _ types: [String: String], _ facts: Facts
    ) -> ArtifactUse? {
        guard var use = artifact.use() else { return nil }
        let lead = template + "-"
        let name = artifact.name.hasPrefix(lead) ? String(artifact.name.dropFirst(lead.count)) : artifact.name
        use.name = name
        use.artifact.name = name
        use.artifact.uri = uri(artifact)
        use.artifact.type = Identity.bounded(types[name] ?? TypeName.kfpUntyped)
        use.artifact.customProperties["pipeline_name"] = .string(facts.workflow)
        use.artifact.customProperties["run_id"] = .string(facts.workflow)
        use.artifact.customProperties["argo_artifact"] = .string(artifact.raw.jsonText(sortedKeys: true))
        return use
    }
}
