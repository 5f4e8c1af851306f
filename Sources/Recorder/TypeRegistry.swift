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
        /// Of a run whose name only its namespace makes the only one.
        var namespace: String?
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
        // Others may clear what is known while we wait.
        let known = types
        let made = missing.isEmpty ? [:] : try await put(missing)
        return wanted.keys.reduce(into: [:]) { $0[$1] = made[$1] ?? known[$1]?.id }
    }

    private func put(_ missing: [Key: LineageMapping.Properties]) async throws -> [Key: Int64] {
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
        return Dictionary(pairs) { $1 }
    }

    /// The contexts that an execution belongs to.
    struct Contexts: Sendable {
        var run: Int64
        var workspace: Int64
        var pipeline: Int64?

        var all: [Int64] { [run, workspace] + (pipeline.map { [$0] } ?? []) }
    }

    /// A run and its workspace.
    struct Membership: Hashable, Sendable {
        var run: Run
        var workspace: Workspace
    }

    /// The ids of runs and their workspaces, which are made and linked when they are new, all together.
    func contexts(of memberships: Set<Membership>) async throws -> [Membership: Contexts] {
        func keys(_ membership: Membership) -> [ContextKey] {
            var keys = [
                ContextKey(
                    type: membership.run.type, name: membership.run.name, namespace: membership.run.namespaceOfName),
                ContextKey(type: TypeName.workspace, name: membership.workspace.name),
            ]
            if let pipeline = membership.run.pipeline { keys.append(.init(type: TypeName.kfpPipeline, name: pipeline)) }
            return keys
        }
        if contexts.count > maximumContexts { contexts = [:] }
        let missing = memberships.filter { keys($0).contains { contexts[$0] == nil } }
        // Of two that name the same run the one that says more about it.
        let order = missing.sorted {
            let (one, two) = ($0.run, $1.run)
            if one.name != two.name { return one.name < two.name }
            let says = { (run: Run) in (run.displayName == run.name ? 0 : 1, run.customProperties.count) }
            return says(one) != says(two) ? says(one) > says(two) : one.displayName < two.displayName
        }
        let known = contexts
        let made = missing.isEmpty ? [:] : try await put(order, keys)
        var result: [Membership: Contexts] = [:]
        for membership in memberships {
            let ids = try keys(membership).map { key in
                guard let id = made[key] ?? known[key] else {
                    throw StatusError(.internalError, "the store gave no id for the context \(key.name)")
                }
                return id
            }
            result[membership] = Contexts(run: ids[0], workspace: ids[1], pipeline: ids.dropFirst(2).first)
        }
        return result
    }

    private func put(
        _ missing: [Membership], _ keys: (Membership) -> [ContextKey]
    ) async throws -> [ContextKey: Int64] {
        let workspaceType = Key(kind: .context, name: TypeName.workspace)
        var types: [Key: LineageMapping.Properties] = [workspaceType: LineageMapping.workspaceProperties]
        let pipelineType = Key(kind: .context, name: TypeName.kfpPipeline)
        for membership in missing {
            if membership.run.pipeline != nil { types[pipelineType] = [:] }
            types[Key(kind: .context, name: membership.run.type), default: [:]]
                .merge(LineageMapping.properties(ofRun: membership.run)) { first, _ in first }
        }
        let typeIDs = try await ids(of: types)
        var request = MlMetadata_PutLineageSubgraphRequest()
        request.options.reuseContextIfAlreadyExist = true
        var order: [ContextKey] = []
        var taken: [String: String] = [:]
        for membership in missing {
            let workspace = membership.workspace
            var run = membership.run
            if let namespace = run.namespaceOfName {
                let owner = try await namespaceOfContext(run, taken)
                taken[run.name] = taken[run.name] ?? owner ?? namespace
                if let owner, owner != namespace { run.name = "\(namespace)/\(run.name)" }
            }
            let runTypeID = typeIDs[Key(kind: .context, name: run.type)] ?? 0
            var contexts = [
                LineageMapping.context(of: run, in: workspace, typeID: runTypeID),
                LineageMapping.context(of: workspace, typeID: typeIDs[workspaceType] ?? 0),
            ]
            if let pipeline = run.pipeline {
                contexts.append(
                    .with { ($0.typeID, $0.name) = (typeIDs[pipelineType] ?? 0, Identity.bounded(pipeline)) })
            }
            for (key, context) in zip(keys(membership), contexts) where !order.contains(key) {
                order.append(key)
                request.contexts.append(context)
            }
        }
        let response = try await backend.putLineageSubgraph(request)
        guard response.contextIds.count == order.count else {
            throw StatusError(
                .internalError, "the store answered \(response.contextIds.count) contexts for \(order.count)")
        }
        let found = Dictionary(uniqueKeysWithValues: zip(order, response.contextIds))
        var parents = MlMetadata_PutParentContextsRequest()
        for membership in missing {
            let ids = keys(membership).compactMap { found[$0] }
            for parent in ids.dropFirst() {
                parents.parentContexts.append(.with { ($0.childID, $0.parentID) = (ids[0], parent) })
            }
        }
        try await put(parents)
        contexts.merge(found) { $1 }
        return found
    }

    /// Whose run has the name already: runs of Kubeflow Pipelines v1 are looked up by their workflow's name alone, so
    /// the first keeps it. `nil` where nobody's has, or the store does not say.
    private func namespaceOfContext(_ run: Run, _ taken: [String: String]) async throws -> String? {
        if let known = taken[run.name] { return known }
        do {
            let response = try await backend.getContextByTypeAndName(
                .with { ($0.typeName, $0.contextName) = (run.type, Identity.bounded(run.name)) })
            guard response.hasContext else { return nil }
            return response.context.customProperties[PropertyName.namespace]?.stringValue
        } catch let error as StatusError where error.code == .notFound {
            return nil
        }
    }

    /// Links runs to their workspaces. Where one is linked from before, the store takes none of them:
    /// then they are halved until it stands alone.
    private func put(_ parents: MlMetadata_PutParentContextsRequest) async throws {
        do {
            _ = try await backend.putParentContexts(parents)
        } catch let error as StatusError where error.code == .alreadyExists {
            let links = parents.parentContexts
            if links.count < 2 { return }
            try await put(.with { $0.parentContexts = Array(links[..<(links.count / 2)]) })
            try await put(.with { $0.parentContexts = Array(links[(links.count / 2)...]) })
        }
    }
}

extension Run {
    /// The namespace that makes its name the only one; `nil` where the name is that by itself.
    fileprivate var namespaceOfName: String? {
        type == TypeName.kfpRun ? customProperties[PropertyName.namespace]?.text : nil
    }
}
