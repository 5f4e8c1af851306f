import Lineage

/// The batches that the store has at the same time: only such as say nothing of each other's steps and
/// artifacts, so that it makes no difference which comes first.
struct BatchesInFlight {
    /// What is gained by more is little.
    private static let maximum = 3
    private var batches: [Int64: Set<Int>] = [:]

    /// Whether a batch may be sent now.
    func admits(_ subjects: Set<Int>) -> Bool {
        batches.count < Self.maximum && batches.values.allSatisfy { $0.isDisjoint(with: subjects) }
    }

    mutating func add(_ id: Int64, _ subjects: Set<Int>) { batches[id] = subjects }
    mutating func remove(_ id: Int64) { batches[id] = nil }

    /// Hashes of all that a batch says something of: its steps, and its artifacts by uri, else by name.
    static func subjects(of executions: [Execution]) -> Set<Int> {
        var result: Set<Int> = []
        for execution in executions {
            result.insert(execution.id.hashValue)
            for use in execution.inputs + execution.outputs {
                if let uri = use.artifact.uri {
                    result.insert(uri.hashValue)
                } else {
                    result.insert("\(use.artifact.type) \(use.artifact.name ?? use.name)".hashValue)
                }
            }
            for uri in execution.inputs.compactMap(\.artifact.uri).flatMap(Identity.equivalents) {
                result.insert(uri.hashValue)
            }
        }
        return result
    }
}
