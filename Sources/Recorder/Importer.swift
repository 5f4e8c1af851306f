public import Capture
import Kubernetes
import Lineage
public import MetadataAPI

/// Records objects from files. Importing the same file again changes nothing.
public struct Importer: Sendable {
    /// What an import came to.
    public struct Summary: Sendable {
        public var objects = 0
        public var recorded = 0
        /// What could not be understood or was refused, a line each.
        public var problems: [String] = []

        public init() {}
    }

    private let capture: Capture
    private let writer: BatchWriter
    private let batchSize = 200

    public init(capture: Capture, backend: any MetadataBackend) {
        self.capture = capture
        writer = BatchWriter(backend)
    }

    /// Records all objects of a file.
    /// - Parameters:
    ///   - name: of the file, for messages.
    ///   - progress: told the number of executions recorded so far.
    /// - Throws: `StatusError` when the store cannot be reached.
    public func run(
        _ bytes: [UInt8], name: String, progress: (Int) -> Void = { _ in }
    ) async throws -> Summary {
        var summary = Summary()
        var executions: [String: Execution] = [:]
        var order: [String] = []
        ObjectFile.read(bytes) { item in
            switch item {
            case .malformed(let reason): summary.problems.append("\(name), \(reason)")
            case .object(let object, let isDeleted):
                summary.objects += 1
                let result = capture(object, isDeleted: isDeleted)
                summary.problems += result.problems.map { "\(name): \($0)" }
                for execution in result.executions {
                    // Several objects, or several states of one, tell of the same execution.
                    if let known = executions[execution.id] {
                        executions[execution.id] = known.merging(execution)
                    } else {
                        executions[execution.id] = execution
                        order.append(execution.id)
                    }
                }
            }
        }
        // A problem of an earlier state may be none of the last.
        for id in order { summary.problems += executions[id]?.problems.map { "\(name): \($0)" } ?? [] }
        var start = 0
        while start < order.count {
            let batch = order[start..<min(start + batchSize, order.count)].compactMap { executions[$0] }
            start += batch.count
            for (id, outcome) in try await writer.write(batch) {
                switch outcome {
                case .recorded: summary.recorded += 1
                case .refused(let reason): summary.problems.append("\(name), \(id): \(reason)")
                }
            }
            progress(summary.recorded)
        }
        return summary
    }
}
