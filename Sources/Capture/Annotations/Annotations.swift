import JSON
import Kubernetes
import Lineage
import YAML

/// Our own annotations on a pod: its inputs, outputs, names.
struct Annotations {
    static let convention = ArtifactUse.annotations
    static let prefix = "metadata.kubeflow.org/"
    static let record = prefix + "record"
    static let workspace = prefix + "workspace"
    static let run = prefix + "run"
    static let execution = prefix + "execution"
    private static let description = prefix + "description"
    private static let owner = prefix + "owner"
    private static let inputs = [prefix + "inputs", prefix + "input"]
    private static let outputs = [prefix + "outputs", prefix + "output"]

    private static let known =
        Set(inputs + outputs + [record, workspace, run, execution, description, owner]).union(ours).union(settings)

    /// Annotations of an owner or a rule beside an object's own, which outweigh them: `input` is `inputs` too.
    static func inherit(_ others: [String: String], into annotations: inout [String: String]) {
        let own = Set(annotations.keys)
        for (key, value) in others where !own.contains(key) {
            let names = [inputs, outputs].first { $0.contains(key) } ?? []
            if own.isDisjoint(with: names) { annotations[key] = value }
        }
    }

    /// Whether a pod has any of them. What we wrote ourselves, and what only says who injects what, is none.
    static func matches(_ object: KubernetesObject) -> Bool {
        object.annotations.keys.contains(where: speaks)
    }

    /// Whether an annotation says something of an object as an execution.
    static func speaks(_ key: String) -> Bool {
        key.hasPrefix(prefix) && !ours.contains(key) && key != InjectedPod.injectKey
    }

    /// The workspace of an object: by annotation, else its namespace.
    static func workspace(of object: KubernetesObject) -> Workspace {
        if let name = object.annotations[workspace], !name.isEmpty {
            return Workspace(name: name, isDeclared: true)
        }
        return Workspace(name: object.namespace.isEmpty ? "default" : object.namespace)
    }

    private let object: KubernetesObject
    private let variables: PodVariables

    init(_ pod: PodFacts, runID: String) {
        object = pod.object
        variables = PodVariables(pod, runID: runID)
    }

    /// Adds what the annotations say.
    func decorate(_ execution: inout Execution) {
        var problems: [Problem] = []
        for key in object.annotations.keys.filter({ $0.hasPrefix(Self.prefix) && !Self.known.contains($0) }).sorted() {
            problems.append(problem(key, "is not known; should be \(Self.names)"))
        }
        if let value = object.annotations[Self.record], value != "true", value != "false" {
            problems.append(problem(Self.record, "is “\(value)”; should be \"true\" or \"false\""))
        }
        if let name = text(Self.execution, &problems) {
            execution.customProperties["display_name"] = .string(name)
            if execution.type == TypeName.execution {
                execution.name = name
                execution.properties["name"] = .string(name)
            }
        }
        for (key, name) in [(Self.description, "description"), (Self.owner, "owner")] {
            guard let value = text(key, &problems) else { continue }
            if execution.type == TypeName.execution {
                execution.properties[name] = .string(value)
            } else {
                execution.customProperties[name] = .string(value)
            }
        }
        let isFinal = execution.state.isFinal
        let inputs = uses(Self.inputs, "input", isFinal, &execution.evidence, &problems)
        execution.inputs = ArtifactUse.merge(execution.inputs, inputs)
        // Until the step has ended well, its outputs are only a plan.
        if execution.state == .complete || execution.state == .cached {
            let outputs = uses(Self.outputs, "output", isFinal, &execution.evidence, &problems)
            execution.outputs = ArtifactUse.merge(execution.outputs, outputs)
        }
        execution.problems += problems
    }

    private static let names =
        "inputs, outputs, workspace, run, execution, description, owner, record, digest-paths, report-path or inject"

    private func problem(_ key: String, _ reason: String, index: Int? = nil) -> Problem {
        let place = index.map { "[\($0)]" } ?? ""
        return Problem(object: object.reference, field: "metadata.annotations[\"\(key)\"]\(place)", reason: reason)
    }

    private func text(_ key: String, _ problems: inout [Problem]) -> String? {
        guard let value = object.annotations[key], !value.isEmpty else { return nil }
        do {
            return try variables.resolve(value).scalarText
        } catch {
            problems.append(problem(key, error.description))
            return nil
        }
    }

    private func uses(
        _ keys: [String], _ direction: String, _ isFinal: Bool, _ evidence: inout [Evidence],
        _ problems: inout [Problem]
    ) -> [ArtifactUse] {
        var result: [ArtifactUse] = []
        for key in keys {
            guard let text = object.annotations[key] else { continue }
            let (value, jsonError): (JSONValue, JSONError?)
            do {
                (value, jsonError) = try Self.parse(text)
            } catch {
                problems.append(problem(key, error.reason))
                continue
            }
            let before = problems.count
            let written = AnnotatedArtifact.hasNumericNames(value) ? try? YAML.parse(text, resolves: false) : nil
            let items = value.array ?? (value.isNull ? [] : [value])
            if items.count > Budget.uses {
                problems.append(
                    problem(
                        key, "has \(items.count); a step has at most \(Budget.uses), the others are set aside"))
            }
            for (index, item) in items.prefix(Budget.uses).enumerated() {
                let literal =
                    value.array == nil
                    ? written : written?.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                var reasons: [String] = []
                let resolved = variables.resolve(item, isFinal: isFinal, &reasons)
                if let artifact = AnnotatedArtifact(resolved, given: item, written: literal, &reasons).artifact {
                    let name = artifact.name ?? artifact.uri ?? "\(direction)-\(index)"
                    result.append(ArtifactUse(name: name, convention: Self.convention, artifact: artifact))
                    evidence.append(
                        Evidence(
                            convention: Self.convention, fact: "\(direction) \(name)",
                            field: "metadata.annotations[\"\(key)\"][\(index)]"))
                }
                problems += reasons.map { problem(key, $0, index: index) }
            }
            // What was meant as JSON, with its quotes, may be YAML by accident, of another meaning.
            if let jsonError, problems.count > before, text.contains("\":") {
                problems.append(problem(key, "read as YAML; as JSON: \(jsonError)"))
            }
        }
        return result
    }

    /// Why an annotation cannot be read.
    private struct Unreadable: Error {
        var reason: String
    }

    /// YAML, of which JSON is a part. A text that looks like JSON is told JSON's mistakes.
    private static func parse(_ text: String) throws(Unreadable) -> (JSONValue, JSONError?) {
        let first = text.first { !$0.isWhitespace }
        var jsonError: JSONError?
        if first == "{" || first == "[" {
            do throws(JSONError) { return (try JSONValue(parsing: text), nil) } catch { jsonError = error }
        }
        do throws(YAMLError) {
            return (try YAML.parse(text, rejectsDuplicates: true), jsonError)
        } catch {
            throw Unreadable(reason: jsonError?.description ?? error.description)
        }
    }
}
