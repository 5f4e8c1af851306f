import FoundationEssentials
import Testing

/// The clients that people have, unmodified, against a `kfmd serve`.
@Suite(.timeLimit(.minutes(10))) struct ClientTests {
    private static let hasPython = Program.python != nil

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func answersAsTheOriginalStore() async throws {
        let folder = try TemporaryFolder()
        // Without the predefined types, so that ids are those of a fresh original.
        let service = try await MetadataProcess(folder: folder.path, options: ["--predefined-types", "none"])
        let ended = try await python("differential.py", service.grpc)
        #expect(ended.status == 0, "\(ended.output)")
        #expect(ended.output.contains(" 0 different"))
        #expect(try await service.running.stop() == 0)
    }

    /// The tests that the authors of the client wrote, from its wheel.
    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func theTestsOfTheWheelPass() async throws {
        let folder = try TemporaryFolder()
        let service = try await MetadataProcess(folder: folder.path, options: ["--predefined-types", "none"])
        let ended = try await python("wheel_tests.py", service.grpc)
        #expect(ended.status == 0, "\(ended.output)")
        #expect(ended.output.contains("102 passed, 4 deselected"), "\(ended.output.suffix(500))")
        #expect(try await service.running.stop() == 0)
    }

    /// Runs a script of Tests/clients.
    private func python(_ script: String, _ arguments: String...) async throws -> Program.Ended {
        try await Program.run(
            try #require(Program.python), [Program.root + "Tests/clients/" + script] + arguments)
    }

    /// The last two are of the REST API, which has no client but kfmd, and of gRPC-Web, which browsers have.
    @Test(
        .enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"),
        arguments: ["kubeflow_metadata_flow.py", "kfmd_flow.py", "grpc_web.py"])
    func clientsOfYearsWork(script: String) async throws {
        let folder = try TemporaryFolder()
        let service = try await MetadataProcess(
            folder: folder.path, options: ["--cors-origins", "https://pipelines.example.com"])
        let address = script == "kubeflow_metadata_flow.py" ? service.grpc : service.http
        let parts = address.split(separator: ":").map(String.init)
        let ended =
            script == "grpc_web.py"
            ? try await python(script, address) : try await python(script, parts[0], parts[1])
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("checks passed"))
        #expect(try await service.running.stop() == 0)
    }

    /// What the page on the data says, a reader can do.
    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func theQueriesOfTheDocumentsFindWhatTheySay() async throws {
        let folder = try TemporaryFolder()
        let store = folder.path + "/s.db"
        let fixtures = ["argo", "trial", "experiment", "serving", "tekton"].map {
            Program.root + "Tests/CaptureTests/Fixtures/" + $0
        }
        let script = "shopt -s nullglob; exec \"$0\" import $(ls $2 | grep -v broken) --store \"$1\" --cluster test"
        _ = try await Program.run(
            "/bin/bash", ["-c", script, Program.kfmd, store, fixtures.map { $0 + "/*.json" }.joined(separator: " ")])
        let service = try await MetadataProcess(folder: folder.path, store: "s.db")
        let ended = try await python("read_data.py", Program.root + "docs/data.md", service.grpc)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("blocks of data.md run"))
        #expect(try await service.running.stop() == 0)
    }

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func olderSchemasAreMigratedAsTheOriginalDoes() async throws {
        let folder = try TemporaryFolder()
        let ended = try await python("older_schemas.py", Program.kfmd, folder.path)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("12 files migrated"))
    }

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func theOriginalReadsWhatWeWriteAndWeWhatItWrites() async throws {
        let folder = try TemporaryFolder()
        let ended = try await python("both_ways.py", Program.kfmd, folder.path)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("4000 writes"))
    }

    @Test(
        .enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"),
        .enabled(if: Program.exists("openssl"), "openssl is not installed"))
    func theServerHasManners() async throws {
        let folder = try TemporaryFolder()
        let ended = try await python("manners.py", Program.kfmd, folder.path)
        #expect(ended.status == 0, "\(ended)")
    }

    /// What a client may send at worst: it costs itself only.
    @Test(
        .enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"),
        .enabled(if: Program.exists("openssl"), "openssl is not installed"))
    func noClientCanStopTheService() async throws {
        let folder = try TemporaryFolder()
        let ended = try await python("hostile.py", Program.kfmd, folder.path)
        #expect(ended.status == 0, "\(ended)")
    }

    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func whatIsAcknowledgedIsThere() async throws {
        let folder = try TemporaryFolder()
        let ended = try await python("durability.py", Program.kfmd, folder.path, "100")
        print(ended.output)
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("100 kills"))
    }

    @Test(
        .enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"),
        .enabled(if: Program.exists("protoc"), "protoc is not installed"))
    func theContractIsThatOfTheOriginal() async throws {
        let folder = try TemporaryFolder()
        let set = "\(folder.path)/set.pb"
        let compiled = try await Program.run(
            "protoc",
            [
                "-I", Program.root + "proto", "--include_imports", "--descriptor_set_out=\(set)",
                "ml_metadata/proto/metadata_store.proto", "ml_metadata/proto/metadata_store_service.proto",
            ])
        #expect(compiled.status == 0, "\(compiled)")
        let ended = try await Program.run(
            try #require(Program.python), [Program.root + "Tests/clients/contract.py", set])
        #expect(ended.status == 0, "\(ended.output)")
    }

    /// Every kustomization builds, fits the schemas of three releases of Kubernetes, and fits together; and each check
    /// fails on what it should find.
    @Test(.enabled(if: hasPython, "KFMD_PYTHON is not set: run make test"))
    func manifestsAreValid() async throws {
        let ended = try await Program.run(
            try #require(Program.python), [Program.root + "Tests/clients/manifests.py", Program.root])
        #expect(ended.status == 0, "\(ended)")
    }
}
