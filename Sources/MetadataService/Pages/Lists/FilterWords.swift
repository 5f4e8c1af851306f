import MetadataAPI
import MetadataStore

/// The names that a filter of a list may have, for who writes one: those of MLMD's grammar, and the properties of the
/// nodes that are shown.
struct FilterWords {
    /// Properties that are offered; a page of nodes may have thousands.
    private static let mostProperties = 200

    let fields: [String]
    let neighbours: [String]
    let states: [String]
    let properties: [String]

    init(_ kind: NodeKind, of nodes: [some ShownNode]) {
        let common = [
            "id", "name", "type", "external_id", "create_time_since_epoch", "last_update_time_since_epoch",
        ]
        switch kind {
        case .artifact:
            fields = common + ["uri", "state"]
            neighbours = ["contexts_c.name", "contexts_c.type", "events_e.type", "events_e.execution_id"]
            states = ["PENDING", "LIVE", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE"]
        case .execution:
            fields = common + ["last_known_state"]
            neighbours = ["contexts_c.name", "contexts_c.type", "events_e.type", "events_e.artifact_id"]
            states = ["NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED"]
        case .context:
            fields = common
            neighbours = [
                "executions_e.last_known_state", "executions_e.type", "artifacts_a.uri", "artifacts_a.type",
                "parent_contexts_p.name", "child_contexts_c.name",
            ]
            states = ["FAILED", "RUNNING", "COMPLETE"]
        }
        var found: Set<String> = []
        for node in nodes {
            for (prefix, properties) in [("properties", node.properties), ("custom_properties", node.customProperties)]
            {
                for (name, value) in properties {
                    guard !PropertyName.recordersOwn.contains(name), let field = Self.field(value) else { continue }
                    found.insert("\(prefix).\(Self.quoted(name)).\(field)")
                }
            }
        }
        properties = Array(found.filter { !$0.contains(" ") }.sorted().prefix(Self.mostProperties))
    }

    var all: [String] { fields + neighbours + states + properties }

    private static func field(_ value: MlMetadata_Value) -> String? {
        switch value.value {
        case .intValue: "int_value"
        case .doubleValue: "double_value"
        case .stringValue: "string_value"
        case .boolValue: "bool_value"
        case .structValue, .protoValue, nil: nil
        }
    }

    /// The name of a property as a part of a path: in backticks where it is no plain word.
    static func quoted(_ name: String) -> String {
        let isPlain =
            name.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == UInt8(ascii: "_")
            } && !(name.utf8.first.map { (0x30...0x39).contains($0) } ?? true)
        return isPlain ? name : "`\(name.putting("\\", before: ["\\", "`"]))`"
    }

    /// How a filter is written, folded.
    func write(example: String, list: NodeList, to html: inout HTML) {
        html.raw("<details class=\"help\"><summary>How to write a filter</summary><p>")
        html.text(
            "Names, =, !=, <, <=, >, >=, IN (…), LIKE '%…%', IS NULL, AND, OR, NOT, and texts in single quotes. Names are "
        )
        for (index, name) in (fields + neighbours).enumerated() {
            html.raw(index == 0 ? "<code>" : ", <code>")
            html.text(name)
            html.raw("</code>")
        }
        html.text("; the letter after _ is yours. A property is ")
        html.raw("<code>custom_properties.NAME.string_value</code>")
        html.text(" (or int_value, double_value, bool_value; properties where it is the type's own).")
        html.raw("</p><p>For example ")
        html.link(
            list.query.address(list.path, changing: [("filter", example), ("page", nil), ("back", nil)]), example)
        html.raw("</p></details>")
    }
}
