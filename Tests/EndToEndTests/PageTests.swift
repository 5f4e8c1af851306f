import FoundationEssentials
import Testing

/// The pages in a real browser.
@Suite(.timeLimit(.minutes(3))) struct PageTests {
    private func dom(_ url: String, _ folder: String) async throws -> String {
        let ended = try await Program.run(
            "chromium",
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(folder)/chromium",
                "--virtual-time-budget=2000",
                "--dump-dom", url,
            ])
        #expect(ended.status == 0, "\(ended.errors)")
        return ended.output
    }

    /// The pages that a list links to under a name.
    private static func pages(named name: String, in list: String) -> [String] {
        list.ranges(of: "\">\(name)</a>").compactMap { range in
            let before = list[..<range.lowerBound]
            return before.ranges(of: "<a href=\"").last.map { String(before[$0.upperBound...]) }
        }
    }

    @Test(.enabled(if: Program.exists("chromium"), "chromium is not installed"))
    func aLineageIsAPictureOfLinks() async throws {
        let folder = try TemporaryFolder()
        let demo = try await Example.play(into: "\(folder.path)/store.db")
        #expect(demo.status == 0, "\(demo)")
        let service = try await MetadataProcess(folder: folder.path)
        let list = try await dom("http://\(service.http)/", folder.path)
        for text in [
            ">mytable-dump</a>", ">MNIST</a>", ">MNIST-evaluation</a>", "kubeflow.org/alpha/model",
            "s3://warehouse/dumps/mytable-dump.csv", "xgboost-synthetic-7kq2p",
        ] { #expect(list.contains(text), "\(text) is not in \(list)") }
        // Which number an artifact has depends on what was seen first.
        let dataSet = try #require(Self.pages(named: "mytable-dump", in: list).first)
        let models = Self.pages(named: "MNIST", in: list)
        #expect(models.count == 2)
        let artifact = try await dom("http://\(service.http)\(dataSet)", folder.path)
        #expect(artifact.contains("<svg class=\"lineage\""))
        for link in models + ["/executions/1"] {
            #expect(artifact.contains("<a href=\"\(link)\"><g class="), "no link to \(link)")
        }
        #expect(artifact.contains("SELECT * FROM mytable"))
        let missing = try await dom("http://\(service.http)/artifacts/99", folder.path)
        #expect(missing.contains("There is no artifact 99."))
        #expect(try await service.running.stop() == 0)
    }
}
