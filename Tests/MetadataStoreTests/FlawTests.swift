import MetadataAPI
import MetadataStore
import Testing

/// What the original does wrong, done right: those of its known flaws that a store can show.
/// Lists, doubles and NULs are in the other suites.
@Suite(.timeLimit(.minutes(5)), .overEngines) struct FlawTests {
    private func withStore(_ body: (MetadataStore, _ artifact: Int64, _ execution: Int64) async throws -> Void)
        async throws
    {
        let place = try StorePlace()
        defer { place.remove() }
        let store = try MetadataStore(address: place.address)
        let (artifact, execution) = try await store.write { transaction in
            let type = MlMetadata_ArtifactType.with { ($0.name, $0.externalID) = ("A", "type-of-artifacts") }
            let execution = MlMetadata_ExecutionType.with { ($0.name, $0.externalID) = ("E", "type-of-executions") }
            return (
                try transaction.putArtifactType(.with { $0.artifactType = type }).typeID,
                try transaction.putExecutionType(.with { $0.executionType = execution }).typeID
            )
        }
        do {
            try await body(store, artifact, execution)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// Requests that are written together do what they do one by one.
    @Test func aNameThatWasGivenUpIsFree() async throws {
        try await withStore { store, artifact, execution in
            let type = try await store.write {
                try $0.putContextType(.with { $0.contextType.name = "C" }).typeID
            }
            @Sendable func context(_ name: String, id: Int64? = nil) -> MlMetadata_Context {
                .with {
                    ($0.typeID, $0.name) = (type, name)
                    if let id { $0.id = id }
                }
            }
            let first = try await store.write {
                try $0.putContexts(.with { $0.contexts = [context("a")] }).contextIds[0]
            }
            let again = try await store.write { transaction in
                _ = try transaction.putContexts(.with { $0.contexts = [context("b", id: first)] })
                return try transaction.putExecution(
                    .with {
                        $0.execution.typeID = execution
                        $0.contexts = [context("a")]
                        $0.options.reuseContextIfAlreadyExist = true
                    }
                ).contextIds[0]
            }
            #expect(again != first)
            // Texts that look the same are two where their bytes are.
            let letters = try await store.write { transaction in
                try transaction.putContexts(.with { $0.contexts = [context("caf\u{e9}"), context("cafe\u{301}")] })
                    .contextIds
            }
            let names = try await store.read { transaction in
                try transaction.getContextsByID(.with { $0.contextIds = letters }).contexts.map { Array($0.name.utf8) }
            }
            #expect(Set(names) == [Array("caf\u{e9}".utf8), Array("cafe\u{301}".utf8)])
            let externals = try await store.write { transaction in
                try transaction.putArtifacts(
                    .with {
                        $0.artifacts = ["\u{e9}", "e\u{301}"].map { text in
                            .with { ($0.typeID, $0.externalID) = (artifact, text) }
                        }
                    }
                ).artifactIds
            }
            let moved = try await store.write { transaction in
                _ = try transaction.putArtifacts(
                    .with {
                        $0.artifacts = [
                            .with { ($0.id, $0.typeID, $0.externalID) = (externals[0], artifact, "other") }
                        ]
                    })
                return try transaction.putArtifacts(
                    .with { $0.artifacts = [.with { ($0.typeID, $0.externalID) = (artifact, "\u{e9}") }] }
                ).artifactIds[0]
            }
            #expect(!externals.contains(moved))
        }
    }

    @Test func anExternalIDThatIsTakenIsAlreadyThere() async throws {
        try await withStore { store, type, _ in
            let ids = try await store.write { transaction in
                let nodes = ["one", "two"].map { id in
                    MlMetadata_Artifact.with { ($0.typeID, $0.externalID) = (type, id) }
                }
                return try transaction.putArtifacts(.with { $0.artifacts = nodes }).artifactIds
            }
            let error = await #expect(throws: StatusError.self) {
                try await store.write { transaction in
                    let clash = MlMetadata_Artifact.with { ($0.id, $0.typeID, $0.externalID) = (ids[1], type, "one") }
                    return try transaction.putArtifacts(.with { $0.artifacts = [clash] })
                }
            }
            #expect(error?.code == .alreadyExists)
            let back = try await store.read { try $0.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts }
            #expect(back.map(\.externalID) == ["one", "two"])
        }
    }

    @Test func anUpdateThatNamesOnlyTheIDKeepsTheType() async throws {
        try await withStore { store, type, execution in
            let (artifact, run) = try await store.write { transaction in
                (
                    try transaction.putArtifacts(.with { $0.artifacts = [.with { $0.typeID = type }] }).artifactIds[0],
                    try transaction.putExecutions(.with { $0.executions = [.with { $0.typeID = execution }] })
                        .executionIds[0]
                )
            }
            _ = try await store.write { transaction in
                _ = try transaction.putArtifacts(.with { $0.artifacts = [.with { ($0.id, $0.uri) = (artifact, "u") }] })
                _ = try transaction.putExecutions(.with { $0.executions = [.with { $0.id = run }] })
            }
            let (artifacts, runs) = try await store.read { transaction in
                (try transaction.getArtifacts(.init()).artifacts, try transaction.getExecutions(.init()).executions)
            }
            #expect(artifacts.map(\.typeID) == [type])
            #expect(artifacts.map(\.type) == ["A"])
            #expect(artifacts.map(\.uri) == ["u"])
            #expect(runs.map(\.type) == ["E"])
        }
    }

    @Test func listsOfTypesKeepTheirExternalIDs() async throws {
        try await withStore { store, _, _ in
            let (artifacts, executions) = try await store.read { transaction in
                (
                    try transaction.getArtifactTypes(.init()).artifactTypes,
                    try transaction.getExecutionTypes(.init()).executionTypes
                )
            }
            #expect(artifacts.map(\.externalID) == ["type-of-artifacts"])
            #expect(executions.map(\.externalID) == ["type-of-executions"])
        }
    }

    @Test func aLineageComesInTheOrderOfIDs() async throws {
        try await withStore { store, type, execution in
            let graph = try await store.write { transaction in
                let request = MlMetadata_PutLineageSubgraphRequest.with {
                    $0.executions = [.with { $0.typeID = execution }]
                    $0.artifacts = (0..<200).map { _ in .with { $0.typeID = type } }
                    $0.eventEdges = (0..<200).reversed().map { number in
                        .with {
                            ($0.executionIndex, $0.artifactIndex) = (0, Int32(number))
                            $0.event.type = number % 2 == 0 ? .input : .output
                        }
                    }
                }
                let run = try transaction.putLineageSubgraph(request).executionIds[0]
                return try transaction.getLineageSubgraph(
                    .with {
                        $0.lineageSubgraphQueryOptions.startingExecutions.filterQuery = "id = \(run)"
                        $0.lineageSubgraphQueryOptions.direction = .bidirectional
                    }
                ).lineageSubgraph
            }
            #expect(graph.artifacts.count == 200)
            #expect(graph.artifacts.map(\.id) == graph.artifacts.map(\.id).sorted())
            #expect(graph.events.count == 200)
            // Of nodes the ids alone, and all types, as the contract has it.
            #expect(graph.artifacts.allSatisfy { $0 == .with { [id = $0.id] in $0.id = id } })
            #expect(graph.executions.allSatisfy { $0 == .with { [id = $0.id] in $0.id = id } })
            #expect(graph.artifactTypes.map(\.name).contains("A") && graph.artifactTypes.count > 1)
        }
    }

    /// For pictures: a walk ends before it has more nodes than one can draw.
    @Test func aWalkCanBeLimitedByItsNodes() async throws {
        try await withStore { store, type, execution in
            try await store.write { transaction in
                // One artifact, read by three executions, each of which writes a hundred.
                let request = MlMetadata_PutLineageSubgraphRequest.with {
                    $0.executions = (0..<3).map { _ in .with { $0.typeID = execution } }
                    $0.artifacts = (0..<301).map { _ in .with { $0.typeID = type } }
                    $0.eventEdges = (0..<3).map { number in
                        .with {
                            ($0.executionIndex, $0.artifactIndex) = (Int32(number), 0)
                            $0.event.type = .input
                        }
                    }
                    $0.eventEdges += (1..<301).map { number in
                        .with {
                            ($0.executionIndex, $0.artifactIndex) = (Int32(number % 3), Int32(number))
                            $0.event.type = .output
                        }
                    }
                }
                _ = try transaction.putLineageSubgraph(request)
            }
            let start = LineageStart.artifact(1).request(.downstream, hops: 20)
            for (maximum, nodes, hops, isComplete) in [(304, 304, 2, true), (303, 4, 1, false), (3, 0, 0, false)] {
                let found = try await store.read { try $0.lineageNodes(start, upTo: maximum) }
                #expect(found.graph.artifacts.count + found.graph.executions.count == nodes)
                #expect(found.hops == hops || isComplete)
                #expect(found.isComplete == isComplete)
            }
        }
    }

    /// A request that fails half-way leaves nothing of itself, alone or among others.
    @Test func whatFailsHalfWayLeavesNothing() async throws {
        try await withStore { store, type, _ in
            for others in [0, 20] {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<others {
                        group.addTask {
                            _ = try? await store.write { transaction in
                                try transaction.putArtifacts(.with { $0.artifacts = [.with { $0.typeID = type }] })
                            }
                        }
                    }
                    group.addTask {
                        await #expect(throws: StatusError.self) {
                            try await store.write { transaction in
                                let half = MlMetadata_Artifact.with { ($0.typeID, $0.uri) = (type, "half") }
                                let bad = MlMetadata_Artifact.with { $0.typeID = 999 }
                                return try transaction.putArtifacts(.with { $0.artifacts = [half, bad] })
                            }
                        }
                    }
                }
            }
            let stored = try await store.read { try $0.getArtifacts(.init()).artifacts }
            #expect(stored.count == 20)
            #expect(!stored.contains { $0.uri == "half" })
        }
    }
}
