import ArgumentParser
import Capture
import FoundationEssentials
import Kubernetes
import Recorder

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Record objects from files.",
        discussion: """
            Files are what kubectl get prints (JSON or YAML), Lists, JSON lines, or the
            lines of a watch, plain or gzip; - is standard input. Importing the same
            objects again changes nothing.
              kubectl get workflow,pod -A -o json | kfmd import - --store metadata.db
            """)

    @Argument(help: ArgumentHelp("Files with objects.", valueName: "file"))
    var files: [String]

    @OptionGroup var backend: BackendOptions
    @OptionGroup var capture: CaptureOptions

    func run() async throws {
        let capture = try capture.capture()
        let files = try ObjectFiles(files)
        defer { files.remove() }
        try files.addOwners(to: capture)
        let summary = try await backend.withBackend { backend in
            var importer = try Importer(capture: capture, backend: backend, folder: Settings.temporaryFolder)
            for file in files.sources {
                let progress = Progress(file: file.name)
                var stream = try InputStream(file)
                while let items = try stream.next() {
                    for item in items { try await importer.add(item, of: file.name) }
                    progress.show("\(stream.progress) read, \(importer.summary.objects) objects")
                }
                progress.end()
            }
            let progress = Progress(file: "store")
            defer { progress.end() }
            return try await importer.finish { progress.show("\($0) executions") }
        }
        for problem in summary.problems { StandardError.write("kfmd: \(Failure.line(problem))\n") }
        StandardOutput.write("\(summary.objects) objects, \(summary.recorded) executions recorded\n")
        if summary.problemCount > 0 {
            throw Failure.runtime("\(summary.problemCount) problems, told above; the rest is recorded")
        }
    }
}

/// How objects are understood.
struct CaptureOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The cluster's name within identities. Give the uid of kube-system, as record does, or the same runs are recorded twice. (KFMD_CLUSTER; default)",
            valueName: "name"))
    var cluster: String?

    @Option(
        help: ArgumentHelp(
            "Rules for what nobody annotated: MetadataRules as YAML or JSON. (KFMD_RULES)", valueName: "file"))
    var rules: String?

    @Flag(help: "Leave out archived logs. (KFMD_NO_LOGS)")
    var noLogs = false

    /// - Throws: ``Failure`` that names what is wrong with the rules.
    func capture() throws -> Capture {
        var capture = Capture(
            cluster: Settings.value(cluster, "KFMD_CLUSTER") ?? "default", rules: try RulesFile.read(rules))
        capture.includesLogs = try !noLogs && !Settings.flag("KFMD_NO_LOGS")
        return capture
    }
}

/// Rules of a file.
enum RulesFile {
    /// - Throws: ``Failure`` with all mistakes, each in a line.
    static func read(_ given: String?) throws -> RuleIndex {
        let rules = RuleIndex()
        guard let path = Settings.value(given, "KFMD_RULES") else { return rules }
        var problems: [String] = []
        var count = 0
        let source = try InputStream.Source(path)
        defer { source.remove() }
        try InputStream.read(source) { item in
            switch item {
            case .malformed(let reason): problems.append("\(path), \(reason)")
            case .object(let object, _):
                count += 1
                problems += rules.add(object).map { "\(path): \($0)" }
            }
        }
        if count == 0, problems.isEmpty { problems = ["\(path): has no rules"] }
        guard problems.isEmpty else { throw Failure.usage(problems.joined(separator: "\nkfmd: ")) }
        return rules
    }
}

/// Progress on a terminal, on one line that is written over.
struct Progress: Sendable {
    let file: String

    func show(_ text: String) {
        guard StandardError.isTerminal else { return }
        StandardError.write("\r\u{1B}[K\(file): \(text)")
    }

    func end() {
        guard StandardError.isTerminal else { return }
        StandardError.write("\r\u{1B}[K")
    }
}
