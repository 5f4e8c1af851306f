import Capture
import FoundationEssentials
import Gzip
import Kubernetes
import Lineage
import MetadataAPI
import MetadataStore
import Recorder
import Testing

/// A store that kfmd 0.1 wrote (commit 1da8f88), recorded into by this one: what it named otherwise is found.
@Suite struct OldStoreTests {
    private static let tests = String(#filePath.dropLast("RecorderTests/OldStoreTests.swift".count))
    /// What was imported into the store, in this order.
    private static let files = [
        "RecorderTests/Fixtures/teams", "CaptureTests/Fixtures/argo/hooks", "CaptureTests/Fixtures/argo/loops-retries",
        "CaptureTests/Fixtures/argo/pod-3.6", "CaptureTests/Fixtures/kfp-v1/workflow",
        "CaptureTests/Fixtures/kfp-v1/pod",
        "CaptureTests/Fixtures/annotations/job", "CaptureTests/Fixtures/serving/isvc-components",
        "CaptureTests/Fixtures/trial/succeeded", "CaptureTests/Fixtures/kfp-v2/workflow-native",
    ]

    private static func objects() throws -> [KubernetesObject] {
        var result: [KubernetesObject] = []
        for file in files {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(tests)\(file).json"))
            ObjectFile.read(Array(bytes)) { if case .object(let object, _) = $0 { result.append(object) } }
        }
        return result
    }

    private static func withOldStore(_ body: (MetadataStore) async throws -> Void) async throws {
        let packed = try Data(contentsOf: URL(fileURLWithPath: tests + "RecorderTests/Fixtures/store-0.1.db.gz"))
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-old-\(UUID().uuidString).db"
        try Data(Gzip.decompress(Array(packed), limit: 16 << 20)).write(to: URL(fileURLWithPath: path))
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        let store = try MetadataStore(path: path)
        do { try await body(store) } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// Executions, artifacts, contexts and events, but those that are told as inferred.
    private static func counts(_ store: MetadataStore) async throws -> [Int] {
        let events = try await store.read { transaction in
            let nodes = try transaction.getExecutions(.init()).executions
            return try transaction.getEventsByExecutionIDs(.with { $0.executionIds = nodes.map(\.id) }).events
        }
        return try await store.counts() + [events.filter { $0.type != .internalOutput }.count]
    }

    @Test(arguments: ["at once", "one by one", "the last first"]) func isAdopted(how: String) async throws {
        let objects = try Self.objects()
        try await Self.withOldStore { store in
            let before = try await Self.counts(store)
            #expect(before[0] == 29 && before[1] == 40)
            let names = try await store.read { try $0.getExecutions(.init()).executions.map(\.externalID) }
            let edges = try await store.edges()
            switch how {
            case "at once": try await store.record(objects)
            case "one by one": for object in objects { try await store.record([object]) }
            default: for object in objects.reversed() { try await store.record([object]) }
            }
            let found = try await Self.counts(store)
            // Of two artifacts that stood for one location one may be left, when its reader is told of again.
            let isOne = how == "the last first"
            #expect(found == (isOne ? [before[0], before[1] - 1, before[2], before[3]] : before))
            if !isOne { #expect(try await store.edges() == edges) }
            let after = try await store.read { try $0.getExecutions(.init()).executions.map(\.externalID) }
            #expect(Set(after) == Set(names))
            // The same as in a store of its own.
            let text = try await store.text()
            var own: [String] = []
            try await withStore { fresh in
                try await fresh.record(objects)
                own = try await fresh.text()
            }
            func isState(_ line: String) -> Bool { line.contains(" is ") && line.hasPrefix("k8s://") }
            #expect(text.filter(isState) == own.filter(isState))
        }
    }

    @Test func whatTwoTeamsNameAlikeIsTwo() async throws {
        let objects = try Self.objects().prefix(2)
        try await Self.withOldStore { store in
            let before = try await store.counts()
            var others: [KubernetesObject] = []
            for object in objects {
                var other = object
                (other.namespace, other.uid) = ("team-b", object.uid + "-b")
                others.append(other)
            }
            try await store.record(others)
            try await store.record(Array(objects))
            // The model, its metrics and the dump are team-b's own; the data set at a location is the same.
            let after = try await store.counts()
            #expect(after[0] == before[0] + 2)
            let models = try await store.read { transaction in
                try transaction.getArtifacts(.init()).artifacts.filter { $0.title == "MNIST" && $0.uri.isEmpty }
            }
            #expect(models.count == 2)
            #expect(Set(models.map { $0.customProperties["__kf_workspace__"]?.stringValue }) == ["team-a", "team-b"])
        }
    }
}
