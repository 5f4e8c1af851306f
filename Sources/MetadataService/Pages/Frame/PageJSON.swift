import JSON
import MetadataAPI
import MetadataStore

/// Pieces of the JSON of pages.
extension JSONValue {
    static func members(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONObject(members)) }

    /// An object with more members; anything else as it is.
    func adding(_ more: [(String, JSONValue)]) -> JSONValue {
        guard let object else { return self }
        return .members(object.members.map { ($0.key, $0.value) } + more)
    }
}

extension Sequence<MlMetadata_Context> {
    /// The run among the contexts of a node.
    var run: MlMetadata_Context? { first { RunList.types.contains($0.type) } }

    /// What tells each of them.
    var references: JSONValue {
        .array(
            map { .members([("id", .integer($0.id)), ("type", .string($0.type)), ("name", .string($0.name))]) })
    }
}

extension Neighbours where Node: ShownNode {
    /// Each neighbour, and as what it was read or written.
    var json: JSONValue {
        .array(
            all.map { event, node in
                let own: [(String, JSONValue)] = [("id", .integer(node.id)), ("title", .string(node.title))]
                return .members(
                    own + node.ownMembers.filter { $0.0 == "state" } + [
                        ("as", .string(event.key)), ("inferred", .bool(event.isInferred)), ("href", .string(node.path)),
                    ])
            })
    }
}
