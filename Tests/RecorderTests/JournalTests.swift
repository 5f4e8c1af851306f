import FoundationEssentials
import Gzip
import Lineage
import MetadataAPI
@testable import Recorder
import Testing

@Suite struct JournalTests {
    @Test func keepsWhatIsNewUntilItIsAcknowledged() async throws {
        let journal = try Journal(path: ":memory:")
        #expect(try await journal.record([step("a", 0), step("b", 0, 1)]) == 2)
        let pending = try await journal.pending(limit: 10)
        #expect(pending.map(\.execution.name) == ["a", "b"])
        try await journal.acknowledge(pending.map { ($0.execution.id, $0.revision, nil) })
        #expect(try await journal.depth() == 0)
        #expect(try await journal.record([step("a", 0), step("b", 0, 1)]) == 0)
        #expect(try await journal.record([step("a", 0, 5)]) == 1)
        #expect(try await journal.pending(limit: 10).map(\.execution.state) == [.complete])
    }

    @Test func aStepThatChangedMeanwhileWaitsOn() async throws {
        let journal = try Journal(path: ":memory:")
        try await journal.record([step("a", 0)])
        let pending = try await journal.pending(limit: 10)
        try await journal.record([step("a", 0, 5)])
        try await journal.acknowledge(pending.map { ($0.execution.id, $0.revision, nil) })
        #expect(try await journal.pending(limit: 10).map(\.execution.state) == [.complete])
    }

    @Test func sightsAreMerged() async throws {
        let journal = try Journal(path: ":memory:")
        try await journal.record([step("a", 0, 5, writes: [file("s3://x")])])
        var workflow = step("a", 0, reads: [file("s3://y")])
        workflow.origins = ["Workflow": .init(kind: "Workflow", namespace: "ns", name: "w", uid: "w")]
        try await journal.record([workflow])
        let execution = try #require(try await journal.pending(limit: 10).first?.execution)
        #expect(execution.state == .complete)
        #expect(execution.inputs.count == 1 && execution.outputs.count == 1)
    }

    @Test func survivesTheProcess() async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-journal-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        do {
            let journal = try Journal(path: path)
            try await journal.record([step("a", 0, 1), step("b", 0, 1)])
            let first = try #require(try await journal.pending(limit: 1).first)
            try await journal.acknowledge([(first.execution.id, first.revision, nil)])
        }
        let journal = try Journal(path: path)
        #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["b"])
        try await journal.prune(olderThan: .seconds(-5))
        #expect(try await journal.record([step("a", 0, 1)]) == 1)
        #expect(try await journal.depth() == 2)
    }

    /// It would end each start, and with it the record of all namespaces.
    @Test(arguments: ["header", "middle"]) func aDamagedJournalIsSetAside(part: String) async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-journal-\(UUID().uuidString).db"
        let damaged = path + ".damaged-1"
        defer {
            for name in [path, damaged] {
                for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: name + suffix) }
            }
        }
        do {
            let journal = try Journal(path: path)
            for number in 0..<200 { try await journal.record([step("step-\(number)", 0, 1)]) }
        }
        // The log goes into the file when it is closed; the executor may hold the journal a moment longer.
        let isClosed = try await eventually { !FileManager.default.fileExists(atPath: path + "-wal") }
        #expect(isClosed)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let range = part == "header" ? 0..<100 : bytes.count / 3..<bytes.count / 3 * 2
        for index in range { bytes[index] = 0x5A }
        try bytes.write(to: URL(fileURLWithPath: path))
        let journal = try Journal(path: path)
        #expect(journal.setAside == damaged)
        #expect(try Data(contentsOf: URL(fileURLWithPath: damaged)) == bytes)
        #expect(try await journal.record([step("a", 0, 1)]) == 1)
        #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["a"])
    }

    @Test func onlyItsOwnerReadsAJournal() async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-journal-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        let journal = try Journal(path: path)
        try await journal.record([step("a", 0, 1)])
        for suffix in ["", "-wal", "-shm"] {
            let mode = try FileManager.default.attributesOfItem(atPath: path + suffix)[.posixPermissions]
            #expect(mode.map { "\($0)" } == "\(0o600)", "\(suffix)")
        }
    }

    @Test func whatWasToldIsKept() async throws {
        let journal = try Journal(path: ":memory:")
        #expect(try await journal.noteTold(["a", "b"]) == ["a", "b"])
        #expect(try await journal.noteTold(["b", "c"]) == ["c"])
        try await journal.prune(olderThan: .seconds(-5))
        #expect(try await journal.noteTold(["a"]) == ["a"])
    }

    @Test func refusesAFileThatIsNone() throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-journal-\(UUID().uuidString).txt"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(String(repeating: "no database ", count: 100).utf8).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: Journal.FileError.self) { try Journal(path: path) }
        #expect(error?.description == "journal \(path): not a SQLite database; name another file, or move it away")
        #expect(FileManager.default.fileExists(atPath: path))
    }
}

extension JournalTests {
    @Test func numbersThatJSONDoesNotHaveAreKept() async throws {
        let journal = try Journal(path: ":memory:")
        var execution = step("a", 0, 1)
        execution.customProperties["loss"] = .double(.infinity)
        try await journal.record([execution])
        #expect(try await journal.pending(limit: 1).first?.execution.customProperties["loss"] == .double(.infinity))
    }

    @Test func stepsThatFailLetOthersGoFirst() async throws {
        let journal = try Journal(path: ":memory:")
        try await journal.record([step("a", 0, 1), step("b", 0, 1)])
        let first = try #require(try await journal.pending(limit: 1).first)
        try await journal.postpone([(first.execution.id, first.revision)])
        #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["b", "a"])
    }

    @Test func anEndThatOnlyTheWorkflowToldWaitsForThePod() async throws {
        let clock = ManualClock()
        let journal = try Journal(path: ":memory:", settle: .seconds(1), clock: clock.journalClock)
        var workflow = step("a", 0, 1)
        workflow.origins = ["Workflow": .init(kind: "Workflow", namespace: "ns", name: "w", uid: "w")]
        var alone = step("alone", 0, 1)
        alone.origins = workflow.origins
        try await journal.record([workflow, alone])
        #expect(try await journal.pending(limit: 10).isEmpty)
        #expect(try await journal.record([step("a", 0, 1)]) == 1)
        #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["a"])
        let both = try await journal.pending(limit: 10)
        try await journal.acknowledge(both.map { ($0.execution.id, $0.revision, nil) })
        // The other is not held for ever.
        clock.advance(by: .seconds(2))
        await journal.waitForPending()
        #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["alone"])
    }
}

@Suite struct FactsCodingTests {
    private static let full: Execution = {
        var execution = Execution(
            id: "k8s://c/ns/pods/u", type: "t", name: "nâme", state: .failed, start: Date(timeIntervalSince1970: 1.5),
            end: nil,
            run: Run(name: "r", displayName: "R", properties: ["p": .int(-5)], customProperties: ["q": .bool(true)]),
            workspace: Workspace(name: "w", isDeclared: true), parameters: [.init(name: "a", value: "1")],
            inputs: [
                ArtifactUse(
                    name: "in", convention: "x",
                    artifact: Artifact(
                        type: "T", isTypeDeclared: true, name: "n", uri: "s3://b/k", version: "1", digest: "sha256:0",
                        state: .deleted, properties: ["d": .double(-.infinity)], customProperties: ["s": .string("")]))
            ], outputs: [ArtifactUse(name: "out", convention: "y", artifact: Artifact(type: "T"))],
            properties: ["max": .int(.max), "min": .int(.min)],
            evidence: [Evidence(convention: "c", fact: "f", field: "g")],
            problems: [Problem(object: "o", field: "f", reason: "r")], authority: .taskResult,
            origin: .init(kind: "Pod", namespace: "ns", name: "p", uid: "u"), wantsWriteBack: true, recordedID: -1)
        execution.endSeenIn = ["Pod", "Workflow"]
        execution.origins["Workflow"] = .init(kind: "Workflow", namespace: "ns", name: "w", uid: "v")
        execution.role = .service
        return execution
    }()

    private static let record: Record = {
        var other = full
        other.origins = ["Pod": .init(kind: "Pod", namespace: "ns", name: "q", uid: "r")]
        other.age = Age(time: 1_800_000_000_000, version: .max, isDeleted: true)
        other.conclude(object: "o", field: "f", reason: "r")
        other.replacement = .init(time: Date(timeIntervalSince1970: 7))
        return Record(
            id: full.id,
            seen: [
                .init(kind: "Pod", object: "u", attempt: 5, isDeletion: true): .init(sight: full),
                .init(kind: "Pod", object: "r"): .init(sight: other, isGone: true),
            ], served: Date(timeIntervalSince1970: 3),
            superseded: .init(age: Age(time: 9, version: 8), time: Date(timeIntervalSince1970: 4)))
    }()

    @Test func keepsEverything() throws {
        #expect(try FactsCoding.decode(FactsCoding.encode(Self.record)) == Self.record)
        for isText in [true, false] {
            let value = try #require(KeptFacts.value(of: Self.record, isText: isText))
            let name = "__kfmd_sights__"
            #expect(KeptFacts.record([name: value], of: Self.full.id) == Self.record)
            // Nodes are copied, properties and all.
            #expect(KeptFacts.record([name: value], of: "another") == nil)
            let bytes = try #require(value.keptBytes)
            let cut = MlMetadata_Value(kept: Array(bytes.dropFirst(9)), isText: isText)
            #expect(KeptFacts.record([name: cut], of: Self.full.id) == nil)
        }
        #expect(KeptFacts.record(["__kfmd_sights__": .with { $0.intValue = 1 }], of: Self.full.id) == nil)
    }

    /// What is in a store is read by a dictionary that must stay as it is.
    @Test func whatIsKeptCanBeReadForEver() throws {
        let words = FactsDictionary.all.map { words in
            let sums = words.reduce(into: (1, 0)) { sums, byte in
                sums.0 = (sums.0 + Int(byte)) % 65521
                sums.1 = (sums.1 + sums.0) % 65521
            }
            return sums.1 << 16 | sums.0
        }
        // Adler-32 of each. A better one comes first, and these stay.
        #expect(words == [1_416_160_121])
        // As kfmd kept it before there was a dictionary.
        let packed = try #require(Gzip.compress(FactsCoding.encode(Self.record)))
        let value = MlMetadata_Value(kept: packed, isText: false)
        #expect(KeptFacts.record(["__kfmd_sights__": value], of: Self.full.id) == Self.record)
    }

    /// Journals of kfmd 0.1 have an execution where a record is now.
    @Test func readsOlderJournals() throws {
        func former(_ execution: Execution) -> Record {
            Record(
                id: execution.id,
                seen: [.init(kind: Record.journalKind, object: execution.id): .init(sight: execution)],
                served: execution.isServing ? execution.start : nil, superseded: nil)
        }
        var written = Self.full
        written.role = .step
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        #expect(try FactsCoding.decode(Array(encoder.encode(written))) == former(written))
        // Of a record of one sight, what comes after the sight's identity is what the older ones had, but for its end.
        let record = Record(
            id: Self.full.id, seen: [.init(kind: "Pod", object: "u"): .init(sight: Self.full)], served: nil,
            superseded: nil)
        let text = FactsCoding.encode(record)
        let marks = text.indices.filter { text[$0...].starts(with: Self.full.id.utf8) }
        let third = Array(text[(try #require(marks.last) - 1)...].dropLast(5))
        for (bytes, role) in [
            ([3] + third, Execution.Role.service), ([2] + third.dropLast() + [0, 1], .fragment),
            ([2] + third.dropLast() + [0, 0], .step),
        ] {
            var execution = Self.full
            execution.role = role
            #expect(try FactsCoding.decode(bytes) == former(execution))
        }
    }

    @Test func aCutOrChangedTextIsAnErrorOrAnotherExecution() throws {
        let bytes = FactsCoding.encode(Self.record)
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) { try FactsCoding.decode(Array(bytes.prefix(count))) }
        }
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0xFF
            _ = try? FactsCoding.decode(changed)
        }
    }
}

extension JournalTests {
    @Test func aClockThatWasAheadHoldsNothingForLong() async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-journal-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        var alone = step("alone", 0, 1)
        alone.origins = ["Workflow": .init(kind: "Workflow", namespace: "ns", name: "w", uid: "w")]
        do {
            let ahead = try Journal(
                path: path, settle: .milliseconds(300), clock: JournalClock(start: Date().addingTimeInterval(86_400)))
            try await ahead.record([alone])
        }
        let clock = ManualClock()
        let journal = try Journal(path: path, standby: .seconds(600), clock: clock.journalClock)
        #expect(try await journal.pending(limit: 10).isEmpty)
        clock.advance(by: .seconds(601))
        await journal.waitForPending()
        #expect(try await journal.pending(limit: 10).count == 1)
        #expect(try await journal.backlog().age <= 602)
    }

    @Test func aStepOfAWorkflowWaitsForItsPodWhilePodsAreListed() async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-journal-\(UUID().uuidString).db"
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        func told(_ name: String, by kind: String) -> Execution {
            var execution = step(name, 0, 1)
            execution.origins = [kind: .init(kind: kind, namespace: "ns", name: name, uid: name)]
            execution.authority = kind == "Pod" ? .pod : .workflow
            return execution
        }
        do {
            let journal = try Journal(path: path, settle: .zero)
            await journal.awaitPods()
            try await journal.record([told("a", by: "Workflow"), told("b", by: "Workflow"), told("t", by: "TaskRun")])
            #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["t"])
            // The pod of one is there.
            try await journal.record([told("a", by: "Pod")])
            #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["t", "a"])
            // What its task result says is not what the pod declares.
            var result = told("b", by: "WorkflowTaskResult")
            (result.role, result.state, result.start, result.end) = (.fragment, .new, nil, nil)
            result.customProperties["output:x"] = "1"
            try await journal.record([result])
            // Nor does the division of namespaces let it go.
            try await journal.reassign { _ in true }
            #expect(try await journal.pending(limit: 10).map(\.execution.name) == ["t", "a"])
            try await journal.podsAreListed()
            #expect(Set(try await journal.pending(limit: 10).map(\.execution.name)) == ["t", "a", "b"])
            await journal.awaitPods()
            try await journal.record([told("c", by: "Workflow")])
            #expect(try await journal.pending(limit: 10).count == 3)
        }
        // A recorder that was killed meanwhile.
        let journal = try Journal(path: path, settle: .zero)
        #expect(try await journal.pending(limit: 10).count == 4)
    }

    @Test func ofFilesTheNewestStateOfARunCounts() async throws {
        func run(_ state: Execution.State, _ end: Double?) -> Execution {
            var execution = step("w#run", 0, end, state: state)
            execution.role = .run
            return execution
        }
        let (failed, running, done) = (run(.failed, 10), run(.running, nil), run(.complete, 30))
        for order in [[failed, running, done], [done, running, failed], [done, failed, running]] {
            let journal = try Journal(path: ":memory:", settle: .zero, isTemporary: true)
            for sight in order { try await journal.record([sight]) }
            #expect(try await journal.pending(limit: 1).first?.execution.state == .complete)
        }
        // One that goes on again is told so by a newer sight.
        let journal = try Journal(path: ":memory:", settle: .zero)
        var again = running
        again.age = Age(time: Timestamp.milliseconds(time(10)), version: 1)
        for sight in [failed, again] { try await journal.record([sight]) }
        #expect(try await journal.pending(limit: 1).first?.execution.state == .running)
    }

    @Test func stepsOfOtherReplicasWaitUntilTheyAreOursOrLate() async throws {
        let clock = ManualClock()
        let journal = try Journal(path: ":memory:", standby: .seconds(600), clock: clock.journalClock)
        try await journal.record([step("a", 0, 1)], isOwned: { _ in false })
        #expect(try await journal.pending(limit: 10).isEmpty)
        #expect(try await journal.backlog().depth == 0)
        try await journal.reassign { _ in true }
        #expect(try await journal.pending(limit: 10).count == 1)
        try await journal.reassign { _ in false }
        #expect(try await journal.pending(limit: 10).isEmpty)
        // Whoever should have written it may have failed.
        clock.advance(by: .seconds(601))
        await journal.waitForPending()
        #expect(try await journal.pending(limit: 10).count == 1)
    }

    @Test func aFragmentWaitsForTheStepThatItIsOf() async throws {
        let journal = try Journal(path: ":memory:")
        var fragment = step("a", 0, nil, writes: [file("s3://a")])
        (fragment.role, fragment.state, fragment.start) = (.fragment, .new, nil)
        let kind = "WorkflowTaskResult"
        fragment.origins = [kind: .init(kind: kind, namespace: "ns", name: "a", uid: "r")]
        try await journal.record([fragment])
        #expect(try await journal.pending(limit: 10).isEmpty)
        #expect(try await journal.open(before: Date().addingTimeInterval(60)).isEmpty)
        try await journal.record([step("a", 0, 1)])
        let found = try #require(try await journal.pending(limit: 10).first?.execution)
        #expect(found.outputs.count == 1)
        #expect(found.state == .complete)
        // One that comes later adds.
        var later = fragment
        later.outputs = []
        later.customProperties["output:x"] = "1"
        #expect(try await journal.record([later]) == 1)
        #expect(try await journal.pending(limit: 10).first?.execution.customProperties["output:x"] == "1")
    }
}
