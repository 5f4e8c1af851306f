import Lineage
import MetadataAPI

/// The ids of types and contexts in the store, asked for once.
actor TypeRegistry {
    /// A kind of node, a type's name.
    struct Key: Hashable, Sendable {
        enum Kind: Sendable { case artifact, execution, context }
        var kind: Kind
        var name: String
    }

    private struct Known {
        var id: Int64
        var properties: Set<String>
    }

    private struct ContextKey: Hashable {
        var type: String
        var name: String
    }

    private let backend: any MetadataBackend
    private var types: [Key: Known] = [:]
    private var contexts: [ContextKey: Int64] = [:]
    /// Contexts are forgotten beyond this, so that memory does not grow with the runs seen.
    private let maximumContexts = 10_000

    init(_ backend: any MetadataBackend) { self.backend = backend }

    /// Forgets everything: the store may have been replaced.
    func clear() {
        types = [:]
        contexts = [:]
    }

    /// The ids of types, which are made, or given the properties that they lack.
    func ids(of wanted: [Key: LineageMapping.Properties]) async throws -> [Key: Int64] {
        let missing = wanted.filter { key, properties in
            guard let known = types[key] else { return true }
            return !known.properties.isSuperset(of: properties.keys)
        }
        if !missing.isEmpty { try await put(missing) }
        return wanted.keys.reduce(into: [:]) { $0[$1] = types[$1]?.id }
    }

    private func put(_ missing: [Key: LineageMapping.Properties]) async throws {
        var request = MlMetadata_PutTypesRequest()
        // Somebody may have given the type more properties: those stay.
        request.canAddFields = true
        request.canOmitFields = true
        let keys = missing.keys.sorted { $0.name < $1.name }
        func of(_ kind: Key.Kind) -> [Key] { keys.filter { $0.kind == kind } }
        for key in of(.artifact) {
            request.artifactTypes.append(
                .with { ($0.name, $0.properties) = (key.name, missing[key] ?? [:]) })
        }
        for key in of(.execution) {
            request.executionTypes.append(
                .with { ($0.name, $0.properties) = (key.name, missing[key] ?? [:]) })
        }
        for key in of(.context) {
            request.contextTypes.append(
                .with { ($0.name, $0.properties) = (key.name, missing[key] ?? [:]) })
        }
        let response = try await backend.putTypes(request)
        let pairs =
            Array(zip(of(.artifact), response.artifactTypeIds))
            + Array(zip(of(.execution), response.executionTypeIds))
            + Array(zip(of(.context), response.contextTypeIds))
        for (key, id) in pairs {
            let known = types[key]?.properties ?? []
            types[key] = Known(id: id, properties: known.union((missing[key] ?? [:]).keys))
        }
    }

    /// The ids of a run and its workspace, which are made and linked when they are new.
    func contexts(of run: Run, in workspace: Workspace) async throws -> (run: Int64, workspace: Int64) {
        let runKey = ContextKey(type: run.type, name: run.name)
        let workspaceKey = ContextKey(type: TypeName.workspace, name: workspace.name)
        if let run = contexts[runKey], let workspace = contexts[workspaceKey] { return (run, workspace) }
        let runType = Key(kind: .context, name: run.type)
        let workspaceType = Key(kind: .context, name: TypeName.workspace)
        let typeIDs = try await ids(of: [
            runType: LineageMapping.properties(ofRun: run),
            workspaceType: LineageMapping.workspaceProperties,
        ])
        var request = MlMetadata_PutLineageSubgraphRequest()
        request.options.reuseContextIfAlreadyExist = true
        request.contexts = [
            LineageMapping.context(of: run, in: workspace, typeID: typeIDs[runType] ?? 0),
            LineageMapping.context(of: workspace, typeID: typeIDs[workspaceType] ?? 0),
        ]
        let response = try await backend.putLineageSubgraph(request)
        guard response.contextIds.count == 2 else {
            throw StatusError(.internalError, "the store answered \(response.contextIds.count) contexts for 2")
        }
        let found = (run: response.contextIds[0], workspace: response.contextIds[1])
        do {
            _ = try await backend.putParentContexts(
                .with { $0.parentContexts = [.with { ($0.childID, $0.parentID) = found }] })
        } catch let error as StatusError where error.code == .alreadyExists {
            // The run is known from before.
        }
        if contexts.count > maximumContexts { contexts = [:] }
        contexts[runKey] = found.run
        contexts[workspaceKey] = found.workspace
        return found
    }
}
