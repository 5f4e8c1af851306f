import FoundationEssentials
import JSON
import Subprocess

/// A credential plugin (`client.authentication.k8s.io`, v1 and v1beta1).
public struct ExecPlugin: Sendable, Equatable {
    public var command: String
    public var arguments: [String]
    public var environment: [String: String]
    public var apiVersion: String
    public var installHint: String?
    public var providesClusterInfo = false

    /// How long a plugin may run: some ask a server.
    private static let longest: Duration = .seconds(60)

    /// What a plugin printed.
    struct Credential: Sendable {
        var token: String?
        var certificate: ClusterConfiguration.ClientCertificate?
        var expires: Date?
    }

    /// Runs the plugin.
    /// - Throws: ``ConfigurationError`` that names the command.
    func run() async throws -> Credential {
        let spec: JSONValue = [
            "kind": "ExecCredential", "apiVersion": .string(apiVersion),
            "spec": ["interactive": false],
        ]
        var variables: [Subprocess.Environment.Key: String?] = [:]
        for (name, value) in environment { variables[.init(stringLiteral: name)] = value }
        variables["KUBERNETES_EXEC_INFO"] = spec.jsonText()
        let executable: Executable = command.contains("/") ? .path(.init(command)) : .name(command)
        let output: String
        do {
            let result = try await withDeadline(Self.longest) { [arguments, variables] in
                try await Subprocess.run(
                    executable, arguments: .init(arguments), environment: .inherit.updating(variables),
                    output: .string(limit: 1 << 20), error: .string(limit: 1 << 16))
            }
            guard result.terminationStatus.isSuccess else {
                let said = result.standardError.split(whereSeparator: \.isNewline).last ?? ""
                throw ConfigurationError(
                    "credential plugin \(command) failed (\(result.terminationStatus)): \(said)")
            }
            output = result.standardOutput
        } catch is DeadlineExceeded {
            throw ConfigurationError("credential plugin \(command) did not end in \(Self.longest)")
        } catch let error as SubprocessError {
            let hint = installHint.map { " (\($0.split(whereSeparator: \.isNewline).joined(separator: " ")))" }
            throw ConfigurationError("credential plugin \(command) cannot be run: \(error)\(hint ?? "")")
        }
        return try credential(from: output)
    }

    private func credential(from output: String) throws -> Credential {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: output)
        } catch {
            throw ConfigurationError("credential plugin \(command) printed no JSON: \(error)")
        }
        guard value["kind"]?.string == "ExecCredential", let status = value["status"] else {
            throw ConfigurationError("credential plugin \(command) printed no ExecCredential with a status")
        }
        var result = Credential(token: status["token"]?.string)
        if let certificate = status["clientCertificateData"]?.string,
            let key = status["clientKeyData"]?.string
        {
            result.certificate = .init(certificate: Array(certificate.utf8), key: Array(key.utf8))
        }
        if let text = status["expirationTimestamp"]?.string {
            result.expires = try? Date.ISO8601FormatStyle().parse(text)
        }
        guard result.token != nil || result.certificate != nil else {
            throw ConfigurationError("credential plugin \(command) gave neither a token nor a certificate")
        }
        return result
    }
}
