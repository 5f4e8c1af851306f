import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// What conventions need of a pod.
struct PodFacts {
    let object: KubernetesObject
    let isDeleted: Bool
    /// The container that does the work.
    let main: JSONValue
    private let mainStatus: JSONValue
    private let known = Known()

    /// What is worked out once, when it is first asked for: an annotation may ask ten thousand times.
    private final class Known {
        var environment: [String: String]?
        var words: [String]?
    }

    /// Sidecars that run beside the work in pods of workflows and meshes.
    private static let sidecars: Set<String> = ["wait", "istio-proxy", "linkerd-proxy", "supervisor"]

    init(_ object: KubernetesObject, isDeleted: Bool) {
        self.object = object
        self.isDeleted = isDeleted
        let containers = object.raw["spec"]?["containers"]?.array ?? []
        func named(_ name: String?) -> JSONValue? {
            guard let name else { return nil }
            return containers.first { $0["name"]?.string == name }
        }
        let worker = containers.first { !Self.sidecars.contains($0["name"]?.string ?? "") }
        main =
            named(object.annotations["kubectl.kubernetes.io/default-container"]) ?? named("main")
            ?? worker ?? containers.first ?? .null
        let name = main["name"]?.string
        mainStatus =
            (object.raw["status"]?["containerStatuses"]?.array ?? []).first { $0["name"]?.string == name }
            ?? .null
    }

    private var terminated: JSONValue? { mainStatus["state"]?["terminated"] }

    var phase: String { object.raw["status"]?["phase"]?.string ?? "" }

    /// The state of the work: that of the main container where it has ended, else the pod's.
    var state: Execution.State {
        switch phase {
        case "Succeeded": return .complete
        case "Failed": return .failed
        default: break
        }
        // A pod deleted the moment it ended may never be seen in a final phase.
        if let code = terminated?["exitCode"]?.integer {
            if code == 0, restarts != "Always" { return .complete }
            if restarts == "Never" { return .failed }
        }
        if isDeleted { return .canceled }
        // Its node cannot be reached: it had started, and nobody knows more.
        return phase == "Running" || phase == "Unknown" && start != nil ? .running : .new
    }

    /// Why it failed: what the pod says of itself, else how its containers ended. `nil` for one that did not.
    var failure: String? {
        guard state == .failed else { return nil }
        let status = object.raw["status"]
        let own = [status?["reason"]?.string, status?["message"]?.string].compactMap { $0 }.filter { !$0.isEmpty }
        if !own.isEmpty { return own.joined(separator: ": ") }
        if let ended = terminated, let text = Self.failure(ended) { return text }
        for list in ["initContainerStatuses", "containerStatuses"] {
            // How our own container ended is no failure of the step.
            for container in status?[list]?.array ?? [] where container["name"]?.string != SidecarReport.container {
                guard let ended = container["state"]?["terminated"], let text = Self.failure(ended) else { continue }
                return "\(container["name"]?.string ?? "container"): \(text)"
            }
        }
        return nil
    }

    /// `OOMKilled (exit code 137)`, as `kubectl describe` has it.
    private static func failure(_ ended: JSONValue) -> String? {
        guard let code = ended["exitCode"]?.integer, code != 0 else { return nil }
        let reason = ended["reason"]?.string ?? ""
        let signal = ended["signal"]?.integer.map { ", signal \($0)" } ?? ""
        return "\(reason.isEmpty || reason == "Completed" ? "Error" : reason) (exit code \(code)\(signal))"
    }

    /// The exit code of the main container, where it has ended.
    var exitCode: String? { terminated?["exitCode"]?.integer.map(String.init) }

    /// Sets what is known of how it ended.
    func setEnd(of execution: inout Execution) {
        if let failure {
            execution.customProperties["message"] = execution.customProperties["message"] ?? .string(failure)
        }
        guard state.isFinal, let exitCode else { return }
        execution.customProperties["exit_code"] = execution.customProperties["exit_code"] ?? .string(exitCode)
    }

    private var restarts: String { object.raw["spec"]?["restartPolicy"]?.string ?? "Always" }

    /// When the main container started; `nil` before.
    var start: Date? {
        let text =
            terminated?["startedAt"]?.string ?? mainStatus["state"]?["running"]?["startedAt"]?.string
            ?? (phase == "Pending" ? nil : object.raw["status"]?["startTime"]?.string)
        return text.flatMap(Timestamp.parse)
    }

    /// When the main container, or the pod, ended.
    var end: Date? {
        guard state.isFinal else { return nil }
        let status = object.raw["status"]
        func latest(_ times: [String?]) -> Date? { times.compactMap { $0.flatMap(Timestamp.parse) }.max() }
        return latest([terminated?["finishedAt"]?.string])
            ?? latest(
                (status?["containerStatuses"]?.array ?? []).map { $0["state"]?["terminated"]?["finishedAt"]?.string })
            // Evicted before its containers ended: when it was no longer ready.
            ?? latest(
                (status?["conditions"]?.array ?? []).filter {
                    $0["type"]?.string == "DisruptionTarget" || $0["status"]?.string == "False"
                }.map { $0["lastTransitionTime"]?.string })
            ?? latest([object.raw["metadata"]?["deletionTimestamp"]?.string])
    }

    /// What the main container left as its termination message.
    var terminationMessage: String? { terminated?["message"]?.string }

    /// The environment of the main container, as far as the pod itself tells it.
    func environment(_ name: String) -> String? { environment[name] }

    /// A variable may name those before it: `$(BUCKET)/in`. What goes over the budget is without a value.
    private var environment: [String: String] {
        if let environment = known.environment { return environment }
        var result: [String: String] = [:]
        var length = 0
        for variable in main["env"]?.array ?? [] {
            guard let name = variable["name"]?.string else { continue }
            let text = variable["value"]?.string.map { Self.expand($0, result) }
            let value = text ?? variable["valueFrom"]?["fieldRef"]?["fieldPath"]?.string.flatMap(field)
            length += value?.utf8.count ?? 0
            if length > Budget.environmentLength { break }
            result[name] = value
        }
        known.environment = result
        return result
    }

    private var words: [String] {
        if let words = known.words { return words }
        let words = ((main["command"]?.array ?? []) + (main["args"]?.array ?? [])).compactMap(\.scalarText)
        known.words = words
        return words
    }

    /// The value of a downward-API field.
    private func field(_ path: String) -> String? {
        func key(_ prefix: String) -> String? {
            guard path.hasPrefix(prefix), path.hasSuffix("']") else { return nil }
            return String(path.dropFirst(prefix.count).dropLast(2))
        }
        if let label = key("metadata.labels['") { return object.labels[label] }
        if let annotation = key("metadata.annotations['") { return object.annotations[annotation] }
        return switch path {
        case "metadata.name": object.name
        case "metadata.namespace": object.namespace
        case "metadata.uid": object.uid
        case "spec.nodeName": object.raw["spec"]?["nodeName"]?.string
        case "spec.serviceAccountName": object.raw["spec"]?["serviceAccountName"]?.string
        default: nil
        }
    }

    /// The value of a command-line flag of the main container: `--flag value` or `--flag=value`.
    func argument(_ flag: String) -> String? {
        for (index, word) in words.enumerated() {
            if word == flag {
                let next = index + 1
                // A flag without a value.
                guard next < words.count, !words[next].hasPrefix("--") else { return nil }
                return Self.expand(words[next], environment)
            }
            if word.hasPrefix(flag + "=") { return Self.expand(String(word.dropFirst(flag.count + 1)), environment) }
        }
        return nil
    }

    /// Kubernetes replaces `$(NAME)` in commands and variables by the environment; `$$(` is a plain `$(`.
    private static func expand(_ text: String, _ environment: [String: String]) -> String {
        var result = ""
        var rest = Substring(text)
        while let open = rest.firstRange(of: "$("), result.utf8.count < Budget.textLength {
            let before = rest[..<open.lowerBound]
            if before.hasSuffix("$") {
                result += before.dropLast() + "$("
                rest = rest[open.upperBound...]
                continue
            }
            guard let close = rest[open.upperBound...].firstIndex(of: ")") else { break }
            let name = String(rest[open.upperBound..<close])
            result += before + (environment[name] ?? "$(\(name))")
            rest = rest[rest.index(after: close)...]
        }
        // One that goes over the budget is cut where it does.
        return result + (result.utf8.count < Budget.textLength ? rest : "")
    }
}
