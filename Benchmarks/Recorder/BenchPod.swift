import JSON

/// A finished pod as clusters have them: a step of Argo Workflows 3.6, about 15 KB long, of which Capture
/// reads a third.
struct BenchPod {
    let number: Int
    /// Where it belongs: every 20 pods are one workflow.
    var workflow: Int { number / 20 }

    var name: String { "train-\(workflow)-step-\(number)" }

    static func uid(_ kind: Int, _ number: Int) -> String {
        "6d1d7c1e-000\(kind)-4000-8000-" + String(String(1_000_000_000_000 + number).dropFirst())
    }

    private func location(_ number: Int) -> JSONValue {
        [
            "endpoint": "minio-service.kubeflow:9000", "bucket": "mlpipeline",
            "key": .string("artifacts/train-\(number / 20)/\(number)/data.tgz"),
        ]
    }

    /// - Parameters:
    ///   - phase: `Pending`, `Running` or `Succeeded`.
    ///   - end: RFC 3339.
    ///   - emitted: milliseconds since 1970 at which the end is told; kept as a property of the output.
    func object(phase: String = "Succeeded", end: String = "2025-03-01T10:00:30Z", emitted: Int64? = nil) -> JSONValue {
        let inputs: JSONValue = [
            "artifacts": number % 20 == 0 ? [] : [["name": "in", "path": "/tmp/in", "s3": location(number - 1)]],
            "parameters": [["name": "epochs", "value": "10"], ["name": "learning-rate", "value": "0.01"]],
        ]
        let outputs: JSONValue = ["artifacts": [["name": "out", "path": "/tmp/out", "s3": location(number)]]]
        let script = String(repeating: "import numpy as np\n# \"prepare\" the data\n", count: 25)
        let template: JSONValue = [
            "name": "step", "inputs": inputs, "outputs": outputs,
            "container": ["image": "registry.example.com/train:1.2", "command": ["python3", "-c", .string(script)]],
        ]
        var annotations = JSONObject([
            ("kubectl.kubernetes.io/default-container", JSONValue.string("main")),
            ("workflows.argoproj.io/node-id", .string("train-\(workflow)-\(number)")),
            ("workflows.argoproj.io/node-name", .string("train-\(workflow).step-\(number)")),
            ("workflows.argoproj.io/outputs", .string(outputs.jsonText())),
        ])
        if let emitted {
            annotations["metadata.kubeflow.org/outputs"] = .string(
                #"{"type": "model", "name": "m", "uri": "s3://m/\#(number)", "emitted": \#(emitted)}"#)
        }
        let state: JSONValue =
            switch phase {
            case "Pending": ["waiting": ["reason": "PodInitializing"]]
            case "Running": ["running": ["startedAt": "2025-03-01T10:00:00Z"]]
            default: ["terminated": ["exitCode": 0, "startedAt": "2025-03-01T10:00:00Z", "finishedAt": .string(end)]]
            }
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(name), "namespace": "ml", "uid": .string(Self.uid(1, number)),
                "creationTimestamp": "2025-03-01T10:00:00Z", "annotations": .object(annotations),
                "labels": [
                    "workflows.argoproj.io/workflow": .string("train-\(workflow)"),
                    "workflows.argoproj.io/completed": "true",
                ],
                "ownerReferences": [
                    [
                        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": .string("train-\(workflow)"),
                        "uid": .string(Self.uid(2, workflow)), "controller": true, "blockOwnerDeletion": true,
                    ]
                ],
                "managedFields": Self.managedFields,
            ],
            "spec": [
                "restartPolicy": "Never", "serviceAccountName": "default", "nodeName": "node-17",
                "initContainers": [Self.container("init", "argoexec:v3.6.4", template)],
                "containers": [
                    Self.container("wait", "argoexec:v3.6.4", nil),
                    Self.container("main", "registry.example.com/train:1.2", nil),
                ],
                "tolerations": Self.tolerations, "volumes": Self.volumes,
            ],
            "status": [
                "phase": .string(phase), "startTime": "2025-03-01T10:00:00Z", "conditions": Self.conditions,
                "containerStatuses": [
                    ["name": "wait", "image": "argoexec", "imageID": "sha256:1", "state": state],
                    ["name": "main", "image": "train", "imageID": "sha256:2", "state": state],
                ],
            ],
        ]
    }

    private static func container(_ name: String, _ image: String, _ template: JSONValue?) -> JSONValue {
        var env: [JSONValue] = [
            ["name": "ARGO_POD_NAME", "valueFrom": ["fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.name"]]],
            ["name": "ARGO_CONTAINER_NAME", "value": .string(name)], ["name": "ARGO_NODE_ID", "value": "x"],
        ]
        if let template { env.append(["name": "ARGO_TEMPLATE", "value": .string(template.jsonText())]) }
        return [
            "name": .string(name), "image": .string(image), "env": .array(env), "command": ["argoexec", "wait"],
            "resources": [
                "limits": ["cpu": "500m", "memory": "512Mi"], "requests": ["cpu": "10m", "memory": "64Mi"],
            ],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
            "volumeMounts": [
                ["mountPath": "/tmp", "name": "tmp-dir-argo", "subPath": "0"],
                ["mountPath": "/var/run/argo", "name": "var-run-argo"],
                [
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access-x7w2f",
                    "readOnly": true,
                ],
            ],
        ]
    }

    private static let tolerations: JSONValue = [
        ["effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300],
        [
            "effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists",
            "tolerationSeconds": 300,
        ],
    ]

    private static let volumes = JSONValue.array(
        (0..<6).map {
            [
                "name": .string("volume-\($0)"),
                "projected": ["defaultMode": 420, "sources": [["configMap": ["name": "kube-root-ca.crt"]]]],
            ]
        })

    private static let conditions = JSONValue.array(
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map {
            [
                "lastProbeTime": nil, "lastTransitionTime": "2025-03-01T10:00:30Z", "status": "False",
                "type": .string($0), "reason": "PodCompleted",
            ]
        })

    /// What the API server keeps of who set which field: a third of a pod.
    private static let managedFields: JSONValue = {
        var fields = JSONObject()
        for container in 0..<3 {
            var members = JSONObject([(".", JSONValue.object(JSONObject()))])
            for name in [
                "command", "env", "image", "imagePullPolicy", "name", "resources", "terminationMessagePath",
                "volumeMounts",
            ] {
                members["f:\(name)"] = [
                    ".": .object(JSONObject()), "f:limits": .object(JSONObject()), "f:requests": .object(JSONObject()),
                ]
            }
            fields["k:{\"name\":\"container-\(container)\"}"] = .object(members)
        }
        return .array(
            ["argo", "kubelet", "argoexec"].map {
                [
                    "manager": .string($0), "operation": "Update", "apiVersion": "v1", "time": "2025-03-01T10:00:00Z",
                    "fieldsType": "FieldsV1", "fieldsV1": ["f:spec": ["f:containers": .object(fields)]],
                ]
            })
    }()
}
