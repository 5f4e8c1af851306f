import Crypto
import FoundationEssentials

/// Names by which the store knows things, whoever saw them first.
public enum Identity {
    /// The longest name, in bytes, that every MLMD database keeps (`VARCHAR(255)`).
    public static let maximumBytes = 255

    /// The `external_id` of the execution of an object that is no workflow's step.
    /// - Parameter kind: the resource in the plural, as in API paths: `pods`, `jobs`.
    public static func execution(
        cluster: String, namespace: String, kind: String, uid: String
    ) -> String {
        bounded("k8s://\(cluster)/\(namespace)/\(kind)/\(uid)")
    }

    /// The `external_id` of a workflow's step.
    public static func execution(
        cluster: String, namespace: String, workflowUID: String, nodeID: String
    ) -> String {
        bounded("k8s://\(cluster)/\(namespace)/workflows/\(workflowUID)/\(nodeID)")
    }

    /// The `external_id` of an artifact whose content or version is known.
    ///
    /// - Returns: `nil` where neither is: then the artifact belongs to the execution that wrote it.
    public static func content(of artifact: Artifact) -> String? {
        if let digest = artifact.digest {
            return "kfmd://artifact/digest/"
                + hash([artifact.type, artifact.uri ?? "", digest])
        }
        if let version = artifact.version {
            return "kfmd://artifact/version/"
                + hash([artifact.type, artifact.uri ?? "", artifact.name ?? "", version])
        }
        return nil
    }

    /// Whether an `external_id` is of content or version.
    public static func isContent(_ externalID: String) -> Bool {
        externalID.hasPrefix("kfmd://artifact/digest/") || externalID.hasPrefix("kfmd://artifact/version/")
    }

    /// The `external_id` of an output, by its uri, else by its name among the outputs.
    public static func output(of execution: String, use: ArtifactUse) -> String {
        let key = use.artifact.uri.map { ["uri", $0] } ?? ["name", use.name]
        return bounded("\(execution)/outputs/\(hash(key).prefix(32))")
    }

    /// The `external_id` of an artifact that was read before anybody was seen to write it.
    public static func unproduced(_ artifact: Artifact, before reader: String?) -> String {
        let key = artifact.uri.map { ["uri", $0] } ?? ["name", artifact.type, artifact.name ?? ""]
        return "kfmd://artifact/input/" + hash(key + (reader.map { [$0] } ?? []))
    }

    /// Other ways in which the same place may be written: with or without a slash at the end, and
    /// `minio://`, as Kubeflow Pipelines v1 has it, for `s3://`.
    public static func equivalents(of uri: String) -> [String] {
        var schemes = [uri]
        for (one, other) in [("s3://", "minio://"), ("minio://", "s3://")] where uri.hasPrefix(one) {
            schemes.append(other + uri.dropFirst(one.count))
        }
        return Array(schemes.flatMap { [$0, $0.hasSuffix("/") ? String($0.dropLast()) : $0 + "/"] }.dropFirst())
    }

    /// A name that fits every MLMD database: a longer one keeps its head and ends in a SHA-256.
    public static func bounded(_ name: String) -> String {
        guard name.utf8.count > maximumBytes else { return name }
        var head = name.prefix(maximumBytes - 65)
        while head.utf8.count > maximumBytes - 65 { head = head.dropLast() }
        return "\(head)-\(sha256(name))"
    }

    /// The SHA-256 of a text in hexadecimal.
    public static func sha256(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var result: [UInt8] = []
        for byte in SHA256.hash(data: Array(text.utf8)) {
            result.append(digits[Int(byte >> 4)])
            result.append(digits[Int(byte & 15)])
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// A hash of several texts that no other cut of the same characters has.
    private static func hash(_ parts: [String]) -> String {
        sha256(parts.map { "\($0.utf8.count):\($0)" }.joined())
    }
}
