import FoundationEssentials
import Lineage

/// Finds steps whose objects went away while nobody watched: after a whole list, an open step of
/// which no object is left has ended, though nobody saw how.
actor Absence {
    /// What one complete list had.
    private struct Listed {
        /// Hashes of uids: a cluster may have hundreds of thousands.
        var present: Set<Int>
        var began: Date
    }

    private let journal: Journal
    /// The journal may also have steps of what is not watched now: those say nothing.
    private let cluster: String
    private let namespaces: Set<String>
    /// The lists that must be complete before anything is said to be gone, by kind and namespace.
    private let wanted: Set<String>
    private var lists: [String: Listed] = [:]

    init(_ journal: Journal, cluster: String, namespaces: Set<String>, wanted: Set<String>) {
        self.journal = journal
        self.cluster = cluster
        self.namespaces = namespaces
        self.wanted = wanted
    }

    /// A list is complete, or the cluster does not have the kind (`present` is empty then).
    /// - Throws: `SQLiteError`.
    /// - Returns: how many steps were closed.
    func listed(_ name: String, present: Set<Int>, began: Date) async throws -> Int {
        lists[name] = Listed(present: present, began: began)
        guard Set(lists.keys).isSuperset(of: wanted), let oldest = lists.values.map(\.began).min() else {
            return 0
        }
        let all = lists.values.reduce(into: Set<Int>()) { $0.formUnion($1.present) }
        let open = try await journal.open(before: oldest).filter { step in
            let places = step.origins.values.map(\.namespace)
            return step.id.hasPrefix("k8s://\(cluster)/")
                && (namespaces.isEmpty || places.contains { namespaces.contains($0) })
        }
        let gone = open.filter { step in !step.origins.values.contains { all.contains($0.uid.hashValue) } }
        return try await journal.record(gone.map(Self.closed))
    }

    private static func closed(_ execution: Execution) -> Execution {
        var result = execution
        result.state = .canceled
        result.problems.append(
            Problem(
                object: execution.mainOrigin?.description ?? execution.id, field: "status",
                reason: "it was gone before anybody saw how it ended"))
        return result
    }
}
