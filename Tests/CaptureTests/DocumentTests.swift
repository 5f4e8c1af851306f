import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Testing

/// The worked examples of docs/conventions.md are what capture finds in the fixtures.
///
/// KFMD_UPDATE_FIXTURES=1 writes them anew, to be read before they are committed.
@Suite struct DocumentTests {
    private static let root = String(#filePath.dropLast("Tests/CaptureTests/DocumentTests.swift".count))
    private static let path = root + "docs/conventions.md"

    private func text(_ path: String) throws -> String {
        String(decoding: try #require(FileManager.default.contents(atPath: Self.root + path)), as: UTF8.self)
    }

    @Test func whatToExportIsAllThatIsUnderstood() throws {
        let line = try #require(try text("docs/cli.md").split(separator: "\n").first { $0.contains("'pods|") })
        let named = try #require(line.split(separator: "'").first { $0.hasPrefix("pods|") }).split(separator: "|")
        let kinds = (Capture.kinds + [Capture.pods]).map(\.definition)
        #expect(Set(named.map(String.init)) == Set(kinds))
    }

    private func explanation(of fixture: String) throws -> String {
        let bytes = Array(try #require(FileManager.default.contents(atPath: "\(FixtureTests.folder)/\(fixture)")))
        let capture = Capture(cluster: "test")
        var text = ""
        ObjectFile.read(bytes) {
            if case .object(let object, let isDeleted) = $0 { capture.learn(object, isDeleted: isDeleted) }
        }
        ObjectFile.read(bytes) { item in
            guard case .object(let object, let isDeleted) = item else { return }
            text += Explanation(object, capture(object, isDeleted: isDeleted)).text
        }
        return text
    }

    @Test func examplesAreWhatIsFound() throws {
        let document = String(decoding: try #require(FileManager.default.contents(atPath: Self.path)), as: UTF8.self)
        var lines = document.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var examples = 0
        var index = 0
        while index < lines.count {
            let line = lines[index]
            index += 1
            guard line.hasPrefix("`"), line.hasSuffix(".json`:"), index + 1 < lines.count, lines[index + 1] == "```"
            else { continue }
            let start = index + 2
            let end = try #require(lines[start...].firstIndex(of: "```"))
            var found = try explanation(of: String(line.dropFirst().dropLast(2))).split(
                separator: "\n", omittingEmptySubsequences: false
            ).map(String.init)
            if found.last == "" { found.removeLast() }
            examples += 1
            if ProcessInfo.processInfo.environment["KFMD_UPDATE_FIXTURES"] == "1" {
                lines.replaceSubrange(start..<end, with: found)
            } else {
                #expect(Array(lines[start..<end]) == found, "\(line)")
            }
            index = start
        }
        #expect(examples >= 14)
        if ProcessInfo.processInfo.environment["KFMD_UPDATE_FIXTURES"] == "1" {
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: Self.path))
        }
    }

    /// The limits that the page tells are those of the code.
    @Test func theLimitsAreThoseOfThePage() throws {
        let path = String(#filePath.dropLast("Tests/CaptureTests/DocumentTests.swift".count)) + "docs/operations.md"
        let text = String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map {
            $0.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
        }
        let limits = Dictionary(rows.map { ($0.first ?? "", $0.last ?? "") }) { first, _ in first }
        for (what, value) in [
            ("executions of an object", "\(Budget.executions)"),
            ("inputs of an execution, and outputs", "\(Budget.uses)"),
            ("problems of an object that are told one by one", "\(Budget.problems)"),
            ("properties of an execution or artifact, parameters", "\(Budget.properties)"),
            ("a property's or parameter's value", "\(Budget.valueLength) bytes"),
            ("the properties of a run together", "\(Budget.runLength) bytes"),
            ("a uri", "\(Budget.uriLength) bytes"),
            ("a name, type, version, digest", "\(Budget.nameLength) bytes"),
            ("a text with its variables replaced", "\(Budget.textLength) bytes"),
            (
                "variables that are replaced in an object",
                "\(Budget.replacements), with \(Budget.textsLength) bytes"
            ),
            (
                "the environment of a container with its variables replaced",
                "\(Budget.environmentLength) bytes"
            ),
            ("objects that tell of one step", "\(Budget.sources), the newest"),
            (
                "writers of an artifact, and readers that add something, whose statements are kept",
                "\(Budget.statements) of each, the first"
            ), ("executions whose inputs are resolved anew for what one batch wrote", "\(Budget.visitors)"),
            ("files that are linked to a folder that was read", "\(Budget.files)"),
            (
                "what is kept of an execution in the store",
                "\(Budget.keptLength) bytes; with more, its inputs, outputs and parameters are not in it"
            ), ("compressed nodes of a Workflow", "\(Budget.nodesLength) bytes, \(Budget.nodesValues) values"),
            ("nesting of JSON and YAML", "\(JSONValue.maximumDepth) levels"),
            ("a wait that an API server asks for", "\(APIError.longestWait.components.seconds) s"),
        ] { #expect(limits[what] == value, "\(what)") }
    }
}
