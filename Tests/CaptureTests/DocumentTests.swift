import Capture
import FoundationEssentials
import Kubernetes
import Testing

/// The worked examples of docs/conventions.md are what capture finds in the fixtures.
///
/// KFMD_UPDATE_FIXTURES=1 writes them anew, to be read before they are committed.
@Suite struct DocumentTests {
    private static let path =
        String(#filePath.dropLast("Tests/CaptureTests/DocumentTests.swift".count)) + "docs/conventions.md"

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
}
