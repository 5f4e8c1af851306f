import FoundationEssentials
import JSON
import Testing

/// What a person types, and what the program says and exits with.
@Suite(.timeLimit(.minutes(10))) struct CommandLineTests {
    private func fixture(_ name: String) -> String { Program.root + "Tests/CaptureTests/Fixtures/\(name)" }

    @Test func explainsAnObject() async throws {
        let ended = try await Program.run(Program.kfmd, ["explain", fixture("annotations/job.json")])
        #expect(ended.status == 0)
        for text in [
            "Pod ml/train-abc: annotations", "execution train mnist  complete", "output    MNIST",
            "because   output MNIST",
        ] {
            #expect(ended.output.contains(text), "\(ended.output)")
        }
    }

    @Test func explainsAsJSON() async throws {
        let ended = try await Program.run(
            Program.kfmd, ["explain", "--output", "json", fixture("argo/states.json")])
        let value = try JSONValue(parsing: ended.output)
        #expect(value.array?.first?["executions"]?.array?.count == 13)
    }

    @Test func importsOnceHoweverOften() async throws {
        let folder = try TemporaryFolder()
        let store = "\(folder.path)/s.db"
        let files = ["kfp-v1/workflow.json", "kfp-v1/pod.json", "argo/locations.json"].map(fixture)
        for _ in 0..<2 {
            let ended = try await Program.run(Program.kfmd, ["import"] + files + ["--store", store])
            #expect(ended.status == 0, "\(ended)")
            #expect(ended.output == "3 objects, 2 executions recorded\n")
        }
        let lineage = try await Program.run(
            Program.kfmd, ["lineage", "minio://repo/w/train/model.tgz", "--store", store])
        #expect(lineage.output.contains("run-x  Train it  complete  data → model"), "\(lineage)")
    }

    @Test(arguments: [
        (["webhook"], "kfmd: give --sidecar-image IMAGE\n"),
        (
            ["webhook", "--sidecar-image", "i", "--service", "metadata"],
            "kfmd: --service metadata: should be NAME.NAMESPACE.svc\n"
        ),
        (["webhook", "--sidecar-image", "i", "--cert", "x"], "kfmd: --cert needs --key\n"),
        (
            ["record", "--store", "x", "--annotate-pods", "some"],
            "kfmd: --annotate-pods some: should be one of none, labelled, all\n"
        ),
        (
            ["record", "--store", "x", "--pages-url", "metadata.example.com"],
            "kfmd: --pages-url metadata.example.com: should begin with https:// or http://\n"
        ),
        (
            ["sidecar", "--pod-name", "p", "--store", "x"],
            "kfmd: give --pod-namespace, or KFMD_POD_NAMESPACE by the downward API\n"
        ),
    ]) func whatIsWrongIsNamed(arguments: [String], error: String) async throws {
        let ended = try await Program.run(Program.kfmd, arguments)
        #expect(ended.status == 64 && ended.errors == error, "\(ended)")
    }

    @Test func versionsArePrinted() async throws {
        let ended = try await Program.run(Program.kfmd, ["version"])
        let lines = ended.output.split(separator: "\n")
        #expect(ended.status == 0 && lines.count == 8, "\(ended)")
        #expect(lines.contains("store-schema 10"))
        let json = try await Program.run(Program.kfmd, ["version", "--output", "json"])
        let flag = try await Program.run(Program.kfmd, ["--version"])
        #expect(
            try JSONValue(parsing: json.output)["kfmd"]?.string
                == flag.output.split(separator: "\n").first.map(String.init))
    }

    @Test func rightsArePrinted() async throws {
        let ended = try await Program.run(
            Program.kfmd, ["rbac", "--namespace", "team-a", "--kinds", "Workflow,TaskRun", "--guard"])
        #expect(ended.status == 0, "\(ended)")
        let items = try JSONValue(parsing: ended.output)["items"]?.array ?? []
        #expect(items.compactMap { $0["kind"]?.string } == ["Role", "RoleBinding"])
        #expect(items.first?["metadata"]?["namespace"]?.string == "team-a")
        let unknown = try await Program.run(Program.kfmd, ["rbac", "--kinds", "Odd"])
        #expect(unknown.status == 64 && unknown.errors.hasPrefix("kfmd: --kinds Odd: should be of "), "\(unknown)")
    }

    @Test func readsPipesAndGzip() async throws {
        let folder = try TemporaryFolder()
        let script = """
            set -e
            gzip -c "$1" > "$3/packed.gz"
            "$2" explain "$3/packed.gz" > "$3/one"
            gzip -dc "$3/packed.gz" | "$2" explain - > "$3/two"
            mkfifo "$3/pipe"; cat "$1" > "$3/pipe" & "$2" explain "$3/pipe" > "$3/three"
            # A pipe cannot be read twice.
            "$2" import <(cat "$1") --store "$3/pipe.db" | grep -q '1 objects, 1 executions recorded'
            gzip -dc "$3/packed.gz" | "$2" import - --store "$3/stdin.db" | grep -q '1 objects, 1 executions recorded'
            cmp "$3/one" "$3/two"; cmp "$3/one" "$3/three"; grep -q 'execution train' "$3/one"
            ! "$2" explain "$3" 2> "$3/error"; grep -q 'cannot be read' "$3/error"
            """
        let ended = try await Program.run(
            "/bin/bash", ["-c", script, "sh", fixture("kfp-v1/workflow.json"), Program.kfmd, folder.path])
        #expect(ended.status == 0, "\(ended)")
    }

    @Test func aMistakeInAFileCostsOnlyTheObjectThatItIsIn() async throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/objects.jsonl"
        let good = try JSONValue(
            parsing: try #require(FileManager.default.contents(atPath: fixture("annotations/job.json"))))
        let text = good.jsonText() + "\n{\"kind\": \"Pod\", }\n" + "[]\n{\"kind\":\"Pod\"}\n" + good.jsonText() + "\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let ended = try await Program.run(Program.kfmd, ["import", path, "--store", "\(folder.path)/s.db"])
        #expect(ended.status == 1)
        #expect(ended.output == "2 objects, 1 executions recorded\n", "\(ended)")
        #expect(ended.errors.contains("objects.jsonl, line 2, column 17: “}” where a member's name should be"))
        #expect(ended.errors.contains("an object without metadata"))
    }

    @Test func brokenAnnotationsAreToldWithThePlace() async throws {
        let folder = try TemporaryFolder()
        let ended = try await Program.run(
            Program.kfmd, ["import", fixture("kfp-v1/pod-broken-spec.json"), "--store", "\(folder.path)/s.db"])
        #expect(ended.status == 1)
        #expect(ended.output.contains("1 executions recorded"))
        #expect(
            ended.errors.contains(
                "Pod kubeflow/run-x-3, metadata.annotations[\"pipelines.kubeflow.org/component_spec\"]: line 1, column 19"
            ),
            "\(ended.errors)")
    }

    @Test(arguments: [
        (["serve"], 64, "give --store FILE"), (["serve", "--store", "/nope/x.db"], 64, "store file /nope/x.db"),
        (["serve", "--store", "$TEXT"], 64, "not a SQLite database"),
        (["serve", "--store", "x.db", "--grpc-listen", "nonsense"], 64, "--grpc-listen nonsense"),
        (["record", "--kubeconfig", "/nope", "--store", "x.db"], 64, "/nope: cannot be read"),
        (["record", "--kubeconfig", "$CONFIG", "--context", "b", "--store", "x.db"], 64, "no context “b”; it has a"),
        (
            ["record", "--kubeconfig", "$CONFIG", "--store", "$FOLDER/x.db", "--journal", "$FOLDER/j.db"], 1,
            "nobody listens"
        ),
        (["import", "/nope.json", "--store", "$FOLDER/s.db"], 64, "/nope.json: cannot be read"),
        (["import", "$POD", "--metadata", "127.0.0.1:1"], 1, "127.0.0.1:1: cannot be reached"),
        (["import", "$POD"], 64, "give --metadata HOST:PORT or --store FILE"),
        (["lineage", "7", "--store", "$FOLDER/l.db"], 64, "l.db: does not exist"),
        (["explain", "--output", "xml", "-"], 64, "--output xml"), (["nope"], 64, "nope"),
        (["demo", "--recording", "/nope"], 64, "/nope/cluster.jsonl: cannot be read"),
    ])
    func mistakesAreToldInOneLine(arguments: [String], status: Int32, message: String) async throws {
        let folder = try TemporaryFolder()
        let (text, config) = ("\(folder.path)/text", "\(folder.path)/config")
        try Data(String(repeating: "text ", count: 500).utf8).write(to: URL(fileURLWithPath: text))
        let kubeconfig = """
            current-context: a
            contexts: [{name: a, context: {cluster: c}}]
            clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
            """
        try Data(kubeconfig.utf8).write(to: URL(fileURLWithPath: config))
        let values = ["$TEXT": text, "$CONFIG": config, "$POD": fixture("annotations/job.json")]
        let filled = arguments.map { argument in
            values[argument]
                ?? (argument.hasPrefix("$FOLDER") ? folder.path + argument.dropFirst("$FOLDER".count) : argument)
        }
        let ended = try await Program.run(Program.kfmd, filled)
        #expect(ended.status == status, "\(ended)")
        #expect(ended.errors.contains(message), "\(ended.errors)")
        #expect(ended.errors.split(separator: "\n").count == 1, "\(ended.errors)")
    }

    @Test(arguments: [[], ["serve"], ["record"], ["import"], ["explain"], ["lineage"], ["demo"]])
    func helpTeaches(command: [String]) async throws {
        let ended = try await Program.run(Program.kfmd, command + ["--help"])
        #expect(ended.status == 0)
        #expect(ended.output.contains("USAGE: kfmd"))
        #expect(ended.output.contains("KFMD_") || command == ["explain"] || command == ["lineage"] || command.isEmpty)
    }

    @Test func theDemoRecordsTheWholeLineage() async throws {
        let folder = try TemporaryFolder()
        let ended = try await Example.play(into: "\(folder.path)/demo.db")
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains("accuracy 0.95"))
    }

    @Test func theDemoFailsWhenSomethingIsMissing() async throws {
        let folder = try TemporaryFolder()
        for name in ["cluster.jsonl", "lineage.txt"] {
            let content = try #require(FileManager.default.contents(atPath: "\(Example.folder)/\(name)"))
            let text = String(decoding: content, as: UTF8.self)
            let more = name == "lineage.txt" ? text + "a line that never comes\n" : text
            try Data(more.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/\(name)"))
        }
        let ended = try await Example.play(folder.path, into: "\(folder.path)/d.db")
        #expect(ended.status == 1)
        #expect(ended.errors.contains("missing: a line that never comes"), "\(ended.errors)")
    }
}
