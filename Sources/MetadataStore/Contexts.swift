import MetadataAPI
import SQLite

/// Which nodes belong to which contexts, and contexts to contexts.
extension Transaction {
    /// Links a node that must exist to a context that must exist.
    func checkedLink(_ kind: NodeKind, _ id: Int64?, toContext context: Int64?) throws {
        guard let id, try exists(kind, id) else {
            throw StatusError.invalidArgument("\(kind.table) id not found.")
        }
        guard let context, try exists(.context, context) else {
            throw StatusError.invalidArgument("Context id not found.")
        }
        try link(kind, id, toContext: context)
    }

    func putParentContext(_ parent: MlMetadata_ParentContext) throws {
        let shown = "child_id: \(parent.childID) parent_id: \(parent.parentID)"
        guard parent.hasChildID, parent.hasParentID else {
            throw StatusError.invalidArgument("Missing parent / child id in the parent_context: \(shown)")
        }
        guard parent.childID != parent.parentID, try exists(.context, parent.childID),
            try exists(.context, parent.parentID)
        else {
            throw StatusError.invalidArgument(
                "Given parent / child id in the parent_context cannot be found: \(shown)")
        }
        guard try !ancestors(of: parent.parentID).contains(parent.childID) else {
            throw StatusError.invalidArgument("There is a cycle detected of the given relationship.")
        }
        try unique("Given parent_context already exists: \(shown)") {
            try connection.run(
                "INSERT INTO ParentContext (context_id, parent_context_id) VALUES (?, ?)",
                parent.childID, parent.parentID)
        }
    }

    private func ancestors(of context: Int64) throws -> Set<Int64> {
        var seen: Set<Int64> = []
        var next = [context]
        while !next.isEmpty {
            let parents = try connection.rows(
                "SELECT parent_context_id FROM ParentContext WHERE context_id IN ({list})", list: next
            ) { $0.integer(0) }
            next = parents.filter { seen.insert($0).inserted }
        }
        return seen
    }

    func parents(ofContexts ids: [Int64]) throws -> [Int64: [Int64]] {
        try relatives("parent_context_id", of: "context_id", ids)
    }

    func children(ofContexts ids: [Int64]) throws -> [Int64: [Int64]] {
        try relatives("context_id", of: "parent_context_id", ids)
    }

    private func relatives(_ found: String, of given: String, _ ids: [Int64]) throws -> [Int64: [Int64]] {
        let rows = try connection.rows(
            "SELECT \(given), \(found) FROM ParentContext WHERE \(given) IN ({list})",
            list: ids.uniqued()
        ) { ($0.integer(0), $0.integer(1)) }
        return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1).sorted() }
    }

    /// The contexts that a node belongs to.
    /// - Throws: ``StatusError``, NOT_FOUND when there are none, as MLMD does.
    func contexts(of kind: NodeKind, _ id: Int64) throws -> [MlMetadata_Context] {
        guard let table = kind.contextLink else { return [] }
        let ids = try connection.rows(
            "SELECT context_id FROM \(table) WHERE \(kind.word)_id = ?", id
        ) { $0.integer(0) }
        if ids.isEmpty {
            throw StatusError.notFound("No contexts found for \(kind.word)_id: \(id)")
        }
        return try nodes(ids: ids)
    }

    /// The links of nodes to contexts, as (context, node).
    func contextLinks(_ kind: NodeKind, _ ids: [Int64]) throws -> [(context: Int64, node: Int64)] {
        guard let table = kind.contextLink else { return [] }
        return try connection.rows(
            "SELECT context_id, \(kind.word)_id FROM \(table) WHERE \(kind.word)_id IN ({list}) ORDER BY id",
            list: ids
        ) { ($0.integer(0), $0.integer(1)) }
    }
}
