import JSON
import Lineage

/// Writes the ids of what was recorded onto pods, so that kubectl shows them.
///
/// On pods of Kubeflow Pipelines v1 as its own recorder does (backend/metadata_writer, 1.8.5): its UI and its cache read
/// them there. On all others by our own annotations, where that is asked for, once a step: when it has ended.
struct WriteBack: Sendable {
    /// On which pods our own annotations are written.
    let isWanted: @Sendable (_ namespace: String) -> Bool
    /// Where the pages are, for the link; `nil` writes none.
    let pages: String?

    /// The patch of an execution's pod, if that wants one.
    func patch(_ receipt: BatchWriter.Receipt, of execution: Execution) -> Journal.Patch? {
        guard let pod = execution.pod else { return nil }
        var annotations = JSONObject()
        var labels = JSONObject()
        if execution.wantsWriteBack { Self.addKubeflowPipelines(receipt, of: execution, &labels, &annotations) }
        if execution.state.isFinal, execution.role == .step, isWanted(pod.namespace) {
            for (name, value) in own(receipt) { annotations[Self.own + name] = .string(value) }
        }
        guard !annotations.isEmpty else { return nil }
        // The uid makes sure that it is not another pod of the same name.
        var metadata = JSONObject([("uid", JSONValue.string(pod.uid)), ("annotations", .object(annotations))])
        if !labels.isEmpty { metadata["labels"] = .object(labels) }
        let body: JSONValue = ["metadata": .object(metadata)]
        return Journal.Patch(id: 0, namespace: pod.namespace, pod: pod.name, body: body.jsonText())
    }

    /// The prefix of ours; capture knows these names, and never reads them as facts.
    private static let own = "metadata.kubeflow.org/"
    /// Ids of artifacts that are listed: an annotation is no place for thousands.
    private static let mostIDs = 200

    private func own(_ receipt: BatchWriter.Receipt) -> [(String, String)] {
        func ids(_ links: [BatchWriter.Link]) -> String {
            links.prefix(Self.mostIDs).map { String($0.id) }.joined(separator: ",")
                + (links.count > Self.mostIDs ? ",…" : "")
        }
        var values = [("execution-id", String(receipt.executionID)), ("run-id", String(receipt.runID))]
        if !receipt.inputs.isEmpty { values.append(("input-ids", ids(receipt.inputs))) }
        if !receipt.outputs.isEmpty { values.append(("output-ids", ids(receipt.outputs))) }
        if let pages { values.append(("link", "\(pages)/executions/\(receipt.executionID)")) }
        return values
    }

    private static let prefix = "pipelines.kubeflow.org/"

    private static func addKubeflowPipelines(
        _ receipt: BatchWriter.Receipt, of execution: Execution, _ labels: inout JSONObject,
        _ annotations: inout JSONObject
    ) {
        labels[prefix + "metadata_execution_id"] = .string(String(receipt.executionID))
        labels[prefix + "metadata_context_id"] = .string(String(receipt.runID))
        annotations[prefix + "metadata_input_artifact_ids"] = .string(list(receipt.inputs, withType: false))
        if execution.state.isFinal {
            labels[prefix + "metadata_written"] = "true"
            annotations[prefix + "metadata_output_artifact_ids"] = .string(list(receipt.outputs, withType: true))
        }
    }

    private static func list(_ links: [BatchWriter.Link], withType: Bool) -> String {
        JSONValue.array(
            links.map { link in
                var object = JSONObject([
                    ("id", .integer(link.id)), ("name", .string(link.name)), ("uri", .string(link.uri)),
                ])
                if withType { object["type"] = .string(link.type) }
                return .object(object)
            }
        ).jsonText()
    }
}
