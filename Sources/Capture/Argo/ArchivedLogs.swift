import Lineage

extension Capture.Result {
    /// Leaves out archived logs: of Argo Workflows, and of Kubeflow Pipelines v1 and v2.
    mutating func removeLogs() {
        for index in executions.indices {
            var names: Set<String> = []
            executions[index].outputs.removeAll { use in
                let isLog =
                    use.artifact.type == TypeName.argoLog || use.name == ExecutorInput.logs
                    || ArgoArtifact.isLog(use.name, use.artifact.uri ?? "")
                if isLog { names.insert("output \(use.name)") }
                return isLog
            }
            executions[index].evidence.removeAll { names.contains($0.fact) }
        }
    }
}
