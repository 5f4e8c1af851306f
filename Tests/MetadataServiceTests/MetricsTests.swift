import FoundationEssentials
import GRPCCore
import MetadataAPI
import MetadataStore
import Prometheus
import Testing

@testable import MetadataService

/// What a service tells Prometheus.
@Suite(.timeLimit(.minutes(1))) struct MetricsTests {
    @Test(arguments: [
        ("/", "/"), ("/artifacts.json", "/artifacts"), ("/runs.csv", "/runs"), ("/runs/7", "/runs/{id}"),
        ("/runs/7.json", "/runs/{id}"), ("/static/abc/pages.css", "/static"), ("/nothing", "other"),
        ("/runs/7/live", "other"), ("/../../x", "other"), ("", "other"),
    ]) func pathsAreCountedByTheirPatterns(path: String, name: String) {
        #expect(Pages.pattern(of: path, Set(Pages.all.flatMap(\.paths))) == name)
    }

    @Test func answersAreCountedByTheirCodes() async throws {
        let metrics = ServiceMetrics()
        _ = try await metrics.counting(.grpc, "PutExecution") { 1 }
        for error in [
            StatusError(.resourceExhausted, "x"), RPCError(code: .internalError, message: "x"), CancellationError(),
        ] as [any Error] {
            await #expect(throws: (any Error).self) { try await metrics.counting(.grpcWeb, "GetTypes") { throw error } }
        }
        metrics.count(.page, "/runs/{id}", code: "200", .milliseconds(3))
        let text = metrics.text(nil, search: nil, limits: [("message_size", 2)], isReady: false)
        for line in [
            #"kfmd_service_requests_total{face="grpc",method="PutExecution",code="ok"} 1"#,
            #"kfmd_service_requests_total{face="grpc_web",method="GetTypes",code="resource_exhausted"} 1"#,
            #"kfmd_service_requests_total{face="grpc_web",method="GetTypes",code="internal"} 1"#,
            #"kfmd_service_requests_total{face="grpc_web",method="GetTypes",code="unknown"} 1"#,
            #"kfmd_service_request_seconds_bucket{face="page",method="/runs/{id}",le="0.0025"} 0"#,
            #"kfmd_service_request_seconds_bucket{face="page",method="/runs/{id}",le="0.005"} 1"#,
            #"kfmd_service_request_seconds_count{face="page",method="/runs/{id}"} 1"#,
            #"kfmd_service_limits_total{limit="message_size"} 2"#, "kfmd_service_ready 0",
        ] { #expect(text.contains(line + "\n"), "\(line) in \(text)") }
        // Each family stands once, and before its samples.
        let families = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
        #expect(Set(families).count == families.count)
    }

    @Test func theStoreTellsWhatItDoes() async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-metrics-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        do {
            let store = try MetadataStore(path: path)
            for name in ["A", "B"] {
                try await store.write { _ = try $0.putArtifactType(.with { $0.artifactType.name = name }) }
            }
            _ = try await store.write { transaction in
                try transaction.putArtifacts(
                    .with { $0.artifacts = [.with { $0.typeID = 10 }, .with { $0.typeID = 10 }] })
            }
            let activity = try await store.activity()
            #expect(activity.readers == 4 && activity.readersBusy == 0 && activity.readersWaitedFor == 0)
            #expect(activity.writing.group.total == 3 && activity.writing.group.sum == 3)
            #expect(activity.writing.seconds.total == 3 && activity.writing.seconds.sum > 0)
            #expect(activity.rows.map(\.count) == [2, 0, 0])
            #expect(activity.files.map(\.name) == ["store", "wal"] && activity.files.allSatisfy { $0.bytes > 0 })
            #expect((activity.volume?.free ?? 0) > 0 && (activity.volume?.size ?? 0) >= (activity.volume?.free ?? 0))
            let text = ServiceMetrics().text(activity, search: 7, limits: [], isReady: true)
            for line in [
                #"kfmd_store_rows{kind="artifacts"} 2"#, #"kfmd_store_bytes{file="search"} 7"#,
                #"kfmd_store_group_requests_bucket{le="1.0"} 3"#, "kfmd_store_commit_seconds_count 3",
                #"kfmd_service_limits_total{limit="waiting_writes"} 0"#, "kfmd_store_readers 4",
            ] { #expect(text.contains(line + "\n"), "\(line) in \(text)") }
            await store.close()
        }
    }

    @Test func labelsAreEscaped() {
        var text = PrometheusText()
        text.sample("m", [("l", "a\"b\\c\nd")], "1")
        #expect(text.output == "m{l=\"a\\\"b\\\\c\\nd\"} 1\n")
    }

    @Test func bucketsAddUp() {
        var histogram = PrometheusHistogram(bounds: [1, 2])
        for value in [0.5, 1, 1.5, 9] { histogram.observe(value) }
        var text = PrometheusText()
        text.histogram("m", histogram)
        #expect(
            text.output == """
                m_bucket{le="1.0"} 2
                m_bucket{le="2.0"} 3
                m_bucket{le="+Inf"} 4
                m_sum 12.0
                m_count 4

                """)
    }
}
