import FoundationEssentials
import Kubernetes
import Testing

/// The API client against a real TLS server: Python's, with certificates that openssl makes.
@Suite(
    .enabled(if: Program.exists("openssl") && Program.exists("python3"), "openssl and python3 are needed"),
    .timeLimit(.minutes(10)))
struct TLSTests {
    private static let certificates = """
        set -e; cd "$1"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca
        for name in server client; do
          openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=test-$name
          echo "subjectAltName=DNS:api.example.org" > $name.ext
          openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem -days 2 -extfile $name.ext
        done
        """

    @Test func certificatesNamesAndProxies() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let made = try await Program.run("/bin/sh", ["-c", Self.certificates, "sh", path])
        #expect(made.status == 0, "\(made.errors)")
        let server = Task {
            try await Program.run("python3", [Program.root + "Tests/clients/tls_server.py", path])
        }
        defer { server.cancel() }
        var ports: [String] = []
        for _ in 0..<200 where ports.count < 2 {
            try await Task.sleep(for: .milliseconds(50))
            let text = FileManager.default.contents(atPath: "\(path)/ports").map { String(decoding: $0, as: UTF8.self) }
            ports = (text ?? "").split(separator: " ").map(String.init)
        }
        try #require(ports.count == 2)

        func uid(_ cluster: String, _ user: String = "{}") async throws -> String {
            let text = """
                current-context: a
                contexts: [{name: a, context: {cluster: c, user: u}}]
                clusters: [{name: c, cluster: {server: "https://127.0.0.1:\(ports[0])", \(cluster)}}]
                users: [{name: u, user: \(user)}]
                """
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/config"))
            let configuration = try await ClusterConfiguration.load(kubeconfig: "\(path)/config", environment: [:])
            let client = try APIClient(configuration)
            do {
                let found = try await client.get(.namespaces, name: "kube-system").uid
                await client.shutdown()
                return found
            } catch {
                await client.shutdown()
                throw error
            }
        }
        let address = "127.0.0.1:\(ports[0])"
        let named = "certificate-authority: ca.pem, tls-server-name: api.example.org"
        // A certificate of another name, or of an unknown authority, is no server of ours.
        await #expect(throws: ConnectionError.self) { try await uid("certificate-authority: ca.pem") }
        await #expect(throws: ConnectionError.self) { try await uid("tls-server-name: api.example.org") }
        #expect(try await uid(named) == "None api.example.org \(address)")
        #expect(try await uid("insecure-skip-tls-verify: true") == "None None \(address)")
        #expect(
            try await uid(named, "{client-certificate: client.pem, client-key: client.key}")
                == "test-client api.example.org \(address)")
        #expect(
            try await uid("insecure-skip-tls-verify: true, proxy-url: \"http://127.0.0.1:\(ports[1])\"")
                == "None None \(address)")
        let used = FileManager.default.contents(atPath: "\(path)/proxy.log").map { String(decoding: $0, as: UTF8.self) }
        #expect(used == "127.0.0.1\n")
    }
}
