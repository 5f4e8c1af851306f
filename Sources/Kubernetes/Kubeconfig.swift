import FoundationEssentials
import JSON
import YAML

/// Kubeconfig files, merged as kubectl does: of entries with the same name the first counts.
struct Kubeconfig {
    private struct Entry {
        var value: JSONValue
        /// The folder that relative paths in it start from.
        var folder: String
        var file: String
    }

    private var clusters: [String: Entry] = [:]
    private var users: [String: Entry] = [:]
    private var contexts: [String: Entry] = [:]
    private var currentContext: String?
    private let files: [String]

    /// Reads files. Those that don't exist are left out, unless `mustExist`.
    /// - Throws: ``ConfigurationError``.
    init(files: [String], mustExist: Bool) throws {
        self.files = files
        var found = 0
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                if mustExist { throw ConfigurationError("kubeconfig \(file): cannot be read") }
                continue
            }
            found += 1
            try add(file, Array(data))
        }
        guard found > 0 else {
            throw ConfigurationError(
                "no kubeconfig: \(files.joined(separator: ", ")) not found; give --kubeconfig or KUBECONFIG")
        }
    }

    private mutating func add(_ file: String, _ bytes: [UInt8]) throws {
        let documents: [JSONValue]
        do {
            documents = try YAML.documents(in: bytes)
        } catch {
            throw ConfigurationError("kubeconfig \(file), \(error)")
        }
        guard let value = documents.first, value.object != nil else {
            throw ConfigurationError("kubeconfig \(file): is empty or no mapping")
        }
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
        func entries(_ list: String, _ key: String) -> [(String, Entry)] {
            (value[list]?.array ?? []).compactMap { item in
                guard let name = item["name"]?.string, let entry = item[key] else { return nil }
                return (name, Entry(value: entry, folder: folder, file: file))
            }
        }
        clusters.merge(entries("clusters", "cluster")) { first, _ in first }
        users.merge(entries("users", "user")) { first, _ in first }
        contexts.merge(entries("contexts", "context")) { first, _ in first }
        if let name = value["current-context"]?.string, !name.isEmpty { currentContext = currentContext ?? name }
    }

    /// The configuration of a context, the current one by default.
    /// - Throws: ``ConfigurationError`` that names what is missing, and what there is.
    func configuration(context wanted: String?) throws -> ClusterConfiguration {
        let file = files.joined(separator: ":")
        guard let name = wanted ?? currentContext else {
            throw ConfigurationError("kubeconfig \(file): has no current-context; give --context")
        }
        guard let context = contexts[name] else {
            let known = contexts.keys.sorted().joined(separator: ", ")
            throw ConfigurationError(
                "kubeconfig \(file): no context “\(name)”; it has \(known.isEmpty ? "none" : known)")
        }
        let clusterName = context.value["cluster"]?.string ?? ""
        guard let cluster = clusters[clusterName] else {
            throw ConfigurationError("kubeconfig \(file), context \(name): no cluster “\(clusterName)”")
        }
        guard let server = cluster.value["server"]?.string, !server.isEmpty else {
            throw ConfigurationError("kubeconfig \(cluster.file), cluster \(clusterName): no server")
        }
        var result = ClusterConfiguration(server: server, origin: "kubeconfig \(file), context \(name)")
        result.namespace = context.value["namespace"]?.string
        result.tlsServerName = cluster.value["tls-server-name"]?.string
        result.proxyURL = cluster.value["proxy-url"]?.string
        if cluster.value["insecure-skip-tls-verify"]?.bool == true {
            result.serverTrust = .insecure
        } else if let pem = try data("certificate-authority", cluster, "cluster \(clusterName)") {
            result.serverTrust = .authorities(pem: pem)
        }
        if let userName = context.value["user"]?.string, !userName.isEmpty {
            guard let user = users[userName] else {
                throw ConfigurationError("kubeconfig \(file), context \(name): no user “\(userName)”")
            }
            try add(user, "user \(userName)", to: &result)
        }
        return result
    }

    private func add(_ user: Entry, _ label: String, to result: inout ClusterConfiguration) throws {
        if let certificate = try data("client-certificate", user, label),
            let key = try data("client-key", user, label)
        {
            result.clientCertificate = .init(certificate: certificate, key: key)
        }
        if let path = user.value["tokenFile"]?.string, !path.isEmpty {
            result.credentials = .tokenFile(Self.path(path, in: user.folder))
        } else if let token = user.value["token"]?.string, !token.isEmpty {
            result.credentials = .token(token)
        } else if let exec = user.value["exec"] {
            result.credentials = .exec(try Self.plugin(exec, user, label))
        } else if let name = user.value["username"]?.string {
            result.credentials = .basic(user: name, password: user.value["password"]?.string ?? "")
        }
    }

    private static func plugin(_ exec: JSONValue, _ user: Entry, _ label: String) throws -> ExecPlugin {
        guard let command = exec["command"]?.string, !command.isEmpty else {
            throw ConfigurationError("kubeconfig \(user.file), \(label): exec without a command")
        }
        let version = exec["apiVersion"]?.string ?? "client.authentication.k8s.io/v1"
        var environment: [String: String] = [:]
        for variable in exec["env"]?.array ?? [] {
            if let name = variable["name"]?.string { environment[name] = variable["value"]?.string }
        }
        return ExecPlugin(
            // A command with a slash is relative to the file, one without is looked up in PATH.
            command: command.contains("/") ? path(command, in: user.folder) : command,
            arguments: (exec["args"]?.array ?? []).compactMap(\.scalarText), environment: environment,
            apiVersion: version, installHint: exec["installHint"]?.string)
    }

    /// A PEM that is in the file (`KEY-data`, base64) or named by it (`KEY`).
    private func data(_ key: String, _ entry: Entry, _ label: String) throws -> [UInt8]? {
        if let text = entry.value[key + "-data"]?.string, !text.isEmpty {
            guard let data = Data(base64Encoded: text) else {
                throw ConfigurationError("kubeconfig \(entry.file), \(label): \(key)-data is not base64")
            }
            return Array(data)
        }
        guard let name = entry.value[key]?.string, !name.isEmpty else { return nil }
        let path = Self.path(name, in: entry.folder)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError("kubeconfig \(entry.file), \(label): \(key) \(path) cannot be read")
        }
        return Array(data)
    }

    private static func path(_ path: String, in folder: String) -> String {
        path.hasPrefix("/") ? path : "\(folder)/\(path)"
    }
}
