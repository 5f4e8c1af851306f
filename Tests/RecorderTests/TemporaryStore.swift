import FoundationEssentials
import Lineage
import MetadataAPI
import MetadataStore
@testable import Recorder
import Synchronization
import Testing

/// A store in a file of its own, which goes with the test.
func withStore(_ body: (MetadataStore) async throws -> Void) async throws {
    let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-test-\(UUID().uuidString).db"
    let store = try MetadataStore(path: path)
    do {
        try await body(store)
    } catch {
        await store.close()
        remove(path)
        throw error
    }
    await store.close()
    remove(path)
}

private func remove(_ path: String) {
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
}

/// A clock that tests set forward: what waits for a time is neither late nor early on any machine.
final class ManualClock: Sendable {
    private let elapsed = Mutex(Duration.zero)

    func advance(by duration: Duration) { elapsed.withLock { $0 += duration } }

    var journalClock: JournalClock { JournalClock(start: Date()) { self.elapsed.withLock { $0 } } }
}

/// Waits until something holds, for as long as a slow machine may need.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<2400 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(25))
    }
    return false
}

/// Fails where something does not come to hold.
func expectEventually(
    _ comment: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let holds = try await eventually(condition)
    #expect(holds, "\(comment())", sourceLocation: sourceLocation)
}

/// Times in seconds after a day's beginning.
func time(_ seconds: Double) -> Date { Date(timeIntervalSince1970: 1_800_000_000 + seconds) }

/// A step that reads and writes uris.
func step(
    _ name: String, _ from: Double, _ to: Double? = nil, reads: [Artifact] = [], writes: [Artifact] = [],
    run: String = "run", state: Execution.State? = nil
) -> Execution {
    func uses(_ artifacts: [Artifact]) -> [ArtifactUse] {
        artifacts.map { ArtifactUse(name: $0.name ?? "it", convention: "test", artifact: $0) }
    }
    return Execution(
        id: "k8s://test/ns/workflows/\(run)/\(name)", type: TypeName.argoStep, name: name,
        state: state ?? (to == nil ? .running : .complete), start: time(from), end: to.map { time($0) },
        run: Run(name: run, displayName: run), workspace: Workspace(name: "ns"), inputs: uses(reads),
        outputs: uses(writes), origin: .init(kind: "Pod", namespace: "ns", name: name, uid: name))
}

func file(_ uri: String, version: String? = nil, digest: String? = nil) -> Artifact {
    Artifact(type: TypeName.argoArtifact, name: "file", uri: uri, version: version, digest: digest)
}

extension MetadataStore {
    /// The whole graph in a line an event: `writer -> uri#id` or `reader <- uri#id`.
    func edges() async throws -> [String] {
        try await read { transaction in
            let executions = try transaction.getExecutions(.init()).executions
            let artifacts = try transaction.getArtifacts(.init()).artifacts
            let uris = Dictionary(uniqueKeysWithValues: artifacts.map { ($0.id, $0.uri) })
            let names = Dictionary(uniqueKeysWithValues: executions.map { ($0.id, $0.title) })
            let events = try transaction.getEventsByExecutionIDs(
                .with { $0.executionIds = executions.map(\.id) }
            ).events
            return events.map { event in
                let arrow = event.isInput ? "<-" : "->"
                return "\(names[event.executionID] ?? "") \(arrow) \(uris[event.artifactID] ?? "")#\(event.artifactID)"
            }.sorted()
        }
    }

    func counts() async throws -> [Int] {
        try await read { transaction in
            [
                try transaction.getExecutions(.init()).executions.count,
                try transaction.getArtifacts(.init()).artifacts.count,
                try transaction.getContexts(.init()).contexts.count,
            ]
        }
    }
}
