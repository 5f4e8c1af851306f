import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Testing

/// Every object in Fixtures against what is expected of it, in the file beside it.
///
/// `Fixtures/<convention>/<name>.expected` is what `kfmd explain --output json --cluster test` prints.
/// KFMD_UPDATE_FIXTURES=1 writes them anew, to be read before they are committed.
@Suite struct FixtureTests {
    static let folder = String(#filePath.dropLast("FixtureTests.swift".count)) + "Fixtures"

    static let fixtures: [String] = {
        let manager = FileManager.default
        let conventions = (try? manager.contentsOfDirectory(atPath: folder)) ?? []
        return conventions.sorted().flatMap { convention in
            ((try? manager.contentsOfDirectory(atPath: "\(folder)/\(convention)")) ?? [])
                .filter { $0.hasSuffix(".json") }.sorted().map { "\(convention)/\($0.dropLast(".json".count))" }
        }
    }()

    static func explain(_ bytes: [UInt8], cluster: String = "test", onlyWanted: Bool = false) -> JSONValue {
        var explained: [JSONValue] = []
        let capture = Capture(cluster: cluster)
        ObjectFile.read(bytes) {
            if case .object(let object, let isDeleted) = $0 { capture.learn(object, isDeleted: isDeleted) }
        }
        ObjectFile.read(bytes) { item in
            switch item {
            case .object(var object, let isDeleted):
                if onlyWanted {
                    let resource = Resource(group: "", version: object.apiVersion, plural: "", kind: object.kind)
                    object.raw = object.raw.projected(Capture.fields(of: resource))
                }
                explained.append(
                    Explanation(object, capture(object, isDeleted: isDeleted)).json)
            case .malformed(let reason): explained.append(.string(reason))
            }
        }
        return .array(explained)
    }

    @Test func thereAreFixtures() { #expect(Self.fixtures.count >= 20) }

    @Test(arguments: fixtures) func isCapturedAsExpected(name: String) throws {
        let bytes = try #require(FileManager.default.contents(atPath: "\(Self.folder)/\(name).json"))
        let found = Self.explain(Array(bytes))
        let path = "\(Self.folder)/\(name).expected"
        if ProcessInfo.processInfo.environment["KFMD_UPDATE_FIXTURES"] == "1" {
            try Data(found.jsonBytes(pretty: true) + [0x0A]).write(to: URL(fileURLWithPath: path))
            return
        }
        let expected = try JSONValue(parsing: try #require(FileManager.default.contents(atPath: path)))
        #expect(found == expected, "\(found.jsonText(pretty: true))")
    }

    /// What is watched is not read whole.
    @Test(arguments: fixtures) func isCapturedAlikeFromWhatIsWatched(name: String) throws {
        let bytes = Array(try #require(FileManager.default.contents(atPath: "\(Self.folder)/\(name).json")))
        #expect(Self.explain(bytes, onlyWanted: true) == Self.explain(bytes))
    }
}
