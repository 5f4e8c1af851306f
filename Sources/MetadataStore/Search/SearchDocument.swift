import Lineage
import MetadataAPI

/// The texts of a node by which it is found.
struct SearchDocument: Equatable {
    /// A title, a value, and all of a node, in bytes: a node of megabytes is found by its beginning.
    private static let longestName = 300
    private static let longestValue = 300
    private static let longestText = 2_000

    var kind: NodeKind
    var id: Int64
    /// The node's last update, in milliseconds since 1970.
    var updated: Int64
    /// What people call it.
    var name: String
    /// All else, with line breaks between: nobody looks for what crosses them.
    var text: String

    /// What tells a node from others first: a long property must not push it out.
    private static let first = ["digest", PropertyName.version, PropertyName.podName]
    /// What is not written for people to look for.
    private static let leftOut: Set<String> = PropertyName.recordersOwn.union([
        PropertyName.evidence, PropertyName.displayName, PropertyName.name,
    ])

    init(_ node: MlMetadata_Artifact) {
        self.init(
            .artifact, node, title: node.title, texts: [node.name, node.uri, node.externalID, node.runName])
    }

    init(_ node: MlMetadata_Execution) {
        self.init(
            .execution, node, title: node.title, texts: [node.name, node.externalID, node.runTitle, node.runName])
    }

    init(_ node: MlMetadata_Context) {
        let shown = (node.customProperties[PropertyName.displayName] ?? node.properties[PropertyName.displayName])?.text
        self.init(
            .context, node, title: shown.flatMap { $0.isEmpty ? nil : $0 } ?? node.name,
            texts: [node.name, node.externalID])
    }

    private init<N: Node>(_ kind: NodeKind, _ node: N, title: String, texts: [String]) {
        (self.kind, id, updated) = (kind, node.id, node.lastUpdateTimeSinceEpoch)
        name = title.cut(to: Self.longestName)
        var properties: [(String, MlMetadata_Value)] = []
        for (key, value) in node.properties.merging(node.customProperties, uniquingKeysWith: { $1 })
        where !Self.leftOut.contains(key) { properties.append((key, value)) }
        properties.sort { (Self.rank($0.0), $0.0) < (Self.rank($1.0), $1.0) }
        var lines: [String] = []
        var seen: Set<String> = [title]
        var size = 0
        for line in texts + properties.map({ $0.1.text }) where size < Self.longestText {
            // Values of fewer letters nobody can look for.
            guard line.utf8.count >= SearchQuery.shortest, seen.insert(line).inserted else { continue }
            let cut = line.cut(to: Self.longestValue)
            lines.append(cut)
            size += cut.utf8.count + 1
        }
        text = lines.joined(separator: "\n").cut(to: Self.longestText)
    }

    private static func rank(_ name: String) -> Int { first.firstIndex(of: name) ?? first.count }
}
