import JSON
import Lineage

/// One item of an inputs or outputs annotation.
struct AnnotatedArtifact {
    var artifact: Artifact?

    private static let types = [
        "data_set": TypeName.dataSet, "dataset": TypeName.dataSet, "model": TypeName.model,
        "metrics": TypeName.metrics,
    ]

    /// - Parameters:
    ///   - given: the same before variables were resolved.
    ///   - written: that with all scalars as they are written: `1.10` is a version, and no number.
    ///   - problems: gets what is wrong with it.
    init(
        _ item: JSONValue, given original: JSONValue? = nil, written: JSONValue? = nil, _ problems: inout [String]
    ) {
        guard let given = item.object else {
            problems.append("\(item.kindName) where an object should be")
            return
        }
        let fields = Self.withoutEnvelope(given)
        let literal = written?.object.map(Self.withoutEnvelope)
        let unresolved = original?.object.map(Self.withoutEnvelope)
        func text(_ key: String) -> String? {
            guard let value = fields[key], !value.isNull else { return nil }
            if unresolved?[key]?.number != nil, let text = literal?[key]?.string { return text }
            if let text = value.scalarText { return text.isEmpty ? nil : text }
            problems.append("\(key): \(value.kindName) where text should be")
            return nil
        }
        let typeName = text("type")
        if typeName == nil { problems.append("has no type; taken as data_set") }
        let type = typeName.map { Self.types[$0.lowercased()] ?? $0 } ?? TypeName.dataSet
        var artifact = Artifact(
            type: Identity.bounded(type), isTypeDeclared: typeName != nil, name: text("name"),
            uri: text("uri"), version: text("version"), digest: text("digest"))
        guard artifact.name != nil || artifact.uri != nil else {
            problems.append("has neither a name nor a uri")
            return
        }
        let own = PredefinedType.artifacts.first { $0.name == type }?.properties ?? []
        for member in fields {
            let (key, value) = (member.key, member.value)
            switch key {
            case "type", "name", "uri", "version", "digest": continue
            case "labels":
                if value.object == nil, !value.isNull {
                    problems.append("labels: \(value.kindName) where an object should be")
                }
                for label in value.object ?? JSONObject() {
                    artifact.customProperties[label.key] = Self.property(label.value)
                }
            default:
                if own.contains(key) {
                    artifact.properties[key] = .string(value.scalarText ?? value.jsonText())
                } else if let object = value.object {
                    // {values: {accuracy: 0.95}} is found again as values.accuracy.
                    for inner in object {
                        artifact.customProperties["\(key).\(inner.key)"] = Self.property(inner.value)
                    }
                } else {
                    artifact.customProperties[key] = Self.property(value)
                }
            }
        }
        if own.contains(PredefinedType.allMeta) {
            var meta = fields
            meta["type"] = nil
            artifact.properties[PredefinedType.allMeta] = .string(JSONValue.object(meta).jsonText())
        }
        self.artifact = artifact
    }

    /// Whether a text such as a version was read as a number.
    static func hasNumericNames(_ value: JSONValue) -> Bool {
        (value.array ?? [value]).contains { item in
            [item, item["spec"] ?? .null, item["metadata"] ?? .null].contains { fields in
                ["name", "uri", "version", "digest"].contains { fields[$0]?.number != nil }
            }
        }
    }

    private static func property(_ value: JSONValue) -> PropertyValue? {
        switch value {
        case .string(let text): .string(text)
        case .integer(let value): .int(value)
        case .number(let value): value.isFinite ? .double(value) : .string(String(value))
        case .bool(let value): .bool(value)
        case .array, .object: .string(value.jsonText())
        case .null: nil
        }
    }

    /// `{apiVersion: metadata.kubeflow.org/v1alpha1, kind: Dataset, metadata: {name}, spec: {…}}`
    /// means the same as its spec with a type and a name.
    private static func withoutEnvelope(_ item: JSONObject) -> JSONObject {
        guard let version = item["apiVersion"]?.string, version.hasPrefix("metadata.kubeflow.org/"),
            let kind = item["kind"]
        else { return item }
        var result = item["spec"]?.object ?? JSONObject()
        result["type"] = kind
        for key in ["name", "labels"] where item["metadata"]?[key] != nil {
            result[key] = item["metadata"]?[key]
        }
        return result
    }
}
