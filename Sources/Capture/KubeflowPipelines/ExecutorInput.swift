import JSON
import Lineage

/// What Kubeflow Pipelines' driver hands to a step: `ExecutorInput` of pipeline_spec.proto as JSON.
struct ExecutorInput {
    /// The step's own log (2.5 and later, where logs are published).
    static let logs = "executor-logs"
    private static let metrics: Set<String> = [
        "system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics",
    ]

    private(set) var parameters: [Execution.Parameter] = []
    /// The parameters as a JSON object.
    private(set) var inputsStructure: String?
    private(set) var inputs: [ArtifactUse] = []
    private(set) var problems: [String] = []
    private var planned: [ArtifactUse] = []

    init(_ value: JSONValue) {
        func member(_ value: JSONValue?, _ camel: String, _ snake: String) -> JSONValue? {
            value?[camel] ?? value?[snake]
        }
        if let values = member(value["inputs"], "parameterValues", "parameter_values")?.object {
            parameters = values.map {
                .init(name: $0.key, value: $0.value.isNull ? "" : $0.value.scalarText ?? $0.value.jsonText())
            }
            if !values.isEmpty { inputsStructure = JSONValue.object(values).jsonText() }
        }
        inputs = uses(value["inputs"]?["artifacts"], isInput: true)
        planned = uses(value["outputs"]?["artifacts"], isInput: false)
    }

    /// What the step writes. The launcher gives the log of each try its own name.
    func outputs(logSuffix: String) -> [ArtifactUse] {
        planned.map { use in
            var use = use
            if use.name == Self.logs, let uri = use.artifact.uri, !uri.hasSuffix("-\(logSuffix)") {
                use.artifact.uri = "\(uri)-\(logSuffix)"
            }
            return use
        }
    }

    private mutating func uses(_ lists: JSONValue?, isInput: Bool) -> [ArtifactUse] {
        let direction = isInput ? "inputs" : "outputs"
        guard let lists, !lists.isNull else { return [] }
        guard let members = lists.object else {
            problems.append("\(direction).artifacts: \(lists.kindName) where an object should be")
            return []
        }
        var result: [ArtifactUse] = []
        for member in members {
            // What protobuf writes for an empty list.
            if member.value.object?.isEmpty == true { continue }
            guard let list = member.value["artifacts"]?.array else {
                problems.append("\(direction).artifacts.\(member.key): has no list of artifacts")
                continue
            }
            for (index, value) in list.enumerated() {
                let type = Self.type(value["type"])
                var artifact = Artifact(
                    type: type, isTypeDeclared: !isInput, name: value["name"]?.string, uri: value["uri"]?.string)
                if artifact.uri?.isEmpty ?? true {
                    artifact.uri = nil
                    // Values of metrics are kept by the API server: its id is all that there is.
                    let id = value["artifactId"]?.string ?? value["artifact_id"]?.string
                    guard isInput, Self.metrics.contains(type), let id else {
                        problems.append("\(direction).artifacts.\(member.key)[\(index)]: has no uri")
                        continue
                    }
                    artifact.version = id
                }
                artifact.customProperties = Self.properties(value["metadata"])
                if artifact.customProperties["display_name"] == nil, !isInput {
                    artifact.customProperties["display_name"] = .string(member.key)
                }
                if !isInput { artifact.name = artifact.name ?? member.key }
                let name = index == 0 ? member.key : "\(member.key)[\(index)]"
                result.append(ArtifactUse(name: name, convention: KubeflowPipelinesV2.convention, artifact: artifact))
            }
        }
        return result
    }

    /// The type by its schema; the release after 2.18 leaves away `system.` and some plurals.
    static func type(_ value: JSONValue?) -> String {
        func text(_ camel: String, _ snake: String) -> String? { (value?[camel] ?? value?[snake])?.string }
        if let title = text("schemaTitle", "schema_title"), !title.isEmpty {
            if title.contains(".") { return title }
            return "system." + (title.hasSuffix("Metric") ? title + "s" : title)
        }
        // A schema in YAML, of which the title is the type.
        for line in (text("instanceSchema", "instance_schema") ?? "").split(whereSeparator: \.isNewline) {
            guard line.hasPrefix("title:") else { continue }
            let title = line.dropFirst("title:".count).drop { $0 == " " }
            return title.hasPrefix("kfp.") ? "system." + title.dropFirst("kfp.".count) : String(title)
        }
        return "system.Artifact"
    }

    /// Metadata as the launcher writes it (metadata/converter.go): numbers as doubles, yes and no as 1 and 0.
    static func properties(_ metadata: JSONValue?) -> [String: PropertyValue] {
        var result: [String: PropertyValue] = [:]
        for member in metadata?.object ?? JSONObject() where member.key != "_kfp_workspace" {
            switch member.value {
            case .string(let text): result[member.key] = .string(text)
            case .integer(let value): result[member.key] = .double(Double(value))
            case .number(let value): result[member.key] = .double(value)
            case .bool(let value): result[member.key] = .int(value ? 1 : 0)
            case .array:
                result[member.key] = .structure(JSONValue.object(JSONObject([("list", member.value)])).jsonText())
            case .object:
                result[member.key] = .structure(JSONValue.object(JSONObject([("struct", member.value)])).jsonText())
            case .null: break
            }
        }
        return result
    }
}
