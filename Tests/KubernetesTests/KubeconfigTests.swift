import FoundationEssentials
import Kubernetes
import Testing

@Suite struct KubeconfigTests {
    private let folder: String

    init() throws {
        folder = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-kubeconfig-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        return "\(folder)/\(name)"
    }

    private static let base = """
        apiVersion: v1
        kind: Config
        current-context: one
        contexts:
        - {name: one, context: {cluster: c, user: token, namespace: team}}
        - {name: file, context: {cluster: files, user: files}}
        - {name: exec, context: {cluster: c, user: exec}}
        - {name: basic, context: {cluster: odd, user: basic}}
        - {name: nouser, context: {cluster: c, user: nope}}
        clusters:
        - name: c
          cluster: {server: "https://example.org:6443", certificate-authority-data: Y2E=}
        - name: files
          cluster: {server: "https://example.org", certificate-authority: ca.pem}
        - name: odd
          cluster: {server: "https://10.0.0.1:6443/k8s", insecure-skip-tls-verify: true, tls-server-name: api.example.org, proxy-url: "socks5://127.0.0.1:1080"}
        users:
        - {name: token, user: {token: secret, client-certificate-data: Y2VydA==, client-key-data: a2V5}}
        - {name: files, user: {client-certificate: cert.pem, client-key: key.pem, tokenFile: token}}
        - {name: basic, user: {username: me, password: pw}}
        - name: exec
          user:
            exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin.sh, args: [a, b], env: [{name: GIVEN, value: "yes"}]}

        """

    private func load(_ path: String, _ context: String? = nil) async throws -> ClusterConfiguration {
        try await ClusterConfiguration.load(kubeconfig: path, context: context, environment: [:])
    }

    @Test func dataInTheFile() async throws {
        let configuration = try await load(try write("config", Self.base))
        #expect(configuration.server == "https://example.org:6443")
        #expect(configuration.namespace == "team")
        #expect(configuration.serverTrust == .authorities(pem: Array("ca".utf8)))
        #expect(configuration.credentials == .token("secret"))
        #expect(configuration.clientCertificate?.certificate == Array("cert".utf8))
        #expect(configuration.clientCertificate?.key == Array("key".utf8))
    }

    @Test func filesBesideTheFile() async throws {
        for name in ["ca", "cert", "key"] { _ = try write("\(name).pem", name) }
        let configuration = try await load(try write("config", Self.base), "file")
        #expect(configuration.serverTrust == .authorities(pem: Array("ca".utf8)))
        #expect(configuration.clientCertificate?.key == Array("key".utf8))
        #expect(configuration.credentials == .tokenFile("\(folder)/token"))
    }

    @Test func theOtherOptions() async throws {
        let configuration = try await load(try write("config", Self.base), "basic")
        #expect(configuration.serverTrust == .insecure)
        #expect(configuration.tlsServerName == "api.example.org")
        #expect(configuration.proxyURL == "socks5://127.0.0.1:1080")
        #expect(configuration.credentials == .basic(user: "me", password: "pw"))
    }

    @Test func aPluginGivesACertificate() async throws {
        let script = """
            #!/bin/sh
            test "$GIVEN" = yes && test "$1 $2" = "a b" || exit 3
            case "$KUBERNETES_EXEC_INFO" in *ExecCredential*) ;; *) exit 4 ;; esac
            echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t", "clientCertificateData": "CERT", "clientKeyData": "KEY", "expirationTimestamp": "2030-01-01T00:00:00Z"}}'
            """
        let path = try write("plugin.sh", script)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        let configuration = try await load(try write("config", Self.base), "exec")
        #expect(configuration.clientCertificate?.certificate == Array("CERT".utf8))
        guard case .exec(let plugin) = configuration.credentials else {
            Issue.record("no plugin: \(configuration.credentials)")
            return
        }
        #expect(plugin.command == "\(folder)/./plugin.sh")
    }

    @Test func aPluginThatFailsIsNamed() async throws {
        let path = try write("plugin.sh", "#!/bin/sh\necho 'log in first' >&2\nexit 1\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        let config = try write("config", Self.base)
        let error = await #expect(throws: ConfigurationError.self) { try await load(config, "exec") }
        #expect(error?.description.contains("plugin.sh") == true)
        #expect(error?.description.contains("log in first") == true)
    }

    @Test func ofSeveralFilesTheFirstCounts() async throws {
        let first = try write(
            "first",
            """
            current-context: two
            contexts: [{name: two, context: {cluster: c, user: token}}]
            clusters: [{name: c, cluster: {server: "https://first.example.org"}}]
            """)
        let second = try write("second", Self.base)
        let configuration = try await ClusterConfiguration.load(
            environment: ["KUBECONFIG": "\(folder)/absent:\(first):\(second)"])
        #expect(configuration.server == "https://first.example.org")
        #expect(configuration.credentials == .token("secret"))
    }

    @Test func inAPodItIsTheServiceAccount() async throws {
        _ = try write("ca.crt", "ca")
        _ = try write("token", "t")
        _ = try write("namespace", "team")
        let configuration = try await ClusterConfiguration.load(
            environment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"],
            serviceAccountFolder: folder)
        #expect(configuration.server == "https://[fd00::1]:443")
        #expect(configuration.namespace == "team")
        #expect(configuration.credentials == .tokenFile("\(folder)/token"))
    }

    @Test(arguments: [
        ("nope", "no context “nope”; it has basic, exec, file, nouser, one"), ("nouser", "no user “nope”"),
        ("file", "certificate-authority"),
    ])
    func whatIsMissingIsNamed(context: String, message: String) async throws {
        let path = try write("config", Self.base)
        let error = await #expect(throws: ConfigurationError.self) { try await load(path, context) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
        #expect(error?.description.contains(path) == true)
    }

    @Test func brokenFilesAreNamedWithThePlace() async throws {
        let path = try write("config", "a: [1\nb: 2")
        let error = await #expect(throws: ConfigurationError.self) { try await load(path) }
        #expect(error?.description.contains("\(path), line 2") == true, "\(String(describing: error))")
        await #expect(throws: ConfigurationError.self) { try await load("\(folder)/absent") }
    }
}
