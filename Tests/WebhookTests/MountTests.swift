import Capture
import JSON
import Testing

@testable import Webhook

/// Which volumes the sidecar gets.
@Suite struct MountTests {
    private func shared(
        _ paths: String?, report: String? = nil, _ mounts: JSONValue..., volumes: [JSONValue] = []
    ) throws -> SharedMounts {
        var annotations: [String: String] = [:]
        annotations[DigestPaths.annotationKey] = paths
        annotations[SidecarReport.pathAnnotationKey] = report
        let shape = try #require(
            PodShape([
                "metadata": [:],
                "spec": [
                    "containers": .array(
                        mounts.enumerated().map { ["name": .string("c\($0.offset)"), "volumeMounts": $0.element] }),
                    "volumes": .array(volumes),
                ],
            ]))
        return SharedMounts(SidecarPaths(annotations), in: shape)
    }

    private func places(_ mounts: SharedMounts) -> [String] { mounts.mounts.compactMap { $0["mountPath"]?.string } }

    @Test(arguments: [
        #"["/data/model.bin"]"#, "- /data/model.bin", "model: /data/model.bin", #"{"model": "/data/x/../../data/m"}"#,
        "/data/model.bin",
    ]) func listsAndMaps(_ text: String) throws {
        let mounts = try shared(text, [["name": "d", "mountPath": "/data/"]])
        #expect(places(mounts) == (text.contains("..") ? [] : ["/data/"]))
        #expect(mounts.warnings.isEmpty == !text.contains(".."))
    }

    @Test func aMountIsAtTheSamePlaceAndForReading() throws {
        let mounts = try shared(
            "[/data/a, /data/b]", report: "/out/report.json",
            [["name": "d", "mountPath": "/data", "subPath": "x", "mountPropagation": "Bidirectional"]],
            [["name": "o", "mountPath": "/out"], ["name": "other", "mountPath": "/outer"]])
        #expect(
            mounts.mounts == [
                ["name": "d", "mountPath": "/data", "subPath": "x", "readOnly": true],
                ["name": "o", "mountPath": "/out", "readOnly": true],
            ])
        #expect(mounts.warnings.isEmpty)
    }

    @Test func theInnermostHasTheFile() throws {
        let mounts: JSONValue = [["name": "d", "mountPath": "/data"], ["name": "m", "mountPath": "/data/models"]]
        #expect(places(try shared("[/data/models/a]", mounts)) == ["/data/models"])
        // Both within each other cannot be made: the outer one can only be read.
        let both = try shared("[/data/a, /data/models/b]", mounts)
        #expect(places(both) == ["/data"])
        #expect(both.warnings.count == 1)
    }

    @Test func nothingIsAskedFor() throws {
        let mounts = try shared("", report: "", [["name": "d", "mountPath": "/data"]])
        #expect(mounts.mounts.isEmpty && mounts.warnings.isEmpty)
    }

    @Test func whatIsLeftOutIsTold() throws {
        let expression = try shared("[/data/a]", [["name": "d", "mountPath": "/data", "subPathExpr": "$(POD)"]])
        #expect(expression.mounts.isEmpty)
        #expect(expression.warnings.first?.contains("subPathExpr") == true)
        for path in ["/none/a", "relative", "/data/../etc"] {
            let mounts = try shared("[\(path)]", [["name": "d", "mountPath": "/data"]])
            #expect(mounts.mounts.isEmpty)
            #expect(mounts.warnings.count == 1)
        }
        let secret = try shared(
            "[/keys/a]", [["name": "s", "mountPath": "/keys"]],
            volumes: [["name": "s", "secret": ["secretName": "k"]]])
        #expect(secret.mounts.isEmpty)
        #expect(try shared("{a: [", [["name": "d", "mountPath": "/data"]]).warnings.count == 1)
        #expect(try shared("[1, {}, null]", [["name": "d", "mountPath": "/data"]]).warnings.count == 3)
    }

    @Test(arguments: [
        "/usr", "/usr/local/bin", "/lib", "/proc/x", "/etc", "/etc/kfmd", "/var/run", "/run",
        "/var/run/secrets/kubernetes.io/serviceaccount", "/bin",
    ]) func theSidecarStillStarts(_ place: String) throws {
        let mounts = try shared("[\(place)/file]", [["name": "d", "mountPath": .string(place)]])
        #expect(mounts.mounts.isEmpty)
        #expect(mounts.warnings.count == 1)
    }

    @Test func differentVolumesAtOnePlace() throws {
        let mounts = try shared(
            "[/data/a]", [["name": "one", "mountPath": "/data"]], [["name": "two", "mountPath": "/data"]])
        #expect(mounts.mounts == [["name": "one", "mountPath": "/data", "readOnly": true]])
        #expect(mounts.warnings.count == 1)
    }

    @Test func manyPathsHaveABudget() throws {
        let paths = (0..<1000).map { "/data/\($0)" }.joined(separator: ", ")
        let mounts = try shared("[\(paths)]", report: "/data/r", [["name": "d", "mountPath": "/data"]])
        #expect(mounts.mounts.count == 1)
        #expect(mounts.warnings.count == 1)
        let long = try shared(
            "[/data/\(String(repeating: "x", count: 70_000))]", [["name": "d", "mountPath": "/data"]])
        #expect(long.mounts.isEmpty)
        #expect(long.warnings.count == 1)
    }
}
