import FoundationEssentials
import TestDatabases
import Testing

/// The program on a database: what the clients see, what is recorded, and the arguments of ML Metadata's server.
@Suite(.timeLimit(.minutes(10))) struct DatabaseTests {
    /// The servers that can be had.
    enum Engine: String, CaseIterable, CustomTestStringConvertible {
        case postgreSQL = "PostgreSQL"
        case mySQL = "MySQL"

        var testDescription: String { rawValue }

        static var installed: [Engine] {
            allCases.filter {
                ($0 == .mySQL ? TestDatabases.mySQLIsMissing : TestDatabases.postgreSQLIsMissing) == nil
            }
        }

        func database() throws -> TestDatabase {
            try self == .mySQL ? TestDatabases.mySQL() : TestDatabases.postgreSQL()
        }
    }

    private static let hasPython = Program.python != nil

    private func python(_ script: String, _ arguments: String...) async throws -> Program.Ended {
        try await Program.run(
            try #require(Program.python), [Program.root + "Tests/clients/" + script] + arguments)
    }

    /// The tests that the authors of the client wrote, and the clients of Kubeflow Metadata.
    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"), arguments: Engine.installed)
    func clientsOfYearsWork(engine: Engine) async throws {
        let folder = try TemporaryFolder()
        let database = try engine.database()
        defer { try? database.drop() }
        let service = try await MetadataProcess(folder: folder.path, database: database.url)
        for (script, address) in [("kubeflow_metadata_flow.py", service.grpc), ("kfmd_flow.py", service.http)] {
            let parts = address.split(separator: ":").map(String.init)
            let ended = try await python(script, parts[0], parts[1])
            #expect(ended.status == 0, "\(ended)")
            #expect(ended.output.contains("checks passed"))
        }
        #expect(try await service.running.stop() == 0)
        #expect(!service.running.output.contains("kfmd:"), "a password is in the log")
        let other = try engine.database()
        defer { try? other.drop() }
        let fresh = try await MetadataProcess(
            folder: folder.path, database: other.url, options: ["--predefined-types", "none"])
        let ended = try await python("wheel_tests.py", fresh.grpc)
        #expect(ended.status == 0, "\(ended.output)")
        #expect(ended.output.contains("102 passed, 4 deselected"), "\(ended.output.suffix(500))")
        #expect(try await fresh.running.stop() == 0)
    }

    /// What is recorded of objects is the same wherever it is kept, and the pages show it.
    @Test(arguments: Engine.installed) func recordsTheSame(engine: Engine) async throws {
        let folder = try TemporaryFolder()
        let database = try engine.database()
        defer { try? database.drop() }
        let fixtures = ["argo", "tekton", "trial", "experiment", "serving", "annotations"].map {
            Program.root + "Tests/CaptureTests/Fixtures/" + $0
        }
        let files = try fixtures.flatMap { fixture in
            try FileManager.default.contentsOfDirectory(atPath: fixture)
                .filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".json") }.sorted().map { "\(fixture)/\($0)" }
        }
        #expect(files.count > 5)
        let file = folder.path + "/same.db"
        var lineages: [String] = []
        for store in [database.url, file] {
            // Twice: nothing is doubled.
            for _ in 0..<2 {
                _ = try await Program.run(Program.kfmd, ["import"] + files, environment: ["KFMD_STORE": store])
            }
            var lineage = ""
            for id in 1...40 {
                let ended = try await Program.run(
                    Program.kfmd, ["lineage", "\(id)"], environment: ["KFMD_STORE": store])
                // Ids may have gaps on a server.
                lineage += ended.output.split(separator: "\n").map { Self.withoutIDs(String($0)) }.joined(
                    separator: "\n")
            }
            lineages.append(lineage)
        }
        #expect(lineages[0].count > 500)
        #expect(lineages[0] == lineages[1])
        let service = try await MetadataProcess(folder: folder.path, database: database.url)
        for page in [
            "/", "/artifacts", "/executions", "/runs", "/models", "/artifacts/1", "/executions/1",
            "/lineage/artifact/1",
        ] {
            let answer = try await Program.run(
                "curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://\(service.http)\(page)"])
            #expect(
                answer.output == "200" || answer.output == "404" || answer.output.hasPrefix("30"),
                "\(page): \(answer.output)")
        }
        #expect(try await service.running.stop() == 0)
    }

    private static func withoutIDs(_ line: String) -> String {
        String(line.map { $0.isNumber ? "#" : $0 })
    }

    /// Kubeflow Pipelines' Deployment with another image, and nothing else changed.
    @Test(
        .enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"), arguments: Engine.installed,
        [false, true])
    func takesTheArgumentsOfTheOriginal(engine: Engine, isByName: Bool) async throws {
        let folder = try TemporaryFolder()
        let database = try engine.database()
        defer { try? database.drop() }
        let parts = try #require(database.url.split(separator: "@").last).split(separator: ":")
        let credentials = try #require(database.url.split(separator: "@").first?.split(separator: "/").last)
            .split(separator: ":")
        let port = try #require(parts.last?.split(separator: "/").first)
        let prefix = engine == .mySQL ? "--mysql_config" : "--postgres_config"
        let name = engine == .mySQL ? "database" : "dbname"
        let grpc = try FreePort()
        let arguments =
            (engine == .mySQL
                ? ["--enable_database_upgrade=true"] : ["--metadata_source_config_type=postgresql"])
            + [
                "--grpc_port=\(grpc.number)", "\(prefix)_\(name)=\(database.name)", "\(prefix)_host=127.0.0.1",
                "\(prefix)_port=\(port)", "\(prefix)_user=\(credentials[0])", "\(prefix)_password=\(credentials[1])",
                "--grpc_channel_arguments=grpc.max_metadata_size=16384,grpc.max_receive_message_length=104857600",
            ]
        var program: String?
        if isByName {
            let link = folder.path + "/metadata_store_server"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Program.kfmd)
            program = link
        }
        let running = try await Running(
            (isByName ? [] : ["metadata_store_server"]) + arguments, log: folder.path + "/server.log",
            program: program)
        _ = try await running.wait(for: "gRPC listens")
        #expect(!running.output.contains("HTTP listens") && !running.output.contains(credentials[1]))
        let ended = try await python("put_one.py", "127.0.0.1:\(grpc.number)")
        #expect(ended.status == 0, "\(ended)")
        #expect(try database.execute("SELECT uri FROM Artifact") == [["s3://one"]])
        #expect(try await running.stop() == 0)
    }
}
