import JSON
import MetadataAPI
import SwiftProtobuf

/// A field whose JSON names values of an enumeration.
struct RESTEnumeration {
    /// Of the message; or of the message's map of this name, whose values they are.
    var field: String
    var isMap = false
    /// The enumeration's name in MLMD's protocol.
    var name: String
    var values: Set<String>

    static let propertyTypes = RESTEnumeration(
        field: "properties", isMap: true, name: "ml_metadata.PropertyType",
        values: ["UNKNOWN", "INT", "DOUBLE", "STRING", "STRUCT", "PROTO", "BOOLEAN"])
}

/// A message with the fields that it had in MLMD 0.15, the version of the REST API.
protocol RESTMessage: Message {
    /// The message without what came later: the API neither takes nor shows it.
    var asOf015: Self { get }
    /// The fields that are enumerations.
    static var enumerations: [RESTEnumeration] { get }
}

extension RESTMessage {
    /// Reads a body: snake case or camel case, int64 as text or number, unknown fields ignored. An
    /// empty body is an empty message.
    /// - Throws: ``RESTError`` with status 400.
    init(restBody body: [UInt8]) throws {
        guard body.contains(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else {
            self.init()
            return
        }
        try Self.checkEnumerations(body)
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        do {
            self = try Self(jsonUTF8Bytes: body, options: options).asOf015
        } catch {
            throw RESTError.badRequest("the body is no \(Self.protoMessageName): \(error)")
        }
    }

    /// Unknown names of enumerations would be ignored together with unknown fields.
    /// - Throws: ``RESTError`` with what is wrong, and where the text is no JSON.
    private static func checkEnumerations(_ body: [UInt8]) throws {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: body)
        } catch {
            throw RESTError.badRequest(error.description)
        }
        for enumeration in enumerations {
            guard let member = value[enumeration.field] ?? value[camelCase(enumeration.field)] else { continue }
            let values = enumeration.isMap ? (member.object?.map(\.value) ?? []) : [member]
            for case .string(let name) in values where !enumeration.values.contains(name) {
                throw RESTError.badRequest("unknown value \"\(name)\" for enum \(enumeration.name)")
            }
        }
    }

    private static func camelCase(_ name: String) -> String {
        let parts = name.split(separator: "_")
        return parts.dropFirst().reduce(String(parts.first ?? "")) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    /// The message as the API shows it.
    func restText() throws -> String {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        options.useDeterministicOrdering = true
        return try asOf015.jsonString(options: options)
    }
}

extension MlMetadata_Artifact: RESTMessage {
    var asOf015: Self {
        var result = Self()
        if hasID { result.id = id }
        if hasTypeID { result.typeID = typeID }
        if hasUri { result.uri = uri }
        (result.properties, result.customProperties) = (properties, customProperties)
        return result
    }

    static var enumerations: [RESTEnumeration] { [] }
}

extension MlMetadata_Execution: RESTMessage {
    var asOf015: Self {
        var result = Self()
        if hasID { result.id = id }
        if hasTypeID { result.typeID = typeID }
        if hasLastKnownState { result.lastKnownState = lastKnownState }
        (result.properties, result.customProperties) = (properties, customProperties)
        return result
    }

    static var enumerations: [RESTEnumeration] {
        [
            RESTEnumeration(
                field: "last_known_state", name: "ml_metadata.Execution.State",
                values: ["UNKNOWN", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED"])
        ]
    }
}

extension MlMetadata_ArtifactType: RESTMessage {
    var asOf015: Self {
        var result = Self()
        if hasID { result.id = id }
        if hasName { result.name = name }
        result.properties = properties
        return result
    }

    static var enumerations: [RESTEnumeration] {
        [.propertyTypes]
    }
}

extension MlMetadata_ExecutionType: RESTMessage {
    var asOf015: Self {
        var result = Self()
        if hasID { result.id = id }
        if hasName { result.name = name }
        result.properties = properties
        if hasInputType { result.inputType = inputType }
        if hasOutputType { result.outputType = outputType }
        return result
    }

    static var enumerations: [RESTEnumeration] {
        [.propertyTypes]
    }
}

extension MlMetadata_Event: RESTMessage {
    var asOf015: Self { self }

    static var enumerations: [RESTEnumeration] {
        [
            RESTEnumeration(
                field: "type", name: "ml_metadata.Event.Type",
                values: [
                    "UNKNOWN", "DECLARED_OUTPUT", "DECLARED_INPUT", "INPUT", "OUTPUT", "INTERNAL_INPUT",
                    "INTERNAL_OUTPUT", "PENDING_OUTPUT",
                ])
        ]
    }
}
