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

    /// The `external_id` of an attempt that was repeated under the identity of the next.
    /// - Parameter number: counted from one, the first attempt first.
    public static func attempt(_ number: Int, of execution: String) -> String {
        bounded("\(execution)/attempts/\(number)")
    }

    /// The `external_id` of an artifact whose content or version is known. What type it has is no part of it: who
    /// declares that may come later.
    /// - Parameter place: cluster and namespace, of which an artifact without a uri is.
    /// - Returns: `nil` where neither is: then the artifact belongs to the execution that wrote it.
    public static func content(of artifact: Artifact, in place: String) -> String? {
        if let digest = artifact.digest {
            return "kfmd://artifact/digest/" + hash([position(of: artifact, in: place), digest])
        }
        if let version = artifact.version {
            return "kfmd://artifact/version/"
                + hash([position(of: artifact, in: place), artifact.name ?? "", version])
        }
        return nil
    }

    /// As kfmd 0.1 named it: a store may have it so.
    public static func formerContent(of artifact: Artifact) -> String? {
        if let digest = artifact.digest {
            return "kfmd://artifact/digest/" + hash([artifact.type, artifact.uri ?? "", digest])
        }
        if let version = artifact.version {
            return "kfmd://artifact/version/"
                + hash([artifact.type, artifact.uri ?? "", artifact.name ?? "", version])
        }
        return nil
    }

    /// The location and what it is within; without a location the namespace.
    private static func position(of artifact: Artifact, in place: String) -> String {
        guard let uri = artifact.uri else { return "in \(place)" }
        return [artifact.scope, Location.key(of: uri)].compactMap { $0 }.joined(separator: " ")
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

    /// The `external_id` of what was under a location, or had a name, before anybody was seen to write it.
    /// - Parameter isScoped: whether what the location is within is a part of it: only where something of the same
    ///   location is known elsewhere, because readers seldom say so.
    public static func unproduced(_ artifact: Artifact, in place: String, isScoped: Bool = false) -> String {
        let key =
            artifact.uri.map { isScoped ? ["at", position(of: artifact, in: place)] : ["at", Location.key(of: $0)] }
            ?? ["name", place, artifact.name ?? ""]
        return "kfmd://artifact/input/" + hash(key)
    }

    /// As kfmd 0.1 named it where it has no uri.
    public static func formerUnproduced(_ artifact: Artifact) -> String {
        "kfmd://artifact/input/" + hash(["name", artifact.type, artifact.name ?? ""])
    }

    /// A name that fits every MLMD database: a longer one keeps its head and ends in a SHA-256.
    public static func bounded(_ name: String) -> String {
        guard name.utf8.count > maximumBytes else { return name }
        var head = name.prefix(maximumBytes - 65)
        while head.utf8.count > maximumBytes - 65 { head = head.dropLast() }
        return "\(head)-\(sha256(name))"
    }

    /// The SHA-256 of a text in hexadecimal.
    public static func sha256(_ text: String) -> String { hexadecimal(SHA256.hash(data: Array(text.utf8))) }

    /// Bytes as digests are written: two small digits each.
    public static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// A hash of several texts that no other cut of the same characters has.
    private static func hash(_ parts: [String]) -> String {
        sha256(parts.map { "\($0.utf8.count):\($0)" }.joined())
    }
}
