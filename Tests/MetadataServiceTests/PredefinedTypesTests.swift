import Foundation
import MetadataAPI
import MetadataService
import MetadataStore
import Testing

/// The types of Kubeflow Metadata that a store has from the start.
@Suite struct PredefinedTypesTests {
    /// The original service cannot start again on such a database.
    @Test func aStoreWhoseTypesWereExtendedStillStarts() async throws {
        let path = "/tmp/kfmd-types-\(UInt64.random(in: 0 ... .max)).db"
        defer { for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) } }
        let store = try MetadataStore(path: path)
        try await store.registerPredefinedTypes()
        let name = "kubeflow.org/alpha/model"
        _ = try await store.write { transaction in
            var type = try transaction.getArtifactType(.with { $0.typeName = name }).artifactType
            type.properties["export_dir"] = .string
            return try transaction.putArtifactType(
                .with { ($0.artifactType, $0.canAddFields, $0.allFieldsMatch) = (type, true, true) })
        }
        try await store.registerPredefinedTypes()
        let type = try await store.read { try $0.getArtifactType(.with { $0.typeName = name }).artifactType }
        #expect(type.properties.count == 8)
        #expect(type.properties["export_dir"] == .string)
        #expect(type.properties["version"] == .string)
        await store.close()
    }
}
