import JSON
import Lineage

/// A workflow's step on its way to an execution: what later conventions add to.
struct Step {
    var execution: Execution
    var templateName: String
    /// Whether the template's archive is at Amazon itself.
    var archiveIsAmazon = false
    /// The artifacts as Argo describes them, in the order of the execution's inputs and outputs.
    var inputs: [ArgoArtifact]
    var outputs: [ArgoArtifact]

    init(_ execution: Execution, templateName: String, inputs: [ArgoArtifact], outputs: [ArgoArtifact]) {
        self.execution = execution
        self.templateName = templateName
        self.inputs = inputs
        self.outputs = outputs
    }
}
