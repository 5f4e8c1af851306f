import JSON
import Lineage

/// Writes the ids of what was recorded onto the pods of Kubeflow Pipelines v1, as its own recorder
/// does (backend/metadata_writer, 1.8.5): its UI and its cache read them there.
enum WriteBack {
    private static let prefix = "pipelines.kubeflow.org/"

    /// The patch of an execution's pod, if that wants one.
    static func patch(_ receipt: BatchWriter.Receipt, of execution: Execution) -> Journal.Patch? {
        guard execution.wantsWriteBack, let pod = execution.pod else { return nil }
        let body = patch(receipt, of: execution, uid: pod.uid)
        return Journal.Patch(id: 0, namespace: pod.namespace, pod: pod.name, body: body.jsonText())
    }

    static func patch(
        _ receipt: BatchWriter.Receipt, of execution: Execution, uid: String
    ) -> JSONValue {
        var labels: JSONObject = JSONObject([
            (prefix + "metadata_execution_id", .string(String(receipt.executionID))),
            (prefix + "metadata_context_id", .string(String(receipt.runID))),
        ])
        var annotations = JSONObject([
            (prefix + "metadata_input_artifact_ids", .string(list(receipt.inputs, withType: false)))
        ])
        if execution.state.isFinal {
            labels[prefix + "metadata_written"] = "true"
            annotations[prefix + "metadata_output_artifact_ids"] = .string(
                list(receipt.outputs, withType: true))
        }
        // The uid makes sure that it is not another pod of the same name.
        return [
            "metadata": [
                "uid": .string(uid), "labels": .object(labels), "annotations": .object(annotations),
            ]
        ]
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
