import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import MetadataAPI
import MetadataStore
import Recorder
import Testing

/// Small inputs after public bug reports, where they are at hand.
@Suite struct ReportTests {
    static let folder =
        String(#filePath.dropLast("Tests/RecorderTests/ReportTests.swift".count)) + "../shared/testdata/reports"
    static var isAtHand: Bool { FileManager.default.fileExists(atPath: folder) }

    static func objects(_ name: String) throws -> [KubernetesObject] {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).json"))
        var result: [KubernetesObject] = []
        ObjectFile.read(Array(bytes)) { if case .object(let object, _) = $0 { result.append(object) } }
        return result
    }

    /// A store with what reports tell, imported one command each.
    private func stored(_ names: String..., body: (Facts, [String]) throws -> Void) async throws {
        try await withStore { store in
            var problems: [String] = []
            for name in names { problems += try await store.record(try Self.objects(name)) }
            try body(try await Facts(store), problems)
        }
    }

    /// What is in a store, in the words of the reports.
    struct Facts {
        struct Step {
            var node: MlMetadata_Execution
            var inputs: [MlMetadata_Artifact]
            var outputs: [MlMetadata_Artifact]
            /// Folders of which it wrote a file.
            var inferred: [MlMetadata_Artifact]

            func text(_ name: String) -> String? { node.customProperties[name]?.stringValue }
            var state: String { node.stateName }
            var times: String {
                "\(text("start_time")?.dropFirst(11) ?? "-")..\(text("end_time")?.dropFirst(11) ?? "-")"
            }
            var message: String? { text("message") }
        }

        var steps: [Step]
        var artifacts: [MlMetadata_Artifact]
        var contexts: [MlMetadata_Context]
        var text: String

        init(_ store: MetadataStore) async throws {
            (steps, artifacts, contexts) = try await store.read { transaction in
                let nodes = try transaction.getExecutions(.init()).executions
                let artifacts = try transaction.getArtifacts(.init()).artifacts
                let byID = Dictionary(uniqueKeysWithValues: artifacts.map { ($0.id, $0) })
                let events = try transaction.getEventsByExecutionIDs(.with { $0.executionIds = nodes.map(\.id) }).events
                let steps = nodes.map { node in
                    func of(_ type: MlMetadata_Event.TypeEnum) -> [MlMetadata_Artifact] {
                        events.filter { $0.executionID == node.id && $0.type == type }.compactMap {
                            byID[$0.artifactID]
                        }
                    }
                    return Step(node: node, inputs: of(.input), outputs: of(.output), inferred: of(.internalOutput))
                }
                return (steps, artifacts, try transaction.getContexts(.init()).contexts)
            }
            text = try await store.text().joined(separator: "\n")
        }

        func step(_ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Step {
            try #require(
                steps.first { $0.text("name") == name && !$0.node.externalID.contains("/attempts/") },
                "no \(name) among \(steps.compactMap { $0.text("name") })", sourceLocation: sourceLocation)
        }

        func run(_ name: String) throws -> [String: String] {
            try #require(contexts.first { $0.customProperties["display_name"]?.stringValue == name })
                .customProperties.mapValues(\.stringValue)
        }
    }

    static let skipped: Comment = "the inputs are not at hand: ../shared/testdata/reports"

    @Test(.enabled(if: isAtHand, skipped)) func aFailedAttemptStoredNothing() async throws {
        try await stored("01-argo-failed-attempt-without-location") { facts, problems in
            let (first, second) = (try facts.step("r1(0)"), try facts.step("r1(1)"))
            #expect((first.state, first.outputs.count) == ("failed", 0))
            #expect((second.state, second.outputs.map(\.uri)) == ("complete", ["s3://lake/r1/out.csv"]))
            #expect(facts.steps.count == 2)
            #expect(problems.isEmpty)
        }
        let result = try #require(
            Self.objects("01-argo-failed-attempt-without-location").map { Capture(cluster: "c")($0) }.first)
        #expect(result.ignored.contains { $0.hasSuffix("listed, but never stored (the attempt failed)") })
        #expect(!result.ignored.contains { $0.contains("optional") })
    }

    @Test(.enabled(if: isAtHand, skipped)) func aTerminatedWorkflowEndsItsSteps() async throws {
        try await stored("03-argo-terminated-nodes-left-running") { facts, problems in
            #expect(problems.isEmpty)
            let step1 = try facts.step("fit(0)")
            #expect(step1.state == "failed")
            for name in ["score", "wait"] {
                let step = try facts.step(name)
                #expect(step.state == "canceled")
                #expect(step.times.hasSuffix("10:20:00Z"))
                #expect(step.text("__kfmd_problems__") == nil)
            }
            #expect(facts.steps.allSatisfy { $0.state != "running" && $0.state != "new" })
            let run = try #require(facts.contexts.first { $0.type == TypeName.run })
            #expect(run.customProperties["state"]?.stringValue == "FAILED")
            #expect(run.customProperties["message"]?.stringValue.isEmpty == false)
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func memoizedStepsShareTheArtifact() async throws {
        let all = try Self.objects("04-argo-memoized-steps-hit")
        for objects in [all, all.reversed()] {
            try await withStore { store in
                for object in objects { try await store.record([object]) }
                let facts = try await Facts(store)
                let (prepare, write, fit) = (try facts.step("prepare"), try facts.step("write"), try facts.step("fit"))
                #expect(prepare.state == "cached")
                #expect(facts.steps.filter { $0.text("name") == "prepare" }.count == 1)
                #expect(prepare.outputs.map(\.id) == write.outputs.map(\.id))
                #expect(fit.inputs.map(\.id) == write.outputs.map(\.id))
                #expect(facts.artifacts.count == 2)
            }
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func fanInReadsWhatEachAttemptWrote() async throws {
        try await stored("05-argo-fanin-retry") { facts, _ in
            #expect(facts.artifacts.count == 2)
            #expect(
                facts.steps.flatMap(\.outputs).map(\.uri).map { $0.suffix(9) }.sorted() == ["fan/0.txt", "fan/1.txt"])
            let step2 = try facts.step("read")
            #expect(step2.inputs.count == 2)
            #expect(facts.steps.count == 3)
        }
    }

    private static let retry = [
        "07a-argo-manual-retry-before", "07b-argo-manual-retry-running", "07c-argo-manual-retry-after",
    ]

    @Test(.enabled(if: isAtHand, skipped)) func aManualRetryIsAnotherAttempt() async throws {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        var texts: Set<String> = []
        for order in orders {
            try await withStore { store in
                for index in order { try await store.record(try Self.objects(Self.retry[index])) }
                let facts = try await Facts(store)
                let fit = try facts.step("fit")
                #expect((fit.state, fit.times) == ("complete", "11:03:00Z..11:04:00Z"), "\(order)")
                #expect(fit.message == nil)
                #expect(fit.outputs.count == 1)
                let first = try #require(facts.steps.first { $0.node.externalID.hasSuffix("/attempts/1") }, "\(order)")
                #expect((first.state, first.times) == ("failed", "10:03:00Z..10:04:00Z"), "\(order)")
                #expect(first.text("exit_code") == "1")
                #expect(first.outputs.isEmpty)
                let run = try #require(facts.contexts.first { $0.type == TypeName.run })
                #expect(run.customProperties["state"]?.stringValue == "COMPLETE")
                texts.insert(facts.text)
            }
        }
        #expect(texts.count == 1)
        // While it runs.
        for order in [[0, 1], [1, 0]] {
            try await withStore { store in
                for index in order { try await store.record(try Self.objects(Self.retry[index])) }
                let facts = try await Facts(store)
                let fit = try facts.step("fit")
                #expect((fit.state, fit.times, fit.message) == ("running", "11:03:00Z..-", nil), "\(order)")
                let run = try #require(facts.contexts.first { $0.type == TypeName.run }).customProperties
                #expect(run["state"]?.stringValue == "RUNNING", "\(order)")
                #expect(run["end_time"] == nil && run["message"] == nil, "\(order)")
            }
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func runsOfOneNameInTwoNamespacesAreTwo() async throws {
        let all = try Self.objects("08-kfp1-same-name-two-namespaces")
        for split in [false, true] {
            try await withStore { store in
                if split { for object in all { try await store.record([object]) } } else { try await store.record(all) }
                let facts = try await Facts(store)
                let runs = facts.contexts.filter { $0.type == TypeName.kfpRun }
                #expect(runs.count == 2)
                #expect(
                    Set(runs.compactMap { $0.customProperties["display_name"]?.stringValue }) == [
                        "Nightly of team-a", "Nightly of team-b",
                    ])
                for run in runs {
                    let id = run.id
                    let (parents, steps) = try await store.read { transaction in
                        (
                            try transaction.getParentContextsByContext(.with { $0.contextID = id }).contexts.count,
                            try transaction.getExecutionsByContext(.with { $0.contextID = id }).executions.count
                        )
                    }
                    #expect((parents, steps) == (1, 1))
                }
            }
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func aSkippedStepReadNothing() async throws {
        try await stored("10-argo-stopped-skipped") { facts, problems in
            let step3 = try facts.step("a")
            #expect(step3.outputs.count == 1)
            let skipped = try facts.step("b")
            #expect((skipped.state, skipped.inputs.count, skipped.outputs.count) == ("canceled", 0, 0))
            let run = try #require(facts.contexts.first { $0.type == TypeName.run })
            #expect(run.customProperties["message"]?.stringValue.contains("Stop") == true)
            #expect(problems.isEmpty)
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func jobsAreWhatTheirStatusSays() async throws {
        try await stored("12-spark-pending-rerun") { facts, _ in
            let step = try #require(facts.steps.first)
            #expect(["running", "new"].contains(step.state))
            #expect(step.text("end_time") == nil)
            #expect(facts.artifacts.isEmpty)
        }
        try await stored("13-rayjob-running-but-deployment-failed") { facts, _ in
            let step = try #require(facts.steps.first)
            #expect((step.state, step.times) == ("failed", "08:01:00Z..08:07:00Z"))
            #expect(step.message?.contains("submission") == true)
        }
        try await stored("14-rayjob-failed-but-deployment-running") { facts, _ in
            let step = try #require(facts.steps.first)
            #expect((step.state, step.message, step.text("end_time")) == ("failed", "exit 1", nil))
        }
        try await stored("24-trainjob-empty-status") { facts, problems in
            #expect(facts.steps.map(\.state) == ["new"])
            #expect(problems.isEmpty)
        }
        try await stored("31-ray-states") { facts, _ in
            #expect(facts.steps.allSatisfy { $0.text("end_time") == nil || $0.state != "running" })
            #expect(facts.steps.count > 5)
        }
        try await stored("32-pytorch-restarting-suspended") { facts, _ in
            let states = Dictionary(uniqueKeysWithValues: facts.steps.map { ($0.text("name") ?? "", $0) })
            #expect(
                states.mapValues(\.state) == [
                    "restarting": "running", "restarted": "running", "suspended": "new", "failedrestart": "failed",
                ])
            #expect(states["failedrestart"]?.message != nil)
        }
        try await stored("33-katib-killed") { facts, _ in
            #expect(facts.steps.map(\.state) == ["canceled"])
            #expect(facts.steps.map(\.times) == ["08:00:10Z..08:06:00Z"])
            #expect(facts.artifacts.isEmpty)
        }
        try await stored("22-katib-nan-unavailable") { facts, _ in
            let metrics = try #require(facts.artifacts.first)
            #expect(metrics.customProperties["values.acc"]?.doubleValue == 0.91)
            #expect(metrics.customProperties["values.loss"]?.stringValue == "NaN")
            #expect(metrics.customProperties["values.f1"] == nil)
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func attemptsOfTaskRuns() async throws {
        try await stored("15-tekton-stale-results-after-retry") { facts, _ in
            let steps = facts.steps.sorted { $0.node.externalID < $1.node.externalID }
            #expect(steps.map(\.state) == ["failed", "complete"])
            #expect(steps.map { $0.outputs.map(\.uri) }.first == ["s3://rep/first"])
            #expect(steps.last?.outputs.count == 1)
        }
        try await stored("16-tekton-to-be-retried") { facts, _ in
            let steps = facts.steps.sorted { $0.node.externalID < $1.node.externalID }
            #expect(steps.map(\.state) == ["failed", "new"])
        }
        try await stored("18-tekton-native-artifacts") { facts, _ in
            #expect(facts.artifacts.count == 4)
            #expect(facts.steps.flatMap(\.inputs).count == 1)
            #expect(facts.steps.flatMap(\.outputs).count == 3)
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func services() async throws {
        try await stored("19-kserve-storage-uris") { facts, _ in
            let service = try #require(facts.steps.first)
            #expect((service.state, service.times) == ("running", "08:03:00Z..-"))
            #expect(service.inputs.map(\.uri).sorted() == ["gs://prep/tok", "s3://models/base", "s3://models/lora-a"])
        }
        try await stored("21-kserve-modelmesh") { facts, problems in
            let model = try #require(facts.artifacts.first)
            #expect(model.customProperties["storage_bucket"]?.stringValue == "mesh-models")
            #expect(model.customProperties["storage_path"]?.stringValue == "sklearn/m.joblib")
            #expect(model.title == "m.joblib")
            #expect(problems.contains { $0.contains("type") })
        }
        try await stored("28-kserve-stopped") { facts, _ in
            let service = try #require(facts.steps.first)
            #expect(service.state == "complete")
            #expect(service.times.hasSuffix("09:00:00Z"))
            #expect(service.inputs.map(\.uri) == ["s3://models/a"])
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func oneLocationIsOneArtifact() async throws {
        for isReversed in [false, true] {
            for name in ["25-s3a-s3-slash", "39-spellings-of-one-location"] {
                let all = try Self.objects(name)
                try await withStore { store in
                    for object in isReversed ? all.reversed() : all { try await store.record([object]) }
                    let facts = try await Facts(store)
                    if name.hasPrefix("25") {
                        #expect(facts.artifacts.count == 1)
                        let (read, day) = (try facts.step("read"), try facts.step("day"))
                        #expect(read.inputs.map(\.id) == day.outputs.map(\.id))
                        return
                    }
                    #expect(facts.artifacts.count == 11)
                    for number in 0..<10 {
                        let written = try facts.step("w\(number)").outputs.map(\.id)
                        let read = try facts.step("r\(number)").inputs.map(\.id)
                        #expect((written == read) == (number != 6), "\(number)")
                    }
                }
            }
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func noSecretIsInTheStore() async throws {
        try await stored("26-credentials-in-locations") { facts, problems in
            #expect(
                facts.artifacts.map(\.uri).filter { !$0.hasPrefix("s3:") }.sorted().map { $0.prefix { $0 != "@" } } == [
                    "git+https://git.example/ml/x.git", "git+https://git.example/ml/y.git",
                    "https://files.example/d.csv",
                ])
            for secret in ["SECRET", "SIGNED", "X-Amz"] {
                #expect(!facts.text.contains(secret))
                #expect(!problems.contains { $0.contains(secret) })
            }
        }
        let capture = Capture(cluster: "c")
        for object in try Self.objects("26-credentials-in-locations") {
            let text = Explanation(object, capture(object)).json.jsonText()
            #expect(!text.contains("SECRET") && !text.contains("SIGNED"))
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func whatHasNoUIDIsTold() async throws {
        try await stored("27-no-uid") { facts, problems in
            #expect(facts.steps.count == 1)
            #expect(problems.contains { $0.contains("metadata.uid") })
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func podsEndInManyWays() async throws {
        try await stored("34-pods-odd-ends") { facts, _ in
            let states = Dictionary(uniqueKeysWithValues: facts.steps.map { ($0.text("name") ?? "", $0) })
            #expect(states["evicted"]?.message == "Evicted: The node was low on resource: memory.")
            #expect(states["oom"]?.message == "OOMKilled (exit code 137)")
            #expect(
                states.mapValues(\.state) == [
                    "evicted": "failed", "oom": "failed", "unknown": "running", "sidecar": "complete",
                    "deleting": "running",
                    "restarted": "running", "imagepull": "new",
                ])
        }
        try await stored("37-sidecar-outlives-main") { facts, _ in
            let step = try #require(facts.steps.first)
            #expect((step.state, step.times) == ("complete", "08:01:02Z..08:11:00Z"))
            #expect(step.outputs.count == 1)
        }
        try await stored("35-pod-node-lost") { facts, _ in
            #expect(facts.steps.map(\.state) == ["running"])
            #expect(facts.steps.first?.times == "08:01:05Z..-")
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func aServedFolderComesOfTheFileInIt() async throws {
        let all = try Self.objects("38-file-below-served-directory")
        for objects in [all, all.reversed()] {
            for isSplit in [false, true] {
                try await withStore { store in
                    if isSplit {
                        for object in objects { try await store.record([object]) }
                    } else {
                        try await store.record(objects)
                    }
                    let facts = try await Facts(store)
                    let served = try facts.step("iris").inputs
                    // As kfmd lineage prints it.
                    let id = try #require(served.first?.id)
                    let graph = try await store.lineage(of: .artifact(id))
                    let lines = LineageText(graph).lines
                    #expect(lines.contains { $0.contains("tr ") && $0.contains("part of 3 (inferred)") }, "\(lines)")
                    #expect(served.map(\.uri) == ["s3://lake/models/iris/3"])
                    let step4 = try facts.step("tr")
                    #expect(step4.inferred.map(\.id) == served.map(\.id))
                    let step5 = try facts.step("tr")
                    #expect(step5.outputs.map(\.uri) == ["s3://lake/models/iris/3/model.joblib"])
                }
            }
        }
    }

    @Test(.enabled(if: isAtHand, skipped)) func timesOfPythonsYAMLAreTimes() async throws {
        try await stored("43-times-not-rfc3339") { facts, problems in
            let step = try #require(facts.steps.first)
            #expect(step.text("start_time") != nil && step.text("end_time") != nil || !problems.isEmpty)
            #expect(step.times != "-..-")
        }
    }
}
