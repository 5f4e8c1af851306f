import FoundationEssentials
import JSON
import Lineage
import MetadataAPI

/// What pages show of any node.
protocol ShownNode: Sendable {
    var id: Int64 { get }
    var name: String { get }
    var type: String { get }
    var externalID: String { get }
    var properties: [String: MlMetadata_Value] { get }
    var customProperties: [String: MlMetadata_Value] { get }
    var createTimeSinceEpoch: Int64 { get }
    var lastUpdateTimeSinceEpoch: Int64 { get }
    /// What people call it.
    var title: String { get }
    /// Its page, without the base.
    var path: String { get }
    /// What only this kind has, as JSON.
    var ownMembers: [(String, JSONValue)] { get }
}

extension ShownNode {
    /// The text of a property: of the type's own or a custom one; empty where it has none.
    func text(_ names: String...) -> String {
        for name in names {
            if let value = customProperties[name] ?? properties[name], !value.text.isEmpty { return value.text }
        }
        return ""
    }

    /// All properties that are for people, the type's own first.
    var shownProperties: [(name: String, value: MlMetadata_Value)] {
        let own = properties.map { (name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
        let custom = customProperties.filter { properties[$0.key] == nil }.map { (name: $0.key, value: $0.value) }
        return (own + custom.sorted { $0.name < $1.name }).filter { !PropertyName.recordersOwn.contains($0.name) }
    }

    /// The values below a prefix, such as the parameters of a step, by their names without it.
    func values(below prefix: String) -> [(name: String, value: MlMetadata_Value)] {
        shownProperties.filter { $0.name.hasPrefix(prefix) && $0.name.utf8.count > prefix.utf8.count }
            .map { (String($0.name.dropFirst(prefix.count)), $0.value) }
    }

    /// The numbers on it that can be drawn: metrics, whoever wrote them.
    var numbers: [(name: String, value: Double)] {
        shownProperties.compactMap { property in
            // What was given to training is no result of it (`hyperparameters` of Kubeflow Metadata's models).
            guard !Self.notMeasured.contains(property.name), !property.name.hasPrefix(PropertyName.parameterPrefix),
                !property.name.hasPrefix(PropertyName.hyperparameterPrefix)
            else { return nil }
            let name =
                property.name.hasPrefix(PropertyName.measuredPrefix)
                ? String(property.name.dropFirst(PropertyName.measuredPrefix.count)) : property.name
            return property.value.number.map { (name, $0) }
        }
    }

    private static var notMeasured: Set<String> {
        ["exit_code", "attempt", "loop_index", "job_completion_index", "serving"]
    }

    var json: JSONValue {
        func values(_ properties: [String: MlMetadata_Value]) -> JSONValue {
            .members(
                properties.filter { !PropertyName.recordersOwn.contains($0.key) }.sorted { $0.key < $1.key }
                    .map { ($0.key, $0.value.json) })
        }
        var members: [(String, JSONValue)] = [
            ("id", .integer(id)), ("title", .string(title)), ("type", .string(type)), ("name", .string(name)),
            ("external_id", .string(externalID)),
        ]
        members += ownMembers
        members += [
            ("created", .string(Timestamp.format(Timestamp.date(milliseconds: createTimeSinceEpoch)))),
            ("updated", .string(Timestamp.format(Timestamp.date(milliseconds: lastUpdateTimeSinceEpoch)))),
            ("properties", values(properties)), ("custom_properties", values(customProperties)),
            ("href", .string(path)),
        ]
        return .members(members)
    }
}

extension MlMetadata_Value {
    var json: JSONValue {
        switch value {
        case .intValue(let value): .integer(value)
        case .doubleValue(let value): value.isFinite ? .number(value) : .string(String(value))
        case .stringValue(let value): .string(value)
        case .boolValue(let value): .bool(value)
        case .structValue: (try? JSONValue(parsing: Array(text.utf8))) ?? .string(text)
        case .protoValue, nil: .string(text)
        }
    }

    /// The value as a number that can be drawn.
    var number: Double? {
        switch value {
        case .intValue(let value): Double(value)
        case .doubleValue(let value): value.isFinite ? value : nil
        default: nil
        }
    }
}

extension MlMetadata_Artifact: ShownNode {
    var path: String { "/artifacts/\(id)" }
    var stateName: String {
        switch state {
        case .unknown: ""
        case .pending: "pending"
        case .live: "live"
        case .markedForDeletion: "marked for deletion"
        case .deleted: "deleted"
        case .abandoned: "abandoned"
        case .reference: "reference"
        }
    }
    var ownMembers: [(String, JSONValue)] { [("uri", .string(uri)), ("state", .string(stateName))] }

    /// What people call it, and which of them.
    var titleAndVersion: String { version.isEmpty ? title : "\(title) \(version)" }

    /// When it was written, as far as that is known: that of its import is no answer to "when".
    var written: Date? {
        Timestamp.parse(text(PropertyName.producedTime)) ?? Timestamp.parse(text(PropertyName.createTime))
    }
}

extension MlMetadata_Execution: ShownNode {
    var path: String { "/executions/\(id)" }
    var ownMembers: [(String, JSONValue)] { [("state", .string(stateName))] }
    var outcome: Outcome { Outcome(state: stateName) { text($0) } }
}

extension MlMetadata_Context: ShownNode {
    var path: String { RunList.types.contains(type) ? "/runs/\(id)" : "/executions?run=\(id)" }

    /// The name that people gave it.
    var title: String {
        let shown = text(PropertyName.displayName, "run_name")
        return shown.isEmpty ? name : shown
    }

    var ownMembers: [(String, JSONValue)] { [] }
    /// The properties that name the pipeline of a run, the first that there is counts.
    static var pipelineProperties: [String] {
        [PropertyName.pipelineName, "pipeline", "workflow_template", "cron_workflow"]
    }
    var pipeline: String { Self.pipelineProperties.lazy.map { text($0) }.first { !$0.isEmpty } ?? "" }
    /// Where its pipeline's numbers are drawn; `nil` of a run of none.
    var pipelineMetrics: String? {
        pipeline.isEmpty ? nil : FormQuery(nil).address("/numbers", changing: [("pipeline", pipeline)])
    }
    var workspaceName: String { text(PropertyName.workspace, PropertyName.namespace) }
    var outcome: Outcome { Outcome(state: text(PropertyName.state).lowercased()) { text($0) } }
}

/// The name of a run as people know it.
enum RunName {
    /// Without the uid that the recorder's names end in: `NAME-UID`.
    static func short(_ name: String) -> String {
        let uid = name.utf8.suffix(37)
        guard name.utf8.count > 37, uid.first == UInt8(ascii: "-"),
            uid.dropFirst().enumerated().allSatisfy({ index, byte in
                [8, 13, 18, 23].contains(index)
                    ? byte == UInt8(ascii: "-")
                    : (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            })
        else { return name }
        return String(name.dropLast(37))
    }
}
