public import Capture
import FoundationEssentials
public import Kubernetes
import Lineage
public import MetadataAPI

/// Records objects of files, however large: what they say is gathered in a journal on disk first, where
/// several objects of one step become one execution. Importing the same again changes nothing.
public struct Importer: ~Copyable {
    /// What an import came to.
    public struct Summary: Sendable {
        public var objects = 0
        public var recorded = 0
        /// How much could not be understood or was refused.
        public var problemCount = 0
        /// The first of those, a line each.
        public var problems: [String] = []

        public init() {}

        /// The most problems that are told one by one.
        private static let maximumProblems = 1000

        fileprivate mutating func add(_ problem: String) {
            problemCount += 1
            if problems.count < Self.maximumProblems { problems.append(problem) }
        }
    }

    private let capture: Capture
    private let writer: BatchWriter
    private let journal: Journal
    private let journalPath: String
    private let batchSize = 200
    public private(set) var summary = Summary()
    private var executions: [Execution] = []

    /// - Parameter folder: where the journal is kept meanwhile.
    /// - Throws: ``Journal/FileError``.
    public init(capture: Capture, backend: any MetadataBackend, folder: String) throws {
        self.capture = capture
        writer = BatchWriter(backend, isLive: false)
        journalPath = "\(folder)/kfmd-import-\(UUID().uuidString).db"
        journal = try Journal(path: journalPath, settle: .zero, isTemporary: true)
    }

    deinit {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: journalPath + suffix) }
    }

    /// Takes in an item of a file.
    /// - Parameter name: of the file, for messages.
    /// - Throws: `SQLiteError` when the journal cannot be written.
    public mutating func add(_ item: ObjectFile.Item, of name: String) async throws {
        switch item {
        case .malformed(let reason): summary.add("\(name), \(reason)")
        case .object(let object, let isDeleted):
            summary.objects += 1
            let result = capture(object, isDeleted: isDeleted)
            for problem in result.problems { summary.add("\(name): \(problem)") }
            executions += result.everything
            if executions.count >= batchSize { try await gather() }
        }
    }

    private mutating func gather() async throws {
        try await journal.record(executions)
        executions = []
    }

    /// Writes all that was gathered.
    /// - Parameter progress: told the number of executions recorded so far.
    /// - Throws: `StatusError` when the store cannot be reached.
    public mutating func finish(progress: (Int) -> Void = { _ in }) async throws -> Summary {
        try await gather()
        while true {
            let batch = try await journal.pending(limit: batchSize)
            if batch.isEmpty { break }
            let outcomes = try await writer.write(batch.map(\.record))
            for step in batch {
                for problem in step.execution.problems { summary.add("\(problem)") }
                switch outcomes[step.execution.id] {
                case .recorded?: summary.recorded += step.execution.role == .run ? 0 : 1
                case .refused(let reason)?: summary.add("\(step.execution.id): \(reason)")
                case nil: summary.add("\(step.execution.id): the store failed at it")
                }
            }
            try await journal.acknowledge(batch.map { ($0.execution.id, $0.revision, nil) })
            progress(summary.recorded)
        }
        return summary
    }
}
