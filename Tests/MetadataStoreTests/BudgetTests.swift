import MetadataAPI
@testable import MetadataStore
import Testing

/// What one request may ask of a store, and what it may not.
@Suite(.timeLimit(.minutes(2))) struct StoreBudgetTests {
    private func type(_ store: MetadataStore) async throws -> Int64 {
        try await store.write { transaction in
            try transaction.putArtifactType(
                .with { $0.artifactType = .with { ($0.name, $0.properties) = ("T", ["p": .string]) } }
            ).typeID
        }
    }

    private func put(_ store: MetadataStore, _ artifacts: [MlMetadata_Artifact]) async throws -> [Int64] {
        try await store.write { try $0.putArtifacts(.with { $0.artifacts = artifacts }).artifactIds }
    }

    @Test func textsAreBounded() async throws {
        try await withTemporaryStore { store in
            let id = try await type(store)
            func artifact(_ fill: (inout MlMetadata_Artifact) -> Void) -> MlMetadata_Artifact {
                .with {
                    $0.typeID = id
                    fill(&$0)
                }
            }
            let long = String(repeating: "x", count: StoreLimits.name + 1)
            for bad in [
                artifact { $0.name = long }, artifact { $0.externalID = long },
                artifact { $0.uri = String(repeating: "x", count: StoreLimits.uri + 1) },
                artifact { $0.customProperties = [long: .with { $0.intValue = 1 }] },
            ] {
                let error = await #expect(throws: StatusError.self) { try await put(store, [bad]) }
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.contains("bytes") == true)
            }
            // Exactly as long is taken, and can be changed.
            let kept = artifact { $0.uri = String(repeating: "x", count: StoreLimits.uri) }
            let ids = try await put(store, [kept])
            var changed = kept
            changed.id = ids[0]
            changed.properties = ["p": .with { $0.stringValue = "v" }]
            #expect(try await put(store, [changed]) == ids)
        }
    }

    @Test func elementsAreCountedAsTheyAreWritten() {
        let graph = MlMetadata_PutLineageSubgraphRequest.with {
            $0.artifacts = Array(repeating: .with { $0.customProperties = ["a": .with { $0.intValue = 1 }] }, count: 10)
            $0.executions = [.init()]
            $0.contexts = [.init(), .init(), .init()]
        }
        // Each context is linked to each node.
        #expect(graph.elements == 10 * 2 + 1 + 3 + 3 * 11)
        #expect(throws: StatusError.self) { try StoreLimits.check(elements: StoreLimits.elements + 1) }
        #expect(throws: Never.self) { try StoreLimits.check(elements: StoreLimits.elements) }
    }

    @Test func anAnswerHasABudget() async throws {
        try await withTemporaryStore(maximumAnswer: 1 << 20) { store in
            let id = try await type(store)
            let value = MlMetadata_Value.with { $0.stringValue = String(repeating: "v", count: 100_000) }
            for _ in 0..<15 {
                _ = try await put(store, [.with { ($0.typeID, $0.properties) = (id, ["p": value]) }])
            }
            let error = await #expect(throws: StatusError.self) {
                try await store.read { try $0.getArtifacts(.init()) }
            }
            #expect(error?.code == .resourceExhausted)
            #expect(error?.message.contains("max_result_size") == true)
            // What was read is given back: pages go on for ever.
            for _ in 0..<20 {
                let page = try await store.read {
                    try $0.getArtifacts(.with { $0.options.maxResultSize = 5 }).artifacts
                }
                #expect(page.count == 5)
            }
        }
    }

    /// A query that runs as long as it likes yields when another waits for a reader.
    @Test func nobodyWaitsForLongForAReader() async throws {
        try await withTemporaryStore(readers: 1) { store in
            _ = try await type(store)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let endless = Task {
                try await store.read { transaction in
                    start.yield()
                    return try transaction.connection.first(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
                    ) { $0.integer(0) }
                }
            }
            _ = await started.first { _ in true }
            #expect(try await store.read { try $0.getArtifactTypes(.init()).artifactTypes.count } == 1)
            let error = await #expect(throws: StatusError.self) { _ = try await endless.value }
            #expect(error?.code == .unavailable)
            #expect(throws: Never.self) { try store.checkHealth() }
        }
    }

    /// Who waits for a reader and is given up goes at once.
    @Test func whoWaitsCanBeCancelled() async throws {
        try await withTemporaryStore(readers: 1) { store in
            _ = try await type(store)
            let flag = CancellationFlag()
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let endless = Task {
                try await store.read(cancellation: flag) { transaction in
                    start.yield()
                    return try transaction.connection.first(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
                    ) { $0.integer(0) }
                }
            }
            _ = await started.first { _ in true }
            // By its task, and by its flag, as a deadline does.
            let other = CancellationFlag()
            let waiting = [
                Task { try await store.read { try $0.getArtifactTypes(.init()).artifactTypes.count } },
                Task {
                    try await store.read(cancellation: other) { try $0.getArtifactTypes(.init()).artifactTypes.count }
                },
            ]
            waiting[0].cancel()
            other.set()
            for task in waiting {
                let error = await #expect(throws: StatusError.self) { _ = try await task.value }
                #expect(error?.code == .cancelled)
            }
            flag.set()
            _ = try? await endless.value
            #expect(try await store.read { try $0.getArtifactTypes(.init()).artifactTypes.count } == 1)
        }
    }
}
