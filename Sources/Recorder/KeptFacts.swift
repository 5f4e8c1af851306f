import FoundationEssentials
import Gzip
import Lineage
import MetadataAPI

/// What the recorder keeps for itself in properties of the store's nodes: compressed.
enum KeptFacts {
    /// The most that is unpacked, in bytes.
    private static let limit = 16 << 20

    /// A record as a property. One that is too large is kept without its facts, and says so.
    /// - Parameter isText: for stores that are not ours.
    static func value(of record: Record, isText: Bool) -> MlMetadata_Value? {
        if let bytes = pack(FactsCoding.encode(record)), bytes.count <= Budget.keptLength {
            return MlMetadata_Value(kept: bytes, isText: isText)
        }
        let slim = record.slimmed { sight in
            var sight = sight
            (sight.inputs, sight.outputs, sight.parameters, sight.evidence, sight.problems) = ([], [], [], [], [])
            (sight.properties, sight.customProperties) = ([:], [:])
            (sight.run.properties, sight.run.customProperties) = ([:], [:])
            return sight
        }
        return pack(FactsCoding.encode(slim)).map { MlMetadata_Value(kept: $0, isText: isText) }
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

    static func value(of statements: ArtifactStatements, isText: Bool) -> MlMetadata_Value? {
        pack(FactsCoding.encode(statements)).map { MlMetadata_Value(kept: $0, isText: isText) }
    }

    static func statements(_ properties: [String: MlMetadata_Value]) -> ArtifactStatements? {
        guard
            let found = unpack(properties[PropertyName.statements]).flatMap({ try? FactsCoding.decodeStatements($0) }),
            found.all.count <= 2 * ArtifactStatements.maximum
        else { return nil }
        return found
    }

    /// `nil` for what could not be read back.
    private static func pack(_ bytes: [UInt8]) -> [UInt8]? {
        bytes.count > limit ? nil : Deflate.pack(bytes, dictionary: FactsDictionary.current)
    }

    private static func unpack(_ value: MlMetadata_Value?) -> [UInt8]? {
        guard let bytes = value?.keptBytes else { return nil }
        // Before there was a dictionary they were gzip.
        if bytes.starts(with: [0x1f, 0x8b]) { return try? Gzip.decompress(bytes, limit: limit) }
        return try? Deflate.unpack(bytes, limit: limit, dictionaries: FactsDictionary.all)
    }
}
