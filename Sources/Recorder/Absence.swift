import FoundationEssentials
import Kubernetes
import Lineage

/// Finds steps whose objects went away while nobody watched: after a whole list, an open step of
/// which no object is left has ended, though nobody saw how.
actor Absence {
    /// What one complete list had.
    private struct Listed {
        var kind: String
        /// `nil` for all namespaces.
        var namespace: String?
        /// Hashes of uids: a cluster may have hundreds of thousands.
        var present: Set<Int>
        var began: Date
    }

    private let journal: Journal
    /// The journal may also have steps of what is not watched now: those say nothing.
    private let cluster: String
    private let namespaces: Set<String>
    private let ownership: Ownership
    private var lists: [String: Listed] = [:]

    init(_ journal: Journal, cluster: String, namespaces: Set<String>, ownership: Ownership) {
        self.ownership = ownership
        self.journal = journal
        self.cluster = cluster
        self.namespaces = namespaces
    }

    /// A list is complete, or the cluster does not have the kind (`present` is empty then).
    /// - Throws: `SQLiteError`.
    /// - Returns: how many steps were closed.
    func listed(_ kind: String, in namespace: String?, present: Set<Int>, began: Date) async throws -> Int {
        lists["\(kind) \(namespace ?? "")"] = Listed(
            kind: kind, namespace: namespace, present: present, began: began)
        guard let oldest = lists.values.map(\.began).min() else { return 0 }
        let open = try await journal.open(before: oldest).filter { step in
            let places = step.origins.values.map(\.namespace)
            return step.id.hasPrefix("k8s://\(cluster)/")
                && (namespaces.isEmpty || places.contains { namespaces.contains($0) })
        }
        let gone = open.filter { step in
            // Task results come and go, experiments outlive trials; they say nothing of the step.
            let others: Set<String> = [Resource.workflowTaskResults.kind, "Experiment"]
            let origins = step.origins.values.filter { step.role == .run || !others.contains($0.kind) }
            return !origins.isEmpty && origins.allSatisfy(isGone)
        }
        try await journal.note(gone: gone.map { ($0.id, Set($0.origins.values)) }) { [ownership] in ownership.owns($0) }
        return gone.count { $0.role != .run }
    }

    /// Whether its kind was listed, and it was not there.
    private func isGone(_ origin: Execution.Origin) -> Bool {
        let relevant = lists.values.filter {
            $0.kind == origin.kind && ($0.namespace == nil || $0.namespace == origin.namespace)
        }
        return !relevant.isEmpty && !relevant.contains { $0.present.contains(origin.uid.hashValue) }
    }
}
