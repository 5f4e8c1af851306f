import ArgumentParser
import Capture
import JSON
import MetadataStore
import Recorder

/// What this release is, and what it speaks and reads.
enum Version {
    static let text = "0.1.0"
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print this version, and those of the protocols and files that it reads and writes.")

    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var output = "text"

    func run() throws {
        let versions: [(name: String, value: String)] = [
            ("kfmd", Version.text),
            // MLMD's service has no version of its own; that of the library whose behaviour is kept.
            ("ml-metadata", "1.17"), ("kfmd.v1.Amending", "1"), ("rest", "v1alpha1"),
            ("store-schema", "\(MetadataStore.schemaVersion)"), ("search-index", "\(SearchIndex.version)"),
            ("journal", "\(Journal.version)"), ("sidecar-report", "\(SidecarReport.version)"),
        ]
        switch output {
        case "text":
            for (name, value) in versions { StandardOutput.write("\(name) \(value)\n") }
        case "json":
            let object = JSONObject(versions.map { ($0.name, JSONValue.string($0.value)) })
            StandardOutput.write(JSONValue.object(object).jsonText(pretty: true) + "\n")
        default: throw Failure.usage("--output \(output): should be text or json")
        }
    }
}
