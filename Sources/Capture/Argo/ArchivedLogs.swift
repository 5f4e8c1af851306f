import Lineage

extension Capture.Result {
    /// Leaves out archived logs: of Argo Workflows, and of Kubeflow Pipelines v2.
    mutating func removeLogs() {
        for index in executions.indices {
            executions[index].outputs.removeAll { use in
                use.artifact.type == TypeName.argoLog || use.name == ExecutorInput.logs
            }
        }
    }
}
