import FoundationEssentials
public import JSON
public import Kubernetes
import Lineage

/// What was understood of an object, for people and for programs.
public struct Explanation: Sendable {
    private let object: KubernetesObject
    private let result: Capture.Result

    public init(_ object: KubernetesObject, _ result: Capture.Result) {
        self.object = object
        self.result = result
    }

    // MARK: Text

    /// Several lines for a terminal.
    public var text: String {
        var lines = ["\(object.reference): \(result.convention ?? "not recorded")"]
        if let run = result.run { lines += Self.lines(run: run) }
        // As they began; a Workflow has them in the order of hashes.
        let order = result.executions.enumerated().sorted {
            ($0.element.start ?? .distantFuture, $0.offset) < ($1.element.start ?? .distantFuture, $1.offset)
        }
        for (_, execution) in order { lines += Self.lines(execution) }
        lines += result.problems.map { "  problem: \($0)" }
        lines += result.ignored.map { "  left out: \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func times(_ execution: Execution) -> String {
        var times = ""
        if let start = execution.start { times = "  \(Timestamp.format(start))" }
        if let end = execution.end { times += " to \(Timestamp.format(end))" }
        return times
    }

    private static func lines(run: Execution) -> [String] {
        let outputs = run.customProperties.filter { $0.key.hasPrefix("output:") }.sorted { $0.key < $1.key }
        let message = run.customProperties["message"].map { ["    message   \($0.text)"] } ?? []
        return ["  run \(run.name)  \(run.state.rawValue)\(times(run))"] + message
            + outputs.map { "    output    \($0.key.dropFirst("output:".count)) = \($0.value.text)" }
            + run.evidence.map { "    because   \($0.fact): \($0.convention), \($0.field)" }
    }

    private static func lines(_ execution: Execution) -> [String] {
        var lines = [
            execution.isFragment
                ? "  adds to execution \(execution.name)"
                : "  execution \(execution.name)  \(execution.state.rawValue)\(times(execution))",
            "    type      \(execution.type)", "    identity  \(execution.id)",
            "    run       \(execution.run.displayName) (\(execution.run.type))",
            "    workspace \(execution.workspace.name)",
        ]
        if let message = execution.customProperties["message"] { lines.append("    message   \(message.text)") }
        lines += execution.parameters.map { "    parameter \($0.name) = \($0.value)" }
        for (label, uses) in [("input ", execution.inputs), ("output", execution.outputs)] {
            for use in uses {
                lines.append(
                    "    \(label)    \(use.name)  \(use.artifact.type)  \(use.artifact.uri ?? use.artifact.digest ?? "")"
                )
            }
        }
        lines += execution.evidence.map { "    because   \($0.fact): \($0.convention), \($0.field)" }
        if let conclusion = execution.conclusion { lines.append("    concluded \(conclusion)") }
        lines += execution.problems.map { "    problem   \($0)" }
        return lines
    }

    // MARK: JSON

    /// The shape that `kfmd explain --output json` has; docs/cli.md documents it.
    public var json: JSONValue {
        [
            "object": [
                "apiVersion": .string(object.apiVersion), "kind": .string(object.kind),
                "namespace": .string(object.namespace), "name": .string(object.name), "uid": .string(object.uid),
            ],
            "convention": result.convention.map { .string($0) } ?? .null,
            "run": result.run.map(Self.json(run:)) ?? .null,
            "executions": .array(result.executions.map { Self.json($0) }),
            "problems": .array(result.problems.map(Self.json)),
            "ignored": .array(result.ignored.map { .string($0) }),
        ]
    }

    private static func json(_ execution: Execution) -> JSONValue {
        let value: JSONValue = [
            "id": .string(execution.id), "type": .string(execution.type), "name": .string(execution.name),
            "role": .string("\(execution.role)"),
            "state": .string(execution.state.rawValue), "start": json(execution.start), "end": json(execution.end),
            "run": [
                "type": .string(execution.run.type), "name": .string(execution.run.name),
                "displayName": .string(execution.run.displayName),
            ],
            "workspace": .string(execution.workspace.name),
            "parameters": .object(JSONObject(execution.parameters.map { ($0.name, .string($0.value)) })),
            "inputs": .array(execution.inputs.map(json)), "outputs": .array(execution.outputs.map(json)),
            "properties": json(execution.properties), "customProperties": json(execution.customProperties),
            "evidence": .array(execution.evidence.map(Self.json(evidence:))),
            "problems": .array(execution.problems.map(json)),
        ]
        guard let conclusion = execution.conclusion, case .object(var object) = value else { return value }
        object["conclusion"] = json(conclusion)
        return .object(object)
    }

    private static func json(run: Execution) -> JSONValue {
        [
            "type": .string(run.run.type), "name": .string(run.run.name), "displayName": .string(run.run.displayName),
            "workspace": .string(run.workspace.name), "state": .string(run.state.rawValue), "start": json(run.start),
            "end": json(run.end), "properties": json(run.run.properties),
            "customProperties": json(run.run.customProperties.merging(run.customProperties) { $1 }),
            "evidence": .array(run.evidence.map(json(evidence:))),
        ]
    }

    private static func json(evidence: Evidence) -> JSONValue {
        [
            "fact": .string(evidence.fact), "convention": .string(evidence.convention),
            "field": .string(evidence.field),
        ]
    }

    private static func json(_ use: ArtifactUse) -> JSONValue {
        let artifact = use.artifact
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return [
            "name": .string(use.name),
            "artifact": [
                "type": .string(artifact.type), "name": text(artifact.name), "uri": text(artifact.uri),
                "version": text(artifact.version), "digest": text(artifact.digest),
                "state": .string(artifact.state.rawValue), "properties": json(artifact.properties),
                "customProperties": json(artifact.customProperties),
            ],
        ]
    }

    private static func json(_ problem: Problem) -> JSONValue {
        [
            "object": .string(problem.object), "field": .string(problem.field),
            "reason": .string(problem.reason),
        ]
    }

    private static func json(_ date: Date?) -> JSONValue {
        date.map { .string(Timestamp.format($0)) } ?? .null
    }

    private static func json(_ properties: [String: PropertyValue]) -> JSONValue {
        .object(
            JSONObject(
                properties.sorted { $0.key < $1.key }.map { key, value in
                    let json: JSONValue =
                        switch value {
                        case .int(let value): .integer(value)
                        case .double(let value): .number(value)
                        case .string(let value): .string(value)
                        case .bool(let value): .bool(value)
                        case .structure(let text): .string(text)
                        }
                    return (key, json)
                }))
    }
}
