import FoundationEssentials
import Testing

/// What a service tells probes and Prometheus.
@Suite(.timeLimit(.minutes(5))) struct MonitoringTests {
    private func get(_ url: String) async throws -> (status: Int, body: String) {
        let script = """
            import sys, urllib.request, urllib.error
            try:
                answer = urllib.request.urlopen(sys.argv[1])
            except urllib.error.HTTPError as error:
                answer = error
            print(answer.status)
            sys.stdout.write(answer.read().decode())
            """
        let ended = try await Program.run("python3", ["-c", script, url])
        #expect(ended.status == 0, "\(ended.errors)")
        let lines = ended.output.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        return (Int(lines[0]) ?? 0, lines.count > 1 ? String(lines[1]) : "")
    }

    @Test(.enabled(if: Program.exists("python3"), "python3 is not installed"))
    func metricsAreWhereTheyAreAskedFor() async throws {
        let folder = try TemporaryFolder()
        // By name, a foreign host: probes and Prometheus ask by the pod's address.
        let service = try await MetadataProcess(
            folder: folder.path, options: ["--health-listen", "127.0.0.1:0", "--allowed-hosts", "metadata.example.com"])
        _ = try await service.running.wait(for: "probes and metrics listen")
        let line =
            service.running.output.split(separator: "\n").first { $0.contains("probes and metrics listen") } ?? ""
        let health = line.firstRange(of: "address=").map { line[$0.upperBound...].prefix { $0 != " " } } ?? ""
        let imported = try await Program.run(
            Program.kfmd,
            [
                "import", Program.root + "Tests/CaptureTests/Fixtures/annotations/job.json", "--metadata", service.grpc,
                "--cluster", "c",
            ])
        #expect(imported.status == 0, "\(imported)")
        #expect(try await get("http://\(service.http)/executions/1").status == 200)
        #expect(try await get("http://\(service.http)/executions/99").status == 404)
        let metrics = try await get("http://\(health)/metrics")
        #expect(metrics.status == 200)
        for text in [
            #"kfmd_store_rows{kind="executions"} 1"#, "kfmd_service_ready 1",
            #"kfmd_service_requests_total{face="page",method="/executions/{id}",code="200"} 1"#,
            #"kfmd_service_requests_total{face="page",method="/executions/{id}",code="404"} 1"#,
            #"kfmd_service_requests_total{face="grpc",method="PutLineageSubgraph",code="ok"}"#,
            #"kfmd_store_bytes{file="store"}"#, "kfmd_store_volume_free_bytes ", "kfmd_store_commit_seconds_count ",
        ] { #expect(metrics.body.contains(text), "\(text) in \(metrics.body)") }
        #expect(try await get("http://\(health)/readyz").body == "ok\n")
        #expect(try await get("http://\(service.http)/readyz").body == "ok\n")
        // Browsers reach the HTTP port: the metrics are not on it then.
        #expect(try await get("http://\(service.http)/metrics").status == 404)
        #expect(try await get("http://\(health)/").status == 404)
        #expect(try await service.running.stop() == 0)
    }

    @Test(.enabled(if: Program.exists("python3"), "python3 is not installed"))
    func withoutAPortOfTheirOwnTheyAreOnTheHTTPPort() async throws {
        let folder = try TemporaryFolder()
        let service = try await MetadataProcess(folder: folder.path)
        #expect(try await get("http://\(service.http)/metrics").body.contains("kfmd_service_ready 1\n"))
        #expect(try await service.running.stop() == 0)
    }
}
