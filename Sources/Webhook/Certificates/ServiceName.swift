/// The Service through which the API server calls: `metadata-webhook.kubeflow.svc`.
public struct ServiceName: Sendable, Hashable, CustomStringConvertible {
    public var name: String
    public var namespace: String

    /// - Returns: `nil` where the text is not NAME.NAMESPACE.svc.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[2] == "svc", !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        (name, namespace) = (parts[0], parts[1])
    }

    /// The name that the API server wants in the certificate.
    public var description: String { "\(name).\(namespace).svc" }

    /// All names that it has within the cluster, longest use first.
    var names: [String] { [description, "\(description).cluster.local", "\(name).\(namespace)", name] }
}
