import Lineage
import MetadataAPI
public import MetadataStore

extension MetadataStore {
    /// Makes the types of Kubeflow Metadata, or adds what they lack. A database in which somebody
    /// gave them more properties is left as it is.
    public func registerPredefinedTypes() async throws {
        var request = MlMetadata_PutTypesRequest()
        request.canAddFields = true
        request.canOmitFields = true
        func properties(_ type: PredefinedType) -> LineageMapping.Properties {
            Dictionary(uniqueKeysWithValues: type.properties.map { ($0, .string) })
        }
        request.artifactTypes = PredefinedType.artifacts.map { type in
            var result = MlMetadata_ArtifactType()
            (result.name, result.properties) = (type.name, properties(type))
            return result
        }
        request.executionTypes = PredefinedType.executions.map { type in
            var result = MlMetadata_ExecutionType()
            (result.name, result.properties) = (type.name, properties(type))
            return result
        }
        request.contextTypes = PredefinedType.contexts.map { type in
            var result = MlMetadata_ContextType()
            (result.name, result.properties) = (type.name, properties(type))
            return result
        }
        _ = try await putTypes(request)
    }
}
