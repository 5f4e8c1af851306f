import FoundationEssentials
import Testing

/// The pages in a real browser.
@Suite(.timeLimit(.minutes(10))) struct PageTests {
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

    /// Where a link leads.
    private static func address(of name: String, in page: String) -> String {
        (pages(named: name, in: page).first ?? "/none").replacing("&amp;", with: "&")
    }

    /// From a failed step without artifacts to its run, and back, by clicks alone.
    @Test(.enabled(if: Program.exists("chromium"), "chromium is not installed"))
    func aFailedStepIsFound() async throws {
        let folder = try TemporaryFolder()
        let fixture = Program.root + "Tests/CaptureTests/Fixtures/tekton"
        let script =
            "shopt -s nullglob; exec \"$0\" import $(ls $2/*.json | grep -v broken) --store \"$1\" --cluster test"
        _ = try await Program.run("/bin/bash", ["-c", script, Program.kfmd, "\(folder.path)/store.db", fixture])
        let service = try await MetadataProcess(folder: folder.path)
        let front = try await dom("http://\(service.http)/", folder.path)
        #expect(
            front.contains("<a href=\"/executions\">Executions</a>") && front.contains("<a href=\"/runs\">Runs</a>"))
        let failed = try await dom("http://\(service.http)/executions?state=FAILED&order=oldest", folder.path)
        #expect(failed.contains("class=\"state failed\"") && !failed.contains("class=\"state complete\""))
        #expect(failed.contains("value=\"FAILED\" selected"))
        let step = try #require(Self.pages(named: "report", in: failed).first)
        let page = try await dom("http://\(service.http)\(step)", folder.path)
        #expect(page.contains("failed to finish within"))
        let run = try #require(Self.pages(named: "churn-nightly-t6v2x", in: page).first { $0.hasPrefix("/runs/") })
        let steps = try await dom("http://\(service.http)\(run)", folder.path)
        #expect(Self.pages(named: "report", in: steps).contains(step))
        #expect(steps.contains("class=\"state failed\">failed</span>") && steps.contains("took 28 min 2 s"))
        #expect(steps.contains("<time datetime=\"2025-05-02T01:00:00Z\""))
        let runs = try await dom(
            "http://\(service.http)/runs?filter=executions_e.last_known_state%20%3D%20FAILED", folder.path)
        #expect(Self.pages(named: "churn-nightly-t6v2x", in: runs).contains(run))
        #expect(Self.pages(named: "embed-kk4wd", in: runs) == [])
        let workspaces = try await dom("http://\(service.http)/workspaces", folder.path)
        let row = try #require(workspaces.ranges(of: "data-name=\"Name\">demo</td>").first)
        let demo = String(workspaces[row.upperBound...])
        for (name, path, shown) in [("Runs", "runs", "churn-nightly-t6v2x"), ("Executions", "executions", "report")] {
            let place = try #require(
                Self.pages(named: name, in: demo).first { $0.hasPrefix("/\(path)?workspace=demo") })
            let found = try await dom("http://\(service.http)\(place)", folder.path)
            #expect(!Self.pages(named: shown, in: found).isEmpty, "\(shown) is not in \(found)")
        }
        // What cannot be asked is told where it was asked, and stays in its field.
        let wrong = try await dom("http://\(service.http)/executions?filter=%3Cb%3E+%3D+1", folder.path)
        #expect(wrong.contains(", at column 1 of the filter"))
        #expect(wrong.contains("role=\"alert\"") && wrong.contains("value=\"&lt;b&gt; = 1\"") && !wrong.contains("<b>"))
        let odd = try await dom("http://\(service.http)/executions?state=BROKEN", folder.path)
        #expect(odd.contains("There is no state BROKEN.") && !odd.contains("class=\"state"))
        // A filter of several parts does not undo the others.
        let either = try await dom(
            "http://\(service.http)/executions?state=FAILED&filter=id+%3D+1+OR+id+%3E+0", folder.path)
        #expect(either.contains("class=\"state failed\"") && !either.contains("class=\"state complete\""))
        #expect(try await service.running.stop() == 0)
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
            #expect(artifact.contains("<a href=\"\(link)\"><title>"), "no link to \(link)")
        }
        #expect(artifact.contains("SELECT * FROM mytable"))
        // Who read it, what these wrote, and of which run that is, by clicks alone.
        let readers = try await dom(
            "http://\(service.http)" + Self.address(of: "Steps that read it", in: artifact), folder.path)
        let step = try #require(Self.pages(named: "train", in: readers).first)
        let page = try await dom("http://\(service.http)\(step)", folder.path)
        let written = try await dom("http://\(service.http)" + Self.address(of: "What it wrote", in: page), folder.path)
        #expect(
            !Self.pages(named: "MNIST", in: written).isEmpty && Self.pages(named: "mytable-dump", in: written) == [])
        let own = try await dom(
            "http://\(service.http)" + Self.address(of: "Steps that wrote it", in: artifact), folder.path)
        #expect(own.contains("Nothing here is as asked for.") || own.contains("class=\"state"))
        let missing = try await dom("http://\(service.http)/artifacts/99", folder.path)
        #expect(missing.contains("There is no artifact 99."))
        #expect(try await service.running.stop() == 0)
    }
}
