import JSON
import Kubernetes
import Lineage

extension SidecarReport {
    /// The annotation that names the file in which a step reports itself.
    public static let pathAnnotationKey = Annotations.prefix + "report-path"
    /// The container that writes it.
    public static let container = "kfmd-sidecar"
    private static let convention = "sidecar"

    /// What a pod's status has of its sidecar's report.
    enum Found {
        case none
        case report(SidecarReport)
        /// It began as one. The kubelet keeps 12 KiB of messages for all containers of a pod together, each its share.
        case broken
    }

    /// The report in the status of a pod: the termination message of its sidecar.
    static func found(on pod: KubernetesObject) -> Found {
        var found = Found.none
        for list in ["initContainerStatuses", "containerStatuses"] {
            for status in pod.raw["status"]?[list]?.array ?? [] where status["name"]?.string == Self.container {
                for state in ["state", "lastState"] {
                    guard let message = status[state]?["terminated"]?["message"]?.string else { continue }
                    if let report = SidecarReport(parsing: message) { return .report(report) }
                    if message.hasPrefix("{\"kfmd\":") { found = .broken }
                }
            }
        }
        return found
    }

    /// What the report adds to the execution of its pod. It is no execution by itself.
    func addition(to execution: Execution, pod: KubernetesObject) -> Execution {
        var result = Execution(
            id: execution.id, type: execution.type, name: execution.name, run: execution.run,
            workspace: execution.workspace, authority: .sidecar,
            // A message that was cut is another source than the whole report: neither takes the other's place.
            origin: .init(
                kind: isCut ? "SidecarMessage" : "SidecarReport", namespace: pod.namespace, name: pod.name,
                uid: pod.uid))
        result.role = .fragment
        if let time { result.age = Age(time: Timestamp.milliseconds(time)) }
        for digest in digests {
            result.customProperties[Execution.sizePrefix + digest.name] = .int(digest.size)
            result.customProperties[Execution.sha256Prefix + digest.name] = digest.sha256.map { .string($0) }
            result.evidence.append(
                Evidence(convention: Self.convention, fact: "size of \(digest.name)", field: digest.path))
        }
        result.inputs = uses(inputs, "input", pod, &result)
        result.outputs = uses(outputs, "output", pod, &result)
        if !metrics.isEmpty {
            var artifact = Artifact(type: TypeName.metrics, name: "\(execution.name)-metrics")
            for (name, value) in metrics {
                let number = value.number.flatMap { $0.isFinite ? $0 : nil }
                artifact.customProperties["values.\(name)"] =
                    number.map { .double($0) } ?? .string(value.scalarText ?? value.jsonText())
            }
            result.outputs.append(ArtifactUse(name: "metrics", convention: Self.convention, artifact: artifact))
            result.evidence.append(Evidence(convention: Self.convention, fact: "output metrics", field: "metrics"))
        }
        result.parameters = parameters.map {
            Execution.Parameter(name: $0.name, value: $0.value.scalarText ?? $0.value.jsonText())
        }
        result.problems += problems.prefix(Budget.problems).map {
            Problem(object: pod.reference, field: "sidecar", reason: $0.cut(to: Budget.problemLength))
        }
        return result
    }

    private func uses(
        _ items: [JSONValue], _ direction: String, _ pod: KubernetesObject, _ execution: inout Execution
    ) -> [ArtifactUse] {
        // Those that are too many are told of and left out with the rest of the budget.
        items.enumerated().compactMap { index, item in
            var reasons: [String] = []
            let artifact = AnnotatedArtifact(item, &reasons).artifact
            execution.problems += reasons.map {
                Problem(object: pod.reference, field: "report \(direction)s[\(index)]", reason: $0)
            }
            guard let artifact else { return nil }
            let name = artifact.name ?? artifact.uri ?? "\(direction)-\(index)"
            execution.evidence.append(
                Evidence(convention: Self.convention, fact: "\(direction) \(name)", field: "\(direction)s[\(index)]"))
            // As annotations do: who says the same in both says it once.
            return ArtifactUse(name: name, convention: ArtifactUse.annotations, artifact: artifact)
        }
    }
}
