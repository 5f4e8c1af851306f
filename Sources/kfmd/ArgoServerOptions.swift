import ArgumentParser
import FoundationEssentials
import Kubernetes
import Recorder

/// Where the Argo server is.
struct ArgoServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The Argo server, which has the nodes of Workflows that the controller keeps in its database. (KFMD_ARGO_SERVER)",
            valueName: "url"))
    var argoServer: String?

    @Option(
        help: ArgumentHelp(
            "A file with its bearer token. (KFMD_ARGO_TOKEN_FILE; the cluster's own)", valueName: "file"))
    var argoTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Authorities for its certificate, in PEM. (KFMD_ARGO_CA_FILE; the system's)", valueName: "file"))
    var argoCaFile: String?

    @Flag(help: "Do not check its certificate: by itself it makes one that nobody signed. (KFMD_ARGO_INSECURE)")
    var argoInsecure = false

    /// - Parameter cluster: whose credentials are sent where no token is given.
    /// - Throws: ``Failure`` that names the option.
    func server(of cluster: ClusterConfiguration) throws -> ArgoServer? {
        guard let url = Settings.value(argoServer, "KFMD_ARGO_SERVER") else { return nil }
        var configuration = ClusterConfiguration(server: url, origin: "--argo-server")
        // In its mode `client` it asks the API server with the token that it is sent.
        configuration.credentials = cluster.credentials
        if let path = Settings.value(argoTokenFile, "KFMD_ARGO_TOKEN_FILE") {
            guard FileManager.default.isReadableFile(atPath: path) else {
                throw Failure.usage("--argo-token-file \(path): cannot be read")
            }
            configuration.credentials = .tokenFile(path)
        }
        if let path = Settings.value(argoCaFile, "KFMD_ARGO_CA_FILE") {
            guard let pem = FileManager.default.contents(atPath: path) else {
                throw Failure.usage("--argo-ca-file \(path): cannot be read")
            }
            configuration.serverTrust = .authorities(pem: Array(pem))
        }
        if try argoInsecure || Settings.flag("KFMD_ARGO_INSECURE") { configuration.serverTrust = .insecure }
        do {
            return ArgoServer(try APIClient(configuration))
        } catch let error as ConfigurationError {
            throw Failure.usage(error.description)
        }
    }
}
