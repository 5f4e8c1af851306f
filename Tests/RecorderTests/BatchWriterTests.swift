import FoundationEssentials
import Lineage
import MetadataAPI
import MetadataStore
@testable import Recorder
import Testing

/// What is recorded, read back from a real store.
@Suite struct BatchWriterTests {
    @Test func aReaderEndsOnItsWritersArtifact() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            _ = try await writer.write([
                step("read", 20, 30, reads: [file("s3://a")]), step("write", 0, 10, writes: [file("s3://a")]),
            ])
            #expect(try await store.edges() == ["read <- s3://a#1", "write -> s3://a#1"])
        }
    }

    @Test func alsoWhenItIsSeenLongBefore() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            _ = try await writer.write([step("read", 20, 30, reads: [file("s3://a")])])
            #expect(try await store.edges() == ["read <- s3://a#1"])
            _ = try await writer.write([step("write", 0, 10, writes: [file("s3://a")])])
            #expect(try await store.edges() == ["read <- s3://a#1", "write -> s3://a#1"])
            _ = try await writer.write([step("later", 40, 50, reads: [file("s3://a")])])
            #expect(try await store.counts() == [3, 1, 2])
        }
    }

    @Test func overwrittenIsAnotherArtifact() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            _ = try await writer.write([
                step("w1", 0, 10, writes: [file("s3://a")], run: "1"),
                step("r1", 12, 14, reads: [file("s3://a")], run: "1"),
                step("w2", 20, 30, writes: [file("s3://a")], run: "2"),
                step("r2", 32, 34, reads: [file("s3://a")], run: "2"),
            ])
            #expect(
                try await store.edges() == [
                    "r1 <- s3://a#1", "r2 <- s3://a#2", "w1 -> s3://a#1", "w2 -> s3://a#2",
                ])
        }
    }

    @Test func whatWasReadBeforeTheFirstWriteIsOlder() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            _ = try await writer.write([step("write", 100, 110, writes: [file("s3://a")])])
            _ = try await writer.write([step("early", 10, 20, reads: [file("s3://a")])])
            #expect(try await store.edges() == ["early <- s3://a#2", "write -> s3://a#1"])
        }
    }

    @Test func aWriteAfterAReadIsNotWhatWasRead() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            _ = try await writer.write([step("early", 10, 20, reads: [file("s3://a")])])
            _ = try await writer.write([step("write", 100, 110, writes: [file("s3://a")])])
            #expect(try await store.edges() == ["early <- s3://a#1", "write -> s3://a#2"])
        }
    }

    @Test func theSameVersionOrDigestIsTheSameArtifact() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            _ = try await writer.write([step("w1", 0, 10, writes: [file("s3://a", version: "1")])])
            _ = try await writer.write([step("w2", 20, 30, writes: [file("s3://a", version: "2")])])
            _ = try await writer.write([step("r1", 40, 50, reads: [file("s3://a", version: "1")])])
            _ = try await writer.write([step("w3", 60, 70, writes: [file("s3://b", digest: "sha256:x")])])
            _ = try await writer.write([step("r3", 80, 90, reads: [file("s3://b", digest: "sha256:x")])])
            #expect(
                try await store.edges() == [
                    "r1 <- s3://a#1", "r3 <- s3://b#3", "w1 -> s3://a#1", "w2 -> s3://a#2", "w3 -> s3://b#3",
                ])
        }
    }

    @Test func writingAgainChangesNothing() async throws {
        try await withStore { store in
            let steps = [
                step("write", 0, 10, writes: [file("s3://a"), file("s3://b", version: "1")]),
                step("read", 20, 30, reads: [file("s3://a"), file("s3://z")]),
            ]
            let first = try await BatchWriter(store).write(steps)
            let before = try await store.edges()
            let counts = try await store.counts()
            let second = try await BatchWriter(store).write(steps)
            #expect(try await store.edges() == before)
            #expect(try await store.counts() == counts)
            for (id, outcome) in first {
                guard case .recorded(let one) = outcome, case .recorded(let two)? = second[id] else {
                    Issue.record("not recorded: \(id)")
                    continue
                }
                #expect(one.executionID == two.executionID)
                #expect(Set(one.outputs.map(\.id)) == Set(two.outputs.map(\.id)))
            }
        }
    }

    @Test func anEndIsNotTakenBackAndFactsAreKept() async throws {
        try await withStore { store in
            _ = try await BatchWriter(store).write([step("s", 0, 10, writes: [file("s3://a")])])
            var workflow = step("s", 0, reads: [file("s3://b")], state: .running)
            workflow.origins = ["Workflow": .init(kind: "Workflow", namespace: "ns", name: "w", uid: "w")]
            _ = try await BatchWriter(store).write([workflow])
            let execution = try await store.read { try $0.getExecutions(.init()).executions }.first
            #expect(execution?.lastKnownState == .complete)
            #expect(execution?.customProperties["end_time"] != nil)
            #expect(try await store.edges() == ["s -> s3://a#1", "s <- s3://b#2"])
        }
    }

    @Test func oneThatIsRefusedDoesNotHoldUpTheOthers() async throws {
        try await withStore { store in
            var bad = step("bad", 0, 1)
            bad.type = ""
            let good = (0..<20).map { step("good\($0)", 0, 1, writes: [file("s3://\($0)")]) }
            let outcomes = try await BatchWriter(store).write(good + [bad])
            #expect(outcomes.count == 21)
            guard case .refused(let reason)? = outcomes[bad.id] else {
                Issue.record("not refused")
                return
            }
            #expect(reason.contains("type"))
            #expect(try await store.counts()[0] == 20)
        }
    }

    @Test func everythingBelongsToItsRunAndWorkspace() async throws {
        try await withStore { store in
            _ = try await BatchWriter(store).write([
                step("w", 0, 10, writes: [file("s3://a")], run: "1"),
                step("r", 20, 30, reads: [file("s3://a")], run: "2"),
            ])
            let contexts = try await store.read { try $0.getContexts(.init()).contexts }
            let (workspace, runs) = try Self.divided(contexts)
            #expect(Set(runs.map(\.name)) == ["1", "2"])
            for run in runs {
                let parents = try await store.read { [id = run.id] transaction in
                    try transaction.getParentContextsByContext(.with { $0.contextID = id }).contexts.map(\.id)
                }
                #expect(parents == [workspace.id])
                let artifacts = try await store.read { [id = run.id] transaction in
                    try transaction.getArtifactsByContext(.with { $0.contextID = id }).artifacts.count
                }
                #expect(artifacts == (run.name == "1" ? 1 : 0))
            }
        }
    }

    @Test func whatTheWriterDeclaresLaterOutweighsWhatWasInferred() async throws {
        try await withStore { store in
            _ = try await BatchWriter(store).write([step("train", 0, 10, writes: [file("s3://m")])])
            var declared = file("s3://m")
            declared.name = "MNIST"
            declared.isTypeDeclared = true
            declared.customProperties["owner"] = "me"
            _ = try await BatchWriter(store).write([step("train", 0, 10, writes: [declared])])
            let artifacts = try await store.read { try $0.getArtifacts(.init()).artifacts }
            #expect(artifacts.map(\.title) == ["MNIST"])
            #expect(artifacts.first?.customProperties["owner"]?.stringValue == "me")
        }
    }

    private static func divided(
        _ contexts: [MlMetadata_Context]
    ) throws -> (workspace: MlMetadata_Context, runs: [MlMetadata_Context]) {
        let workspaces = contexts.filter { $0.type == TypeName.workspace }
        #expect(workspaces.count == 1)
        return (try #require(workspaces.first), contexts.filter { $0.type == TypeName.run })
    }

    @Test func theRecordOfAnotherRecorderIsTakenOver() async throws {
        try await withStore { store in
            // As metadata-writer leaves it: no external id, the pod's name as a custom property.
            let type = try await store.write { transaction in
                try transaction.putExecutionType(
                    .with {
                        $0.executionType.name = "components.train"
                        $0.executionType.properties = ["run_id": .string]
                    }
                ).typeID
            }
            let id = try await store.write { transaction in
                try transaction.putExecutions(
                    .with { request in
                        request.executions = [
                            .with {
                                $0.typeID = type
                                $0.customProperties["kfp_pod_name"] = .with { $0.stringValue = "train" }
                            }
                        ]
                    }
                ).executionIds[0]
            }
            var execution = step("train", 0, 10, writes: [file("s3://a")])
            execution.recordedID = id
            var copied = step("copied", 0, 10)
            copied.recordedID = id
            let outcomes = try await BatchWriter(store).write([execution, copied])
            guard case .recorded(let receipt)? = outcomes[execution.id] else {
                Issue.record("not recorded")
                return
            }
            #expect(receipt.executionID == id)
            #expect(try await store.counts()[0] == 2)
        }
    }

    @Test func twoRecordersAtOnceRecordNothingTwice() async throws {
        try await withStore { store in
            let steps = (0..<50).map { number in
                step(
                    "s\(number)", Double(number), Double(number) + 1,
                    reads: number > 0 ? [file("s3://\(number - 1)")] : [], writes: [file("s3://\(number)")])
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        let writer = BatchWriter(store)
                        for start in stride(from: 0, to: 50, by: 10) {
                            _ = try await writer.write(Array(steps[start..<start + 10]))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.counts() == [50, 50, 2])
            #expect(try await store.edges().count == 99)
        }
    }
}

/// What went wrong once.
extension BatchWriterTests {
    @Test func whatIsReadIsDecidedWhenTheStepStarts() async throws {
        try await withStore { store in
            _ = try await BatchWriter(store).write([step("w1", 0, 10, writes: [file("s3://a")], run: "1")])
            // Pending, while the producer of its own run has not been seen to end.
            var reader = step("read", 0, reads: [file("s3://a")], run: "2", state: .new)
            reader.start = nil
            _ = try await BatchWriter(store).write([reader])
            #expect(try await store.edges() == ["w1 -> s3://a#1"])
            _ = try await BatchWriter(store).write([step("w2", 20, 30, writes: [file("s3://a")], run: "2")])
            _ = try await BatchWriter(store).write([step("read", 32, 40, reads: [file("s3://a")], run: "2")])
            #expect(try await store.edges() == ["read <- s3://a#2", "w1 -> s3://a#1", "w2 -> s3://a#2"])
        }
    }

    @Test func aCachedStepHasTheArtifactsOfTheOriginal() async throws {
        try await withStore { store in
            _ = try await BatchWriter(store).write([step("w", 0, 10, writes: [file("s3://a")], run: "1")])
            _ = try await BatchWriter(store).write([
                step("w", 20, 21, writes: [file("s3://a")], run: "2", state: .cached),
                step("r", 22, 30, reads: [file("s3://a")], run: "2"),
            ])
            #expect(try await store.edges() == ["r <- s3://a#1", "w -> s3://a#1", "w -> s3://a#1"])
        }
    }

    @Test func anArtifactThatIsGoneStaysGone() async throws {
        try await withStore { store in
            var gone = file("s3://a")
            gone.state = .deleted
            _ = try await BatchWriter(store).write([step("w", 0, 10, writes: [gone])])
            _ = try await BatchWriter(store).write([step("r", 20, 30, reads: [file("s3://a")])])
            let states = try await store.read { try $0.getArtifacts(.init()).artifacts.map(\.state) }
            #expect(states == [.deleted])
        }
    }

    @Test func onlyWhatABatchTouchesIsWritten() async throws {
        try await withStore { store in
            for run in 0..<5 {
                _ = try await BatchWriter(store).write([
                    step("w", Double(run) * 20, Double(run) * 20 + 10, writes: [file("s3://a")], run: "\(run)")
                ])
            }
            let before = try await store.read { try $0.getArtifacts(.init()).artifacts.map(\.lastUpdateTimeSinceEpoch) }
            _ = try await BatchWriter(store).write([step("r", 95, 99, reads: [file("s3://a")])])
            let after = try await store.read { try $0.getArtifacts(.init()).artifacts.map(\.lastUpdateTimeSinceEpoch) }
            // The one that has another reader now is marked as changed.
            #expect(before.dropLast() == after.dropLast() && before != after)
            #expect(try await store.edges().contains("r <- s3://a#5"))
        }
    }

    @Test func twoArtifactsOfOneNameAreTwo() async throws {
        try await withStore { store in
            var one = file("s3://a")
            var two = file("s3://b")
            (one.isTypeDeclared, two.isTypeDeclared) = (true, true)
            let execution = step("r", 0, 10, reads: [one, two])
            _ = try await BatchWriter(store).write([execution, execution])
            #expect(try await store.edges() == ["r <- s3://a#1", "r <- s3://b#2"])
        }
    }

    /// Whatever the store holds, new steps of known runs cost two calls a batch, three where the store is another's.
    @Test(arguments: [false, true]) func aBatchCostsTwoOrThreeCalls(isForeign: Bool) async throws {
        try await withStore { store in
            let metrics = RecorderMetrics()
            let backend: any MetadataBackend = isForeign ? ForeignStore(store: store) : store
            let writer = BatchWriter(MeteredBackend(backend: backend, metrics: metrics))
            func batch(_ number: Int) -> [Execution] {
                (0..<200).map { index in
                    let time = Double(number * 1000 + index * 2)
                    return step(
                        "\(number)-\(index)", time, time + 1,
                        reads: index > 0 ? [file("s3://\(number)/\(index - 1)")] : [],
                        writes: [file("s3://\(number)/\(index)")], run: "run-\(index % 20)")
                }
            }
            var before = 0
            for number in 0..<5 {
                let steps = batch(number)
                let outcomes = try await writer.write(steps, unwritten: Set(steps.map(\.id)))
                #expect(outcomes.count == 200)
                let calls = metrics.calls.values.reduce(0, +)
                if number > 0 { #expect(calls - before == (isForeign ? 3 : 2), "\(metrics.calls)") }
                before = calls
            }
            // The same again, as after a crash: the store says that it has them, and nothing changes.
            let counts = try await store.counts()
            let steps = batch(4)
            _ = try await writer.write(steps, unwritten: Set(steps.map(\.id)))
            #expect(try await store.counts() == counts)
        }
    }

    @Test func aServiceThatGoesOnAgainRunsAgain() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            func service(_ state: Execution.State, _ end: Double?, _ version: UInt64) -> Execution {
                var execution = step("s", 0, end, reads: [file("s3://m")], state: state)
                execution.role = .service
                execution.age = Age(time: Timestamp.milliseconds(time(60)), version: version)
                return execution
            }
            func stored() async throws -> (String, Bool)? {
                try await store.read { try $0.getExecutions(.init()).executions.first }
                    .map { ($0.stateName, $0.customProperties["end_time"] != nil) }
            }
            _ = try await writer.write([service(.running, nil, 1)])
            _ = try await writer.write([service(.complete, 10, 2)])
            #expect(try await stored()?.0 == "complete")
            #expect(try await stored()?.1 == true)
            _ = try await writer.write([service(.running, nil, 3)])
            #expect(try await stored()?.0 == "running")
            #expect(try await stored()?.1 == false)
            #expect(try await store.counts() == [1, 1, 2])
        }
    }

    @Test func aRunTellsHowFarItHasCome() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            func run(
                _ state: Execution.State, _ start: Double, _ end: Double?, _ outputs: [String: PropertyValue] = [:]
            ) -> Execution {
                var run = step("w#run", start, end, run: "w", state: state)
                run.role = .run
                run.customProperties = outputs
                run.run.displayName = "Nightly"
                run.run.customProperties["input:epochs"] = "3"
                return run
            }
            func stored() async throws -> [String: String] {
                let contexts = try await store.read { try $0.getContexts(.init()).contexts.filter { $0.name == "w" } }
                #expect(contexts.count == 1)
                return (contexts.first?.customProperties ?? [:]).mapValues(\.stringValue)
            }
            _ = try await writer.write([step("a", 0, 1, run: "w"), run(.running, 0, nil)])
            #expect(try await stored()["state"] == "RUNNING")
            #expect(try await stored()["display_name"] == "Nightly")
            #expect(try await stored()["input:epochs"] == "3")
            let outcomes = try await writer.write([run(.failed, 0, 10, ["message": "no memory", "output:loss": "0.1"])])
            guard case .recorded? = outcomes[run(.new, 0, nil).id] else { Issue.record("\(outcomes)"); return }
            var found = try await stored()
            #expect(found["state"] == "FAILED")
            #expect(found["end_time"] == Timestamp.format(time(10)))
            #expect(found["message"] == "no memory")
            #expect(found["output:loss"] == "0.1")
            // An older dump takes nothing back; a run that was started again does, also with its first start.
            found["__kfmd_sights__"] = nil
            for isLive in [false, true] {
                _ = try await BatchWriter(store, isLive: isLive).write([run(.running, 0, nil)])
                var again = try await stored()
                again["__kfmd_sights__"] = nil
                #expect(again == found)
            }
            var later = run(.running, 0, nil)
            later.age = Age(time: Timestamp.milliseconds(time(15)))
            _ = try await writer.write([later])
            #expect(try await stored()["state"] == "RUNNING")
            _ = try await writer.write([run(.failed, 0, 20)])
            _ = try await BatchWriter(store, isLive: false).write([run(.running, 60, nil)])
            found = try await stored()
            #expect(found["state"] == "RUNNING")
            #expect(found["end_time"] == nil)
            #expect(found["message"] == nil)
            // It is no execution.
            #expect(try await store.counts()[0] == 1)
            // A run of which no step was seen is there all the same, and the same again writes nothing.
            let metrics = RecorderMetrics()
            let again = BatchWriter(MeteredBackend(backend: store, metrics: metrics))
            _ = try await again.write([run(.running, 60, nil)])
            #expect(metrics.calls["PutContexts"] == nil, "\(metrics.calls)")
        }
    }

    @Test func onlyBatchesThatSayNothingOfEachOtherAreSentTogether() {
        func subjects(_ steps: Execution...) -> Set<Int> { BatchesInFlight.subjects(of: steps) }
        let writer = step("w", 0, 1, writes: [file("s3://b/model")])
        var batches = BatchesInFlight()
        batches.add(1, subjects(writer))
        #expect(batches.admits(subjects(step("other", 0, 1, reads: [file("s3://b/data")]))))
        #expect(!batches.admits(subjects(writer)))
        #expect(!batches.admits(subjects(step("r", 2, 3, reads: [file("s3://b/model")]))))
        // The same place, written otherwise.
        #expect(!batches.admits(subjects(step("r", 2, 3, reads: [file("minio://b/model/")]))))
        #expect(!batches.admits(subjects(step("w2", 2, 3, writes: [file("s3://b/model")]))))
        // A key of which another knows the bucket.
        #expect(!batches.admits(subjects(step("r", 2, 3, reads: [file("s3:///model")]))))
        let named = Artifact(type: TypeName.metrics, name: "metrics")
        batches.add(2, subjects(step("m", 0, 1, writes: [named])))
        #expect(!batches.admits(subjects(step("y", 0, 1))))
        batches.remove(1)
        #expect(!batches.admits(subjects(step("m2", 0, 1, writes: [named]))))
        #expect(batches.admits(subjects(step("y", 0, 1))))
        batches.remove(2)
        batches.add(1, subjects(writer))
        batches.remove(1)
        #expect(batches.admits(subjects(step("r", 2, 3, reads: [file("s3://b/model")]))))
    }

    @Test func severalVersionsUnderOneURIStayThemselves() async throws {
        try await withStore { store in
            func versions() async throws -> [String] {
                try await store.read { try $0.getArtifacts(.init()).artifacts }
                    .map { "\($0.id) \($0.customProperties["version"]?.stringValue ?? "")" }.sorted()
            }
            let writer = step(
                "w", 0, 1, reads: [file("s3://d", version: "1"), file("s3://d", version: "2")],
                writes: [file("s3://m", version: "1"), file("s3://m", digest: "sha256:2")])
            let recorder = BatchWriter(store)
            _ = try await recorder.write([writer])
            let first = try await versions()
            #expect(first.count == 4)
            _ = try await recorder.write([writer])
            #expect(try await versions() == first)
        }
    }

    @Test func aVersionOrDigestThatIsKnownLaterOrNoLongerIsOfTheSameArtifact() async throws {
        let told = [
            file("s3://m", version: "1"), file("s3://m"), file("s3://m", digest: "sha256:2"),
            file("s3://m", version: "1", digest: "sha256:2"),
        ]
        for first in told {
            for second in told where second != first {
                try await withStore { store in
                    _ = try await BatchWriter(store).write([step("w", 0, 1, reads: [file("s3://d")], writes: [first])])
                    _ = try await BatchWriter(store).write([step("w", 0, 1, reads: [file("s3://d")], writes: [second])])
                    #expect(try await store.counts() == [1, 2, 2], "\(first), then \(second)")
                }
            }
        }
    }

    @Test func anEndThatIsConcludedTakesNoSeenOneBack() async throws {
        try await withStore { store in
            func stored() async throws -> (state: String, problems: String?) {
                let node = try #require(try await store.read { try $0.getExecutions(.init()).executions.first })
                return (node.stateName, node.customProperties["__kfmd_problems__"]?.stringValue)
            }
            let concluded = step("s", 0, nil, state: .canceled)
            var told = concluded
            told.conclude(object: "Workflow ns/w", field: "status", reason: "the workflow has ended")
            told.origins = ["Workflow": .init(kind: "Workflow", namespace: "ns", name: "w", uid: "w")]
            _ = try await BatchWriter(store).write([told])
            #expect(try await stored().state == "canceled")
            #expect(try await stored().problems != nil)
            _ = try await BatchWriter(store).write([step("s", 0, 10)])
            #expect(try await stored().state == "complete")
            #expect(try await stored().problems == nil)
            _ = try await BatchWriter(store).write([told])
            #expect(try await stored().state == "complete")
            #expect(try await stored().problems == nil)
        }
    }

    @Test func anAttemptThatWasRepeatedIsAnExecution() async throws {
        func told(_ state: Execution.State, _ start: Double, _ end: Double?, writes: [Artifact] = []) -> Execution {
            var result = step("s", start, end, writes: writes, state: state)
            result.origins = ["Workflow": .init(kind: "Workflow", namespace: "ns", name: "w", uid: "w")]
            result.authority = .workflow
            if state == .failed { result.customProperties["message"] = "Error (exit code 1)" }
            return result
        }
        let sights = [
            told(.failed, 0, 10, writes: [file("s3://log")]), told(.running, 60, nil),
            told(.complete, 60, 70, writes: [file("s3://model")]),
        ]
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2]] {
            try await withStore { store in
                for index in order { _ = try await BatchWriter(store, isLive: false).write([sights[index]]) }
                let nodes = try await store.read { try $0.getExecutions(.init()).executions }
                let found = nodes.sorted { $0.externalID > $1.externalID }.map { node in
                    [
                        String(node.externalID.suffix(11)), node.stateName,
                        node.customProperties["end_time"]?.stringValue ?? "",
                        node.customProperties["message"]?.stringValue ?? "",
                    ]
                }
                #expect(
                    found == [
                        ["/attempts/1", "failed", Timestamp.format(time(10)), "Error (exit code 1)"],
                        ["flows/run/s", "complete", Timestamp.format(time(70)), ""],
                    ], "\(order)")
                let edges = try await store.edges().map { $0.prefix { $0 != "#" } }
                #expect(edges == ["s -> s3://log", "s -> s3://model"], "\(order)")
                let writers = try await store.read { transaction in
                    try transaction.getEventsByExecutionIDs(.with { $0.executionIds = nodes.map(\.id) }).events
                }
                #expect(Set(writers.map(\.executionID)).count == 2, "\(order)")
            }
        }
    }

    /// Many runs: what is remembered of them is forgotten at times, and none loses its context.
    @Test func everyStepIsInItsRunHoweverManyThereAre() async throws {
        try await withStore { store in
            let writer = BatchWriter(store)
            for number in 0..<55 {
                let steps = (0..<200).map { step("a", 0, 1, run: "run-\(number * 200 + $0)") }
                let again = step("b", 2, 3, run: "run-\(max(0, number * 200 - 1))")
                let outcomes = try await writer.write(steps + [again])
                for case .recorded(let receipt) in outcomes.values { #expect(receipt.runID > 0) }
                #expect(outcomes.count == 201)
            }
        }
    }

    /// ML Metadata's protocol changes no type and takes no event back.
    @Test func anotherStoreKeepsWhatItsProtocolCannotChange() async throws {
        try await withStore { store in
            let foreign = ForeignStore(store: store)
            _ = try await BatchWriter(foreign).write([step("train", 0, 10, writes: [file("s3://m")])])
            var declared = file("s3://m")
            (declared.type, declared.isTypeDeclared) = (TypeName.model, true)
            declared.properties["owner"] = "me"
            let again = step("train", 0, 10, writes: [declared])
            let outcomes = try await BatchWriter(foreign).write([again])
            guard case .recorded(let receipt)? = outcomes[again.id] else {
                Issue.record("not recorded")
                return
            }
            #expect(receipt.lateTypes == [TypeName.model])
            func model() async throws -> MlMetadata_Artifact {
                try #require(try await store.read { try $0.getArtifacts(.init()).artifacts.first })
            }
            var found = try await model()
            #expect(found.type == TypeName.argoArtifact)
            #expect(found.customProperties["declared_type"]?.stringValue == TypeName.model)
            #expect(found.customProperties["owner"]?.stringValue == "me")
            // A better producer takes no link from a reader, and nothing is doubled.
            _ = try await BatchWriter(foreign).write([step("read", 30, 40, reads: [file("s3://m")])])
            _ = try await BatchWriter(foreign).write([step("later", 12, 20, writes: [file("s3://m")])])
            #expect(try await store.edges() == ["later -> s3://m#2", "read <- s3://m#1", "train -> s3://m#1"])
            // Our own store gets it right when it is told again.
            _ = try await BatchWriter(store).write([again, step("read", 30, 40, reads: [file("s3://m")])])
            #expect(try await store.edges() == ["later -> s3://m#2", "read <- s3://m#2", "train -> s3://m#1"])
            found = try await model()
            #expect(found.type == TypeName.model)
            #expect(found.properties["owner"]?.stringValue == "me")
            #expect(found.customProperties["owner"] == nil)
        }
    }

    /// What is stated of an artifact in one namespace is not changed by another.
    @Test func nobodyElseChangesWhatAnArtifactIs() async throws {
        func told(_ name: String, in namespace: String, owner: String, writes: Bool, _ start: Double) -> Execution {
            var artifact = Artifact(
                type: TypeName.model, isTypeDeclared: true, name: "MNIST", uri: "s3://models/mnist", version: "1")
            artifact.properties["owner"] = .string(owner)
            if owner == "mallory" { artifact.customProperties["accuracy"] = .double(1) }
            var result = step(name, start, start + 5, reads: writes ? [] : [artifact], writes: writes ? [artifact] : [])
            result.id = "k8s://test/\(namespace)/pods/\(name)"
            result.workspace = Workspace(name: namespace)
            return result
        }
        let steps = [
            told("train", in: "team", owner: "alice", writes: true, 10),
            told("reader", in: "other", owner: "mallory", writes: false, 20),
            told("again", in: "other", owner: "mallory", writes: true, 30),
        ]
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            try await withStore { store in
                for index in order { _ = try await BatchWriter(store).write([steps[index]]) }
                let found = try await store.read { try $0.getArtifacts(.init()).artifacts }
                #expect(found.count == 1)
                #expect(found.first?.properties["owner"]?.stringValue == "alice", "\(order)")
                #expect(found.first?.customProperties["accuracy"] == nil)
                #expect(found.first?.customProperties["__kf_workspace__"]?.stringValue == "team")
                #expect(try await store.edges().count == 3)
            }
        }
    }
}
