import FoundationEssentials
import Gzip
import Lineage
import MetadataAPI

/// What the recorder keeps for itself in properties of the store's nodes: compressed, as text, so that every version
/// of ML Metadata takes it.
enum KeptFacts {
    /// The most that is unpacked, in bytes.
    private static let limit = 16 << 20
    static func text(of record: Record) -> String? {
        if let text = pack(FactsCoding.encode(record)), text.utf8.count <= Budget.keptLength { return text }
        let slim = record.slimmed { sight in
            var sight = sight
            (sight.inputs, sight.outputs, sight.parameters, sight.evidence, sight.problems) = ([], [], [], [], [])
            (sight.properties, sight.customProperties) = ([:], [:])
            (sight.run.properties, sight.run.customProperties) = ([:], [:])
            return sight
        }
        return pack(FactsCoding.encode(slim))
    }

    /// `nil` where there is none, or it cannot be read: then it is made anew.
    /// - Parameter id: whose it must be: nodes are copied, properties and all.
    static func record(_ properties: [String: MlMetadata_Value], of id: String) -> Record? {
        guard let found = unpack(properties[PropertyName.sights]).flatMap({ try? FactsCoding.decode($0) }),
            found.id == id, found.seen.count <= Record.maximumSources,
            found.seen.values.allSatisfy({
                $0.sight.id == id && $0.sight.inputs.count + $0.sight.outputs.count <= 2 * Budget.uses
            })
        else { return nil }
        return found
    }

    static func text(of statements: ArtifactStatements) -> String? { pack(FactsCoding.encode(statements)) }

    static func statements(_ properties: [String: MlMetadata_Value]) -> ArtifactStatements? {
        guard
            let found = unpack(properties[PropertyName.statements]).flatMap({ try? FactsCoding.decodeStatements($0) }),
            found.all.count <= 2 * ArtifactStatements.maximum
        else { return nil }
        return found
    }

    private static func pack(_ bytes: [UInt8]) -> String? {
        Gzip.compress(bytes).map { Data($0).base64EncodedString() }
    }

    private static func unpack(_ value: MlMetadata_Value?) -> [UInt8]? {
        guard let text = value?.stringValue, !text.isEmpty, let data = Data(base64Encoded: text) else { return nil }
        return try? Gzip.decompress(Array(data), limit: limit)
    }
}
