import Lineage

/// The batches that the store has at the same time: only such as say nothing of each other's steps and
/// artifacts, so that it makes no difference which comes first.
struct BatchesInFlight {
    /// A third gains little, and costs memory.
    private static let maximum = 2
    private var batches: [Int64: Set<Int>] = [:]

    /// Whether a batch may be sent now.
    func admits(_ subjects: Set<Int>) -> Bool {
        batches.count < Self.maximum && batches.values.allSatisfy { $0.isDisjoint(with: subjects) }
    }

    mutating func add(_ id: Int64, _ subjects: Set<Int>) { batches[id] = subjects }
    mutating func remove(_ id: Int64) { batches[id] = nil }

    /// Hashes of all that a batch says something of: its steps, its runs, and its artifacts by what of their uri
    /// is the same however it is written, else by digest or name.
    static func subjects(of executions: [Execution]) -> Set<Int> {
        var result: Set<Int> = []
        for execution in executions {
            result.insert(execution.id.hashValue)
            if execution.role == .run { result.insert([execution.run.type, execution.run.name].hashValue) }
            for use in execution.inputs + execution.outputs {
                if let uri = use.artifact.uri {
                    result.insert(key(of: uri).hashValue)
                } else {
                    result.insert(
                        "\(use.artifact.type) \(use.artifact.digest ?? use.artifact.name ?? use.name)".hashValue)
                }
            }
        }
        return result
    }

    /// A uri without scheme, bucket and slash at the end: `s3:///key` may be `minio://bucket/key/`.
    private static func key(of uri: String) -> Substring {
        guard let scheme = uri.firstRange(of: "://") else { return uri[...] }
        let place = uri[scheme.upperBound...]
        let path = place.firstIndex(of: "/").map { place[place.index(after: $0)...] } ?? place
        return path.last == "/" ? path.dropLast() : path
    }
}
