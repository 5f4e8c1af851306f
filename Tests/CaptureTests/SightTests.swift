import Capture
import JSON
import Kubernetes
import Lineage
import Testing

/// Several objects tell of one step: whatever the order, they end in the same execution, and no artifact of
/// it is there twice.
@Suite struct SightTests {
    private static let artifact: JSONValue = ["name": "model", "path": "/tmp/model"]

    private static func located(_ fields: JSONValue) -> JSONValue {
        var result = artifact.object ?? JSONObject()
        for member in fields.object ?? JSONObject() { result[member.key] = member.value }
        return .object(result)
    }

    private static func metadata(_ name: String, _ uid: String, _ extra: JSONValue = [:]) -> JSONValue {
        var result = JSONObject([("name", JSONValue.string(name)), ("namespace", "ml"), ("uid", .string(uid))])
        for member in extra.object ?? JSONObject() { result[member.key] = member.value }
        return .object(result)
    }

    private static let owner: JSONValue = [
        ["apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "w-uid", "controller": true]
    ]

    /// A step's pod, its Workflow and its task result; the repository is `s3://b`, and the key `k/m`.
    private static func objects(key: JSONValue, archive: JSONValue, isKFP: Bool, isOffloaded: Bool) -> [JSONValue] {
        let template: JSONValue = [
            "name": "train", "archiveLocation": archive, "outputs": ["artifacts": [artifact]],
        ]
        var annotations: [String: JSONValue] = [
            "workflows.argoproj.io/node-id": "w-1", "workflows.argoproj.io/node-name": "w.train",
        ]
        var labels: [String: JSONValue] = ["workflows.argoproj.io/workflow": "w"]
        if isKFP {
            labels["pipeline/runid"] = "r"
            annotations["pipelines.kubeflow.org/component_spec"] =
                #"{"name": "Train", "outputs": [{"name": "model", "type": "Model"}]}"#
        }
        let podMetadata = metadata(
            "w-1", "pod-uid",
            [
                "labels": .object(JSONObject(labels.map { ($0.key, $0.value) })),
                "annotations": .object(JSONObject(annotations.map { ($0.key, $0.value) })), "ownerReferences": owner,
            ])
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": podMetadata,
            "spec": [
                "restartPolicy": "Never", "containers": [["name": "main"]],
                "initContainers": [
                    ["name": "init", "env": [["name": "ARGO_TEMPLATE", "value": .string(template.jsonText())]]]
                ],
            ],
            "status": [
                "phase": "Succeeded",
                "containerStatuses": [
                    ["name": "main", "state": ["terminated": ["exitCode": 0, "finishedAt": "2025-03-01T10:00:30Z"]]]
                ],
            ],
        ]
        let node: JSONValue = [
            "id": "w-1", "name": "w.train", "displayName": "train", "type": "Pod", "phase": "Succeeded",
            "templateName": "train",
            "templateScope": "local/w", "startedAt": "2025-03-01T10:00:00Z", "finishedAt": "2025-03-01T10:00:31Z",
            "outputs": ["artifacts": [located(key)]],
        ]
        var status = JSONObject([("phase", JSONValue.string("Running"))])
        if isOffloaded { status["offloadNodeStatusVersion"] = "fnv:1" } else { status["nodes"] = ["w-1": node] }
        let workflowLabels: JSONValue = isKFP ? ["pipeline/runid": "r"] : [:]
        let workflow: JSONValue = [
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": metadata("w", "w-uid", ["labels": workflowLabels]),
            "spec": [
                "templates": [
                    [
                        "name": "train", "archiveLocation": archive,
                        "metadata": ["annotations": .object(JSONObject(annotations.map { ($0.key, $0.value) }))],
                    ]
                ]
            ],
            "status": .object(status),
        ]
        let result: JSONValue = [
            "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult",
            "metadata": metadata(
                "w-1", "r-uid", ["labels": ["workflows.argoproj.io/workflow": "w"], "ownerReferences": owner]),
            "outputs": ["artifacts": [located(key)], "parameters": [["name": "accuracy", "value": "0.9"]]],
        ]
        return [pod, workflow, result]
    }

    private static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    private static let s3: JSONValue = ["s3": ["endpoint": "minio:9000", "bucket": "b"]]

    private static let locations: [(key: JSONValue, archive: JSONValue, uri: String)] = [
        (["s3": ["key": "k/m"]], s3, "s3://b/k/m"),
        (["s3": ["endpoint": "e", "bucket": "whole", "key": "k/m"]], s3, "s3://whole/k/m"),
        // A location that is not whole goes into the repository as a whole.
        (["s3": ["bucket": "mine", "key": "k/m"]], s3, "s3://b/k/m"),
        (["s3": ["key": "k/m"]], ["gcs": ["bucket": "g"]], "gs://g/k/m"),
        (["gcs": ["key": "k/m"]], ["gcs": ["bucket": "g"]], "gs://g/k/m"),
        (
            ["artifactory": ["url": "/repo/k/m"]], ["artifactory": ["url": "https://art.example/repo/x"]],
            "https://art.example/repo/k/m"
        ),
        (["hdfs": ["path": "/k/m"]], ["hdfs": ["addresses": ["n1:8020"]]], "hdfs://n1:8020/k/m"),
    ]

    @Test(arguments: orders, [true, false])
    func eachOutputIsThereOnce(order: [Int], isOffloaded: Bool) throws {
        for location in Self.locations {
            for isKFP in [false, true] where !isKFP || location.uri.hasPrefix("s3://b/") {
                let objects = Self.objects(
                    key: location.key, archive: location.archive, isKFP: isKFP, isOffloaded: isOffloaded)
                let capture = Capture(cluster: "c")
                let sights = try order.flatMap { capture(try KubernetesObject(objects[$0])).executions }
                let merged = try #require(together(sights))
                let uri = isKFP ? "minio" + location.uri.dropFirst(2) : location.uri
                #expect(merged.outputs.map(\.artifact.uri) == [uri], "\(location), \(isKFP), \(order)")
                #expect(merged.outputs.first?.name == "model")
                #expect(merged.state == .complete)
                #expect(!merged.isFragment)
                #expect(merged.customProperties["output:accuracy"] == "0.9")
                #expect(merged.origins.count == (isOffloaded ? 2 : 3))
            }
        }
    }

    /// As in Argo 3.3.2 to 3.5.1.
    @Test func aTaskResultOfAPodIsOfTheWorkflowOfItsName() throws {
        var objects = Self.objects(key: ["s3": ["key": "k/m"]], archive: Self.s3, isKFP: false, isOffloaded: true)
        var result = objects[2].object ?? JSONObject()
        var metadata = result["metadata"]?.object ?? JSONObject()
        metadata["ownerReferences"] = [["apiVersion": "v1", "kind": "pods", "name": "w-1", "uid": "p-uid"]]
        result["metadata"] = .object(metadata)
        objects[2] = .object(result)
        let capture = Capture(cluster: "c")
        #expect(capture(try KubernetesObject(objects[2])).executions.isEmpty)
        let sights = try [1, 2, 0].flatMap { capture(try KubernetesObject(objects[$0])).executions }
        #expect(Set(sights.map(\.id)).count == 1)
        let merged = try #require(together(sights))
        #expect(merged.outputs.map(\.artifact.uri) == ["s3://b/k/m"])
        // Of another that had the name before.
        _ = capture(try KubernetesObject(objects[1]), isDeleted: true)
        #expect(capture(try KubernetesObject(objects[2])).executions.isEmpty)
    }

    @Test func aSeenEndOutweighsOneThatIsConcluded() throws {
        var objects = Self.objects(key: ["s3": ["key": "k"]], archive: Self.s3, isKFP: false, isOffloaded: false)
        // The workflow ended in an error while its node was still running.
        var workflow = objects[1].object ?? JSONObject()
        workflow["status"] = [
            "phase": "Error", "finishedAt": "2025-03-01T11:00:00Z",
            "nodes": [
                "w-1": ["id": "w-1", "name": "w.train", "type": "Pod", "phase": "Running", "templateName": "train"]
            ],
        ]
        objects[1] = .object(workflow)
        for order in [[0, 1], [1, 0]] {
            let capture = Capture(cluster: "c")
            let sights = try order.flatMap { capture(try KubernetesObject(objects[$0])).executions }
            let merged = try #require(together(sights))
            #expect(merged.state == .complete)
            #expect(merged.problems.isEmpty)
            #expect(merged.end?.timeIntervalSince1970 == 1_740_823_230)
        }
    }
}
