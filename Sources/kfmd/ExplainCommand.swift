import ArgumentParser
import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what would be recorded of objects, and why. Writes nothing.",
        discussion: """
            For each object: the convention that matched, each execution with its inputs
            and outputs, the field that each fact comes from, and what was left out.
              kubectl get workflow my-run -o yaml | kfmd explain -
            """)

    @Argument(help: ArgumentHelp("Files with objects, as for import.", valueName: "file"))
    var files: [String]

    @Option(help: "table or json.")
    var output: String = "table"

    @OptionGroup var capture: CaptureOptions

    func run() async throws {
        guard output == "table" || output == "json" else {
            throw Failure.usage("--output \(output): should be table or json")
        }
        let capture = try capture.capture()
        var explained: [JSONValue] = []
        var problems = 0
        let files = try ObjectFiles(files)
        defer { files.remove() }
        try files.addOwners(to: capture)
        for file in files.sources {
            try InputStream.read(file) { item in
                switch item {
                case .malformed(let reason):
                    problems += 1
                    StandardError.write("kfmd: \(file.name), \(Failure.line(reason))\n")
                case .object(let object, let isDeleted):
                    let result = capture(object, isDeleted: isDeleted)
                    problems += result.problems.count + result.executions.reduce(0) { $0 + $1.problems.count }
                    let explanation = Explanation(object, result)
                    if output == "json" {
                        explained.append(explanation.json)
                    } else {
                        StandardOutput.write(explanation.text)
                    }
                }
            }
        }
        if output == "json" {
            StandardOutput.write(JSONValue.array(explained).jsonText(pretty: true) + "\n")
        }
        if problems > 0 { throw Failure.runtime("\(problems) problems, told above") }
    }
}
