public import FoundationEssentials

extension ClusterConfiguration {
    /// Where a pod finds its service account (kubelet).
    public static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The namespace of the pod that this program runs in; `nil` outside of pods.
    public static var ownNamespace: String? {
        let bytes = FileManager.default.contents(atPath: serviceAccountFolder + "/namespace")
        return bytes.map { String(decoding: $0, as: UTF8.self).trimmingPrefix { $0.isWhitespace } }
            .map { String($0.prefix { !$0.isWhitespace }) }
    }

    /// Finds the configuration as kubectl and client-go do: an explicit file, `KUBECONFIG`, the pod's
    /// service account, `~/.kube/config`.
    /// - Throws: ``ConfigurationError``.
    public static func load(
        kubeconfig: String? = nil, context: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        serviceAccountFolder: String = serviceAccountFolder
    ) async throws -> ClusterConfiguration {
        var result = try find(
            kubeconfig: kubeconfig, context: context, environment: environment,
            serviceAccountFolder: serviceAccountFolder)
        // A plugin may give a certificate, which belongs to the connection and not to a request.
        if case .exec(let plugin) = result.credentials, result.clientCertificate == nil {
            result.clientCertificate = try await plugin.run().certificate
        }
        return result
    }

    private static func find(
        kubeconfig: String?, context: String?, environment: [String: String],
        serviceAccountFolder: String
    ) throws -> ClusterConfiguration {
        if let kubeconfig {
            return try Kubeconfig(files: [kubeconfig], mustExist: true).configuration(context: context)
        }
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            let files = list.split(separator: ":").map(String.init)
            return try Kubeconfig(files: files, mustExist: false).configuration(context: context)
        }
        if context == nil, let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty {
            return try inCluster(host: host, environment: environment, folder: serviceAccountFolder)
        }
        let home = environment["HOME"] ?? ""
        return try Kubeconfig(files: ["\(home)/.kube/config"], mustExist: false)
            .configuration(context: context)
    }

    private static func inCluster(
        host: String, environment: [String: String], folder: String
    ) throws -> ClusterConfiguration {
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? "443"
        let shown = host.contains(":") ? "[\(host)]" : host
        var result = ClusterConfiguration(server: "https://\(shown):\(port)", origin: "the pod's service account")
        guard let authorities = FileManager.default.contents(atPath: "\(folder)/ca.crt") else {
            throw ConfigurationError("in-cluster configuration: \(folder)/ca.crt cannot be read")
        }
        result.serverTrust = .authorities(pem: Array(authorities))
        result.credentials = .tokenFile("\(folder)/token")
        if let namespace = FileManager.default.contents(atPath: "\(folder)/namespace") {
            result.namespace = String(decoding: namespace, as: UTF8.self)
        }
        return result
    }
}
