import JSON
import Kubernetes

/// Reviews as kube-apiserver sends them (`admission.k8s.io/v1`), and the pods in them.
enum Reviews {
    /// - Parameters:
    ///   - pod: the object; `nil` for null.
    ///   - change: members of the request that are other.
    static func review(
        _ pod: JSONValue?, operation: String = "CREATE", namespace: String = "team-a", _ change: JSONValue = [:]
    ) -> JSONValue {
        let request: JSONValue = [
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": ["group": "", "version": "v1", "kind": "Pod"],
            "resource": ["group": "", "version": "v1", "resource": "pods"],
            "requestKind": ["group": "", "version": "v1", "kind": "Pod"],
            "requestResource": ["group": "", "version": "v1", "resource": "pods"],
            "namespace": .string(namespace), "operation": .string(operation),
            "userInfo": [
                "username": "system:serviceaccount:kube-system:job-controller",
                "uid": "014fbff9a07c", "groups": ["system:serviceaccounts", "system:authenticated"],
            ], "object": pod ?? .null, "oldObject": .null, "dryRun": false,
            "options": ["kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"],
        ]
        return [
            "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request.merging(patch: change),
        ]
    }

    /// The mount and volume that the ServiceAccount admission plugin adds before webhooks are asked.
    private static let tokenMount: JSONValue = [
        "name": "kube-api-access-7xk2p", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    ]
    private static let tokenVolume: JSONValue = [
        "name": "kube-api-access-7xk2p",
        "projected": [
            "sources": [
                ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]],
                ["configMap": ["name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]]]],
            ], "defaultMode": 420,
        ],
    ]

    private static func container(_ name: String, _ more: JSONValue = [:], mounts: [JSONValue] = []) -> JSONValue {
        let base: JSONValue = [
            "name": .string(name), "image": .string("registry.example.com/\(name):1"), "resources": [:],
            "volumeMounts": .array(mounts + [tokenMount]), "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
        ]
        return base.merging(patch: more)
    }

    static func pod(
        _ metadata: JSONValue, containers: [JSONValue], initContainers: [JSONValue] = [], volumes: [JSONValue] = [],
        _ spec: JSONValue = [:]
    ) -> JSONValue {
        let base: JSONValue = [
            "kind": "Pod", "apiVersion": "v1",
            "metadata": (["creationTimestamp": nil] as JSONValue).merging(patch: metadata),
            "spec": [
                "volumes": .array(volumes + [tokenVolume]), "containers": .array(containers), "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst", "serviceAccountName": "default",
                "serviceAccount": "default", "securityContext": [:], "schedulerName": "default-scheduler",
                "tolerations": [
                    ["key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"]
                ], "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
            ], "status": [:],
        ]
        var result = base.object ?? JSONObject()
        var members = (result["spec"] ?? [:]).merging(patch: spec).object ?? JSONObject()
        if !initContainers.isEmpty { members["initContainers"] = .array(initContainers) }
        result["spec"] = .object(members)
        return .object(result)
    }

    /// Of the Job controller: a name to be made, and no namespace yet.
    static let job = pod(
        [
            "generateName": "train-", "labels": ["batch.kubernetes.io/job-name": "train", "job-name": "train"],
            "annotations": [
                "metadata.kubeflow.org/outputs": "[{type: model, uri: s3://models/7}]",
                "metadata.kubeflow.org/digest-paths": "model: /work/out/model.bin",
                "metadata.kubeflow.org/report-path": "/work/report.json",
            ],
            "ownerReferences": [
                [
                    "apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "b9c5a3e2",
                    "controller": true, "blockOwnerDeletion": true,
                ]
            ], "finalizers": ["batch.kubernetes.io/job-tracking"],
        ],
        containers: [
            container(
                "main", ["command": ["python", "train.py"]],
                mounts: [["name": "work", "mountPath": "/work", "subPath": "runs"]])
        ], volumes: [["name": "work", "persistentVolumeClaim": ["claimName": "work"]]])

    /// Of Argo Workflows 3.6: its “init” before and its “wait” beside the main container.
    static let argo = pod(
        [
            "name": "nightly-7fz4-train-1234", "namespace": "team-a",
            "labels": ["workflows.argoproj.io/completed": "false", "workflows.argoproj.io/workflow": "nightly-7fz4"],
            "annotations": ["workflows.argoproj.io/node-name": "nightly-7fz4.train"],
        ],
        containers: [
            container(
                "wait", ["command": ["argoexec", "wait"]],
                mounts: [["name": "var-run-argo", "mountPath": "/var/run/argo"]]),
            container(
                "main", ["command": ["/var/run/argo/argoexec", "emissary"]],
                mounts: [["name": "var-run-argo", "mountPath": "/var/run/argo"]]),
        ],
        initContainers: [
            container(
                "init", ["command": ["argoexec", "init"]],
                mounts: [["name": "var-run-argo", "mountPath": "/var/run/argo"]])
        ], volumes: [["name": "var-run-argo", "emptyDir": [:]]])

    /// Of Tekton Pipelines, with its two init containers.
    static let tekton = pod(
        [
            "name": "build-pod", "namespace": "team-a",
            "labels": ["tekton.dev/taskRun": "build", "app.kubernetes.io/managed-by": "tekton-pipelines"],
            "annotations": ["tekton.dev/ready": "READY"],
        ],
        containers: [container("step-compile", ["command": ["/tekton/bin/entrypoint"]])],
        initContainers: [container("prepare"), container("place-scripts", ["command": ["sh"]])],
        volumes: [["name": "tekton-internal-bin", "emptyDir": [:]]])

    /// After Istio's webhook with native sidecars.
    static let istio = pod(
        [
            "name": "notebook-0", "namespace": "team-a",
            "annotations": ["sidecar.istio.io/status": "{\"initContainers\":[\"istio-init\",\"istio-proxy\"]}"],
        ],
        containers: [container("notebook")],
        initContainers: [
            container("istio-init"),
            container("istio-proxy", ["restartPolicy": "Always", "args": ["proxy", "sidecar"]]),
        ], volumes: [["name": "workload-socket", "emptyDir": [:]]])

    /// A pod with nothing that may be left out.
    static let bare: JSONValue = [
        "kind": "Pod", "apiVersion": "v1", "metadata": ["name": "bare"],
        "spec": ["containers": [["name": "main", "image": "busybox"]]],
    ]

    static let all = [job, argo, tekton, istio, bare]
}
