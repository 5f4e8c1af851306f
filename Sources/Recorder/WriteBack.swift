import JSON
import Kubernetes
import Lineage
import Logging

/// Writes the ids of what was recorded onto the pods of Kubeflow Pipelines v1, as its own recorder
/// does (backend/metadata_writer, 1.8.5): its UI and its cache read them there.
struct WriteBack: Sendable {
    private static let prefix = "pipelines.kubeflow.org/"

    private let client: APIClient
    private let logger: Logger

    init(_ client: APIClient, logger: Logger) {
        self.client = client
        self.logger = logger
    }

    /// Patches the pod of an execution, if it wants that. A pod that is gone is no failure.
    /// - Returns: what became of it, in a word.
    func write(_ receipt: BatchWriter.Receipt, of execution: Execution) async -> String {
        guard execution.wantsWriteBack, let pod = execution.pod else { return "unwanted" }
        let patch = Self.patch(receipt, of: execution, uid: pod.uid)
        do {
            try await client.mergePatch(.pods, namespace: pod.namespace, name: pod.name, patch)
            return "written"
        } catch let error as APIError where error.isNotFound || error.status == 422 {
            logger.debug("pod is gone, ids not written back", metadata: ["pod": "\(pod.description)"])
            return "gone"
        } catch {
            logger.warning(
                "ids not written back", metadata: ["pod": "\(pod.description)", "reason": "\(error)"])
            return "failed"
        }
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
