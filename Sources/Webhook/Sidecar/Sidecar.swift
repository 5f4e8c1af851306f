import Capture
import JSON
import Kubernetes

/// The container that is put into pods, and its volumes: a native sidecar (Kubernetes 1.29 and later, KEP-753), which
/// is an init container that goes on beside the main ones.
struct Sidecar: Sendable, Hashable {
    static let container = SidecarReport.container
    static let podVolume = "kfmd-pod"
    static let tokenVolume = "kfmd-token"
    static let podFolder = "/etc/kfmd/pod"

    var image: String
    /// `HOST:PORT` of the metadata service.
    var metadata: String

    /// The container. It passes the Pod Security Standard "restricted".
    /// - Parameters:
    ///   - mounts: volume mounts beside its own.
    ///   - resources: see ``SidecarResources``.
    ///   - hasToken: whether it gets a token of the pod's service account.
    func container(mounts: [JSONValue], resources: JSONValue, hasToken: Bool = true) -> JSONValue {
        func field(_ name: String, _ path: String) -> JSONValue {
            ["name": .string(name), "valueFrom": ["fieldRef": ["fieldPath": .string(path)]]]
        }
        func mount(_ volume: String, _ path: String) -> JSONValue {
            ["name": .string(volume), "mountPath": .string(path), "readOnly": true]
        }
        let own =
            [mount(Self.podVolume, Self.podFolder)]
            + (hasToken ? [mount(Self.tokenVolume, ClusterConfiguration.serviceAccountFolder)] : [])
        return [
            "name": .string(Self.container), "image": .string(image), "args": ["sidecar"], "restartPolicy": "Always",
            "env": [
                field("KFMD_POD_NAME", "metadata.name"), field("KFMD_POD_NAMESPACE", "metadata.namespace"),
                field("KFMD_POD_UID", "metadata.uid"), ["name": "KFMD_POD_INFO", "value": .string(Self.podFolder)],
                ["name": "KFMD_METADATA", "value": .string(metadata)],
            ],
            "resources": resources,
            "securityContext": [
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true, "capabilities": ["drop": ["ALL"]],
                "seccompProfile": ["type": "RuntimeDefault"],
            ],
            "terminationMessagePolicy": "File", "volumeMounts": .array(own + mounts),
        ]
    }

    /// The pod's labels and annotations as files, and a token of the pod's service account, which the kubelet renews.
    /// - Parameter hasToken: whether the token is among them.
    static func volumes(hasToken: Bool) -> [JSONValue] { hasToken ? [podInfo, token] : [podInfo] }

    private static let podInfo: JSONValue =
        [
            "name": .string(podVolume),
            "downwardAPI": [
                "items": [
                    ["path": "labels", "fieldRef": ["fieldPath": "metadata.labels"]],
                    ["path": "annotations", "fieldRef": ["fieldPath": "metadata.annotations"]],
                ]
            ],
        ]

    private static let token: JSONValue =
        [
            "name": .string(tokenVolume),
            "projected": [
                "sources": [
                    ["serviceAccountToken": ["path": "token", "expirationSeconds": 3600]],
                    ["configMap": ["name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]]]],
                    [
                        "downwardAPI": [
                            "items": [["path": "namespace", "fieldRef": ["fieldPath": "metadata.namespace"]]]
                        ]
                    ],
                ]
            ],
        ]
}
