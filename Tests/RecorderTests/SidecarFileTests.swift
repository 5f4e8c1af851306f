import Capture
import Crypto
import FoundationEssentials
import JSON
@testable import Sidecar
import Testing

/// What a sidecar reads of the volumes that it shares: files that are what they should be, and all others.
@Suite(.timeLimit(.minutes(2))) struct SidecarFileTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-sidecar-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path + "/volume", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(SystemFile.resolved(path) ?? path)
    }

    private func write(_ text: String, to path: String) {
        #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    }

    private func sha256(_ text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { String(256 + Int($0), radix: 16).dropFirst() }.joined()
    }

    private func digest(
        _ path: String, in folder: String, _ pace: FileDigester.Pace = .gentle
    ) async throws -> SidecarReport.Digest {
        let digester = FileDigester(Volumes(points: [folder + "/volume"]), settling: 0)
        return try await digester.digest(.init(name: "x", path: path), pace)
    }

    private func refusal(_ path: String, in folder: String) async -> String {
        do {
            return "\(try await digest(path, in: folder))"
        } catch {
            return "\(error)"
        }
    }

    @Test func filesAndFoldersHaveDigests() async throws {
        try await withFolder { folder in
            write("hello\n", to: folder + "/volume/a")
            let file = try await digest(folder + "/volume/a", in: folder)
            #expect(file.size == 6 && file.sha256 == sha256("hello\n") && file.files == nil)
            // As `find . -type f | sort | xargs sha256sum | sha256sum` says it.
            try FileManager.default.createDirectory(
                atPath: folder + "/volume/model/sub", withIntermediateDirectories: true)
            write("1", to: folder + "/volume/model/b")
            write("22", to: folder + "/volume/model/sub/a")
            write("", to: folder + "/volume/model/a b")
            let whole = try await digest(folder + "/volume/model", in: folder)
            let lines = [("", "a b"), ("1", "b"), ("22", "sub/a")].map { "\(sha256($0.0))  \($0.1)\n" }.joined()
            #expect(whole.size == 3 && whole.files == 3 && whole.sha256 == sha256(lines))
        }
    }

    @Test func whatIsNoFileOfTheVolumeIsTold() async throws {
        try await withFolder { folder in
            write("secret", to: folder + "/outside")
            let manager = FileManager.default
            try manager.createSymbolicLink(atPath: folder + "/volume/out", withDestinationPath: folder + "/outside")
            try manager.createSymbolicLink(atPath: folder + "/volume/up", withDestinationPath: "..")
            try manager.createSymbolicLink(atPath: folder + "/volume/none", withDestinationPath: "gone")
            try manager.createSymbolicLink(atPath: folder + "/volume/dev", withDestinationPath: "/dev/zero")
            write("x", to: folder + "/volume/a")
            try manager.createSymbolicLink(atPath: folder + "/volume/in", withDestinationPath: "a")
            #expect(await refusal(folder + "/volume/out", in: folder).contains("leads out of its volume"))
            #expect(await refusal(folder + "/volume/up/outside", in: folder).contains("leads out of its volume"))
            #expect(await refusal(folder + "/volume/../outside", in: folder).contains("leads out of its volume"))
            #expect(await refusal(folder + "/volume/dev", in: folder).contains("leads out of its volume"))
            #expect(await refusal(folder + "/volume/none", in: folder) == "does not exist")
            #expect(await refusal(folder + "/outside", in: folder).contains("in no volume"))
            #expect(await refusal("volume/a", in: folder) == "is no absolute path")
            // A link within the volume leads to the file.
            #expect(try await digest(folder + "/volume/in", in: folder).size == 1)
            // Where a device is the volume itself.
            let digester = FileDigester(Volumes(points: ["/dev"]), settling: 0)
            await #expect(throws: SystemFile.Refusal.self) {
                try await digester.digest(.init(name: "x", path: "/dev/zero"), .gentle)
            }
        }
    }

    @Test func aFolderThatCannotBeReadWholeHasNoDigest() async throws {
        try await withFolder { folder in
            let manager = FileManager.default
            try manager.createDirectory(atPath: folder + "/volume/model/deep", withIntermediateDirectories: true)
            write("1", to: folder + "/volume/model/a")
            try manager.createSymbolicLink(atPath: folder + "/volume/model/link", withDestinationPath: "a")
            // A link is no file of the folder.
            #expect(try await digest(folder + "/volume/model", in: folder).files == 1)
            for number in 0..<FileDigester.mostEntries {
                #expect(manager.createFile(atPath: "\(folder)/volume/model/deep/\(number)", contents: nil))
            }
            #expect(await refusal(folder + "/volume/model", in: folder).contains("has more than 10000"))
            var path = folder + "/volume/nested"
            for _ in 0...FileDigester.deepest { path += "/x" }
            try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
            #expect(await refusal(folder + "/volume/nested", in: folder).contains("more than 32 deep"))
        }
    }

    /// A file that was changed a moment ago may be changed again without another time.
    @Test func whatWasJustWrittenIsReadAgain() async throws {
        try await withFolder { folder in
            write("x", to: folder + "/volume/a")
            // An hour ago, that this does not depend on how busy the machine is.
            let digester = FileDigester(Volumes(points: [folder + "/volume"]), settling: 3_600_000_000_000)
            let item = DigestPaths.Item(name: "x", path: folder + "/volume/a")
            let end = ContinuousClock.now + .seconds(60)
            let whole = try await digester.digest(item, .until(end))
            let late = try await digester.digest(item, .until(.now))
            // While the pod works it is let alone.
            let early = try await digester.digest(item, .gentle)
            #expect(whole.sha256 == sha256("x") && late.sha256 == nil && early.sha256 == nil)
        }
    }

    @Test func whatHasNoTimeHasItsSize() async throws {
        try await withFolder { folder in
            write(String(repeating: "x", count: 3 << 20), to: folder + "/volume/a")
            let late = try await digest(folder + "/volume/a", in: folder, .until(.now))
            #expect(late.size == 3 << 20 && late.sha256 == nil)
            // What was read before, and has not changed, needs no time.
            let digester = FileDigester(Volumes(points: [folder + "/volume"]), settling: 0)
            let item = DigestPaths.Item(name: "x", path: folder + "/volume/a")
            let whole = try await digester.digest(item, .gentle)
            #expect(whole.sha256 != nil)
            #expect(try await digester.digest(item, .until(.now)) == whole)
            write("y", to: folder + "/volume/a")
            #expect(try await digester.digest(item, .until(.now)).sha256 == nil)
        }
    }

    @Test func linesOfAReport() throws {
        var report = SidecarReport()
        ReportFile.parse(
            Array(
                #"""
                {"input": {"type": "data_set", "uri": "s3://b/in"}}

                {"output": {"type": "model", "name": "m"}, "metrics": {"accuracy": 0.5, "loss": 2}}
                {"metrics": {"accuracy": 0.75}}
                {"parameters": {"rate": "0.1"}}
                [1]
                {"oops": 1}
                {"metrics": 5}
                {"input":
                """#.utf8), into: &report)
        #expect(report.inputs.count == 1 && report.outputs.count == 1)
        #expect(report.metrics.map(\.name) == ["accuracy", "loss"] && report.metrics[0].value == 0.75)
        #expect(report.parameters.map(\.value) == ["0.1"])
        #expect(report.problems.count == 4, "\(report.problems)")
        #expect(report.problems[0] == "report, line 6: should be a JSON object")
        #expect(report.problems[1].hasPrefix("report, line 7: oops is not known"))
        #expect(report.problems[2] == "report, line 8, metrics: a number where an object should be")
        #expect(report.problems[3].hasPrefix("report, line 9: "))
    }

    @Test func aLongReportIsCutAtALine() async throws {
        try await withFolder { folder in
            let line = #"{"parameters": {"p": "\#(String(repeating: "x", count: 10_000))"}}"# + "\n"
            write(String(repeating: line, count: 200), to: folder + "/volume/report")
            var report = SidecarReport()
            try ReportFile.read(folder + "/volume/report", Volumes(points: [folder + "/volume"]), into: &report)
            #expect(report.problems == ["report: has more than 1048576 bytes; the rest is left out"])
            #expect(report.parameters.count == 1)
        }
    }

    @Test(arguments: [
        ("{model: /out/m.pkl, metrics: /out/x}", ["model /out/m.pkl", "metrics /out/x"], 0),
        ("[/out/m.pkl, /out/folder/]", ["m.pkl /out/m.pkl", "folder /out/folder/"], 0),
        ("/out/m.pkl", ["m.pkl /out/m.pkl"], 0), ("- out/m\n- /\n- 5\n- /out/..", [], 4), ("{a: [", [], 1),
        ("7", [], 1),
        ("", [], 0), ("[/a/model, /b/model]", ["model /a/model"], 1),
    ]) func pathsOfDigests(text: String, items: [String], problems: Int) {
        let paths = DigestPaths(text)
        #expect(paths.items.map { "\($0.name) \($0.path)" } == items)
        #expect(paths.problems.count == problems, "\(paths.problems)")
    }

    @Test func labelsOfTheDownwardAPI() {
        let text = #"""
            app="train"
            metadata.kubeflow.org/inputs="[{\"uri\": \"s3://b/a\"}]\n"
            quoted="tab\tbell\x07é\u00e9\U0001F600\\"
            broken=x
            none
            empty=""
            """#
        #expect(
            DownwardFiles.parse(text) == [
                "app": "train", "metadata.kubeflow.org/inputs": "[{\"uri\": \"s3://b/a\"}]\n",
                "quoted": "tab\tbell\u{7}éé😀\\", "empty": "",
            ])
    }

    @Test func volumesAreThoseThatAreMounted() {
        let volumes = Volumes(
            mountinfo: """
                1 0 0:1 / / rw - overlay overlay rw
                2 1 0:2 / /out rw - tmpfs tmpfs rw
                3 1 0:3 / /out/deep\\040er rw - tmpfs tmpfs rw
                4 1 0:4 / /proc rw - proc proc rw
                5 1 0:5 / /var/run/secrets/kubernetes.io/serviceaccount ro shared:7 - tmpfs tmpfs rw
                6 1 0:6 / /sys/fs/cgroup ro - cgroup2 cgroup rw
                bad
                """)
        #expect(volumes.volume(of: "/out/a") == "/out")
        #expect(volumes.volume(of: "/out/deep er/a") == "/out/deep er")
        #expect(volumes.volume(of: "/output") == nil && volumes.volume(of: "/etc/passwd") == nil)
        // What is the kernel's, and the sidecar's own.
        for path in ["/proc/1/environ", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/sys/fs/cgroup/x"] {
            #expect(volumes.volume(of: path) == nil, "\(path)")
        }
    }

    @Test func aReportIsTheSameAsAMessage() throws {
        var report = SidecarReport()
        report.time = Date(timeIntervalSince1970: 1_800_000_000)
        report.digests = [
            .init(name: "m", path: "/out/m", size: 5, sha256: String(repeating: "a", count: 64)),
            .init(name: "f", path: "/out/f", size: 1 << 40, sha256: nil, files: 3),
        ]
        report.inputs = [["uri": "s3://b/in"]]
        report.metrics = [("accuracy", 0.5)]
        report.parameters = [("rate", "0.1")]
        report.problems = ["a"]
        let read = try #require(SidecarReport(parsing: report.message()))
        #expect(read == report && !read.isCut)
        // More than a message holds: what is most needed first, and it says so.
        report.inputs = (0..<300).map { ["uri": .string("s3://bucket/input-\($0)")] }
        let message = report.message()
        #expect(message.utf8.count <= SidecarReport.messageLength)
        let cut = try #require(SidecarReport(parsing: message))
        #expect(cut.isCut && cut.digests == report.digests && cut.inputs.count > 50 && cut.inputs.count < 300)
        // Of many containers each has a share.
        #expect(
            SidecarReport.messageLength(ofContainers: 3) == 4096 && SidecarReport.messageLength(ofContainers: 6) == 2048
        )
        #expect(report.message(upTo: 2048).utf8.count <= 2048)
        #expect(SidecarReport(parsing: "{}") == nil && SidecarReport(parsing: "Error: x") == nil)
        #expect(SidecarReport(parsing: "{\"kfmd\": 2}") == nil)
    }
}
