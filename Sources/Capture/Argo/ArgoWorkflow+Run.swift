import FoundationEssentials
import JSON
import Kubernetes
import Lineage

extension ArgoWorkflow {
    /// Labels and annotations that tell where a run comes from, and the properties that they become.
    private static let origins = [
        "workflows.argoproj.io/cron-workflow": "cron_workflow",
        "workflows.argoproj.io/workflow-template": "workflow_template",
        "workflows.argoproj.io/cluster-workflow-template": "cluster_workflow_template",
        "workflows.argoproj.io/workflow-event-binding": "event_binding",
        "workflows.argoproj.io/resubmitted-from-workflow": "resubmitted_from",
        "workflows.argoproj.io/creator": "creator",
        "workflows.argoproj.io/creator-email": "creator_email",
        "workflows.argoproj.io/creator-preferred-username": "creator_username",
        "workflows.argoproj.io/title": "title",
        "workflows.argoproj.io/description": "description",
        "workflows.argoproj.io/scheduled-time": "scheduled_time",
    ]

    static func run(of object: KubernetesObject, status: JSONValue) -> Run {
        var run = Self.run(name: object.name, uid: object.uid.isEmpty ? nil : object.uid)
        for (key, name) in Self.origins {
            if let value = object.labels[key] ?? object.annotations[key] { run.customProperties[name] = .string(value) }
        }
        let reference = object.raw["spec"]?["workflowTemplateRef"]
        if let name = reference?["name"]?.string {
            let kind = reference?["clusterScope"]?.bool == true ? "cluster_workflow_template" : "workflow_template"
            run.customProperties[kind] = .string(name)
        }
        // With `resource.setOwnerReference` a step that made this workflow is known.
        if let parent = object.owners.first(where: { $0.kind == "Workflow" }) {
            run.customProperties["parent_workflow"] = .string("\(parent.name)-\(parent.uid)")
        }
        let defaults = status["storedWorkflowTemplateSpec"]?["arguments"]?["parameters"]?.array ?? []
        for parameter in defaults + (object.raw["spec"]?["arguments"]?["parameters"]?.array ?? []) {
            guard let name = parameter["name"]?.string, let value = parameter["value"]?.scalarText else { continue }
            run.customProperties["input:\(name)"] = .string(value)
        }
        return run
    }

    /// How far the run has come, and its global outputs (`globalName`, 2.12 and later).
    /// - Parameter run: as its convention names it.
    func status(of run: Run, convention: String) -> Execution {
        let phase = status["phase"]?.string ?? ""
        var result = Execution(
            run: run, of: object, plural: "workflows", convention: convention,
            state: (Self.state(phase), "status.phase"), start: ObjectExecution.date(status["startedAt"]),
            end: hasEnded ? end : nil, capture: capture)
        if let message = status["message"]?.string, !message.isEmpty {
            result.customProperties[Self.message] = .string(message)
        }
        let outputs = status["outputs"] ?? .null
        result.customProperties.merge(Self.outputProperties(outputs)) { $1 }
        for (index, value) in (outputs["artifacts"]?.array ?? []).enumerated() {
            let field = "status.outputs.artifacts[\(index)]"
            guard let artifact = ArgoArtifact(value, field: field, repositories: repositories),
                let uri = artifact.use()?.artifact.uri, Artifact.isComplete(uri)
            else { continue }
            result.customProperties["output:\(artifact.name)"] = .string(uri)
        }
        return result
    }

    private static let message = "message"

    private static func state(_ phase: String) -> Execution.State {
        switch phase {
        case "Succeeded": .complete
        case "Failed", "Error": .failed
        case "Running": .running
        default: .new
        }
    }
}
