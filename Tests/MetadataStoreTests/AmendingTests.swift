import MetadataAPI
import Testing

@testable import MetadataStore

/// `kfmd.v1.Amending`: all of a correction or nothing of it, and nothing of what others wrote.
@Suite(.timeLimit(.minutes(5)), .overEngines) struct AmendingTests {
    /// A store with two types of artifacts, of which the first declares `a`, and one of executions.
    private struct Types {
        var first: Int64
        var second: Int64
        var execution: Int64
    }

    private func withStore(_ body: (MetadataStore, Types) async throws -> Void) async throws {
        let place = try StorePlace()
        defer { place.remove() }
        let store = try MetadataStore(address: place.address)
        let types = try await store.write { transaction in
            let first = MlMetadata_ArtifactType.with { ($0.name, $0.properties) = ("First", ["a": .string]) }
            return Types(
                first: try transaction.putArtifactType(.with { $0.artifactType = first }).typeID,
                second: try transaction.putArtifactType(.with { $0.artifactType.name = "Second" }).typeID,
                execution: try transaction.putExecutionType(.with { $0.executionType.name = "E" }).typeID)
        }
        do {
            try await body(store, types)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func put(_ artifacts: [MlMetadata_Artifact], in store: MetadataStore) async throws -> [MlMetadata_Artifact]
    {
        try await store.write { transaction in
            let ids = try transaction.putArtifacts(.with { $0.artifacts = artifacts }).artifactIds
            return try transaction.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts
        }
    }

    private func get(_ ids: [Int64], from store: MetadataStore) async throws -> [MlMetadata_Artifact] {
        try await store.read { try $0.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts }
    }

    @Test(arguments: [-1, 0, 1] as [Int64])
    func aNodeThatChangedMeanwhileKeepsEverythingAsItIs(offset: Int64) async throws {
        try await withStore { store, types in
            let node = try await put([.with { ($0.typeID, $0.uri) = (types.first, "s3://b/a") }], in: store)[0]
            let request = Kfmd_V1_AmendRequest.with {
                $0.basis.artifacts = [
                    .with {
                        $0.nodeID = node.id
                        $0.lastUpdateTimeSinceEpoch = node.lastUpdateTimeSinceEpoch + offset
                    }
                ]
                $0.artifacts = [.with { ($0.nodeID, $0.typeID) = (node.id, types.second) }]
                $0.graph.artifacts = [.with { ($0.typeID, $0.uri) = (types.first, "s3://b/new") }]
            }
            let isCurrent = offset == 0
            do {
                _ = try await store.write { try $0.amend(request) }
                #expect(isCurrent)
            } catch let error as StatusError {
                #expect(!isCurrent && error.code == .aborted)
                #expect(error.message.contains("artifact \(node.id)"))
            }
            let all = try await store.read { try $0.getArtifacts(.init()).artifacts }
            #expect(all.count == (isCurrent ? 2 : 1))
            #expect(all.first { $0.id == node.id }?.typeID == (isCurrent ? types.second : types.first))
        }
    }

    /// What comes to a location, however it is written, or into a folder, is noticed; what comes elsewhere is not.
    @Test(arguments: [
        ("s3://b/a", true), ("s3a://b/a/", true), ("s3://b/ab", false), ("s3://b/d", false), ("s3n://b/d/e/f", true),
        ("s3://b/d/e/f/g", false), ("", false),
    ])
    func whatCameToALocationMeanwhileIsNoticed(uri: String, isNoticed: Bool) async throws {
        try await withStore { store, types in
            _ = try await put([.with { ($0.typeID, $0.uri) = (types.first, "s3://b/a") }], in: store)
            let found = try await store.read { try $0.findAt(.with { $0.uris = ["minio://b/a/", "gs://none"] }) }
            #expect(found.artifacts.map(\.uri) == ["s3://b/a"] && found.newestArtifact == found.artifacts[0].id)
            let request = Kfmd_V1_AmendRequest.with {
                $0.basis.newestArtifact = found.newestArtifact
                $0.basis.locations = ["s3://b/a", "gs://none"]
                $0.basis.folders = ["s3://b/d"]
                $0.graph.artifacts = [.with { ($0.typeID, $0.name) = (types.first, "mine") }]
            }
            _ = try await put(
                [
                    .with {
                        if !uri.isEmpty { $0.uri = uri }; $0.typeID = types.first
                    }
                ], in: store)
            let count = try await store.read { try $0.getArtifacts(.init()).artifacts.count }
            await expectAborted(isNoticed, naming: uri) { _ = try await store.write { try $0.amend(request) } }
            #expect(
                try await store.read { try $0.getArtifacts(.init()).artifacts.count } == count + (isNoticed ? 0 : 1))
        }
    }

    @Test func aLocationHasALength() async throws {
        try await withStore { store, _ in
            for (bytes, isTaken) in [(60_000, true), (70_000, false)] {
                let uri = "abfs://c@a.dfs.core.windows.net/" + String(repeating: "x", count: bytes)
                func find() async throws { _ = try await store.read { try $0.findAt(.with { $0.uris = [uri] }) } }
                if isTaken { try await find() } else { await #expect(throws: StatusError.self) { try await find() } }
            }
        }
    }

    /// To choose from: those of users, a name once whatever its versions, and no more than are asked for.
    @Test func namesOfTypesAreBounded() async throws {
        try await withStore { store, _ in
            try await store.write { transaction in
                for number in 0..<20 {
                    _ = try transaction.putArtifactType(.with { $0.artifactType.name = "T\(10 + number)" })
                }
                _ = try transaction.putArtifactType(
                    .with { ($0.artifactType.name, $0.artifactType.version) = ("T10", "2") })
            }
            let names = try await store.read { try $0.typeNames(of: .artifact, upTo: 5) }
            #expect(names == ["First", "Second", "T10", "T11", "T12"])
            #expect(try await store.read { try $0.typeNames(of: .artifact, upTo: 100) }.count == 22)
            #expect(try await store.read { try $0.typeNames(of: .execution, upTo: 100) } == ["E"])
        }
    }

    /// Types come as often as they are named, within reason.
    @Test func typesAreAnsweredAsOftenAsNamed() async throws {
        try await withStore { store, types in
            let text = String(repeating: "n", count: 4000)
            let large = try await store.write { transaction in
                try transaction.putArtifactType(
                    .with { ($0.artifactType.name, $0.artifactType.description_p) = ("Large", text) }
                ).typeID
            }
            let ids = [large, types.first, large, 9_999, types.first]
            let found = try await store.read { try $0.getArtifactTypesByID(.with { $0.typeIds = ids }).artifactTypes }
            #expect(found.map(\.id) == [large, types.first, large, types.first])
            let error = await #expect(throws: StatusError.self) {
                try await store.read { transaction in
                    try transaction.getArtifactTypesByID(.with { $0.typeIds = Array(repeating: large, count: 50_000) })
                }
            }
            #expect(error?.code == .resourceExhausted)
        }
    }

    /// Whether a call is refused because of what happened meanwhile.
    private func expectAborted(_ isAborted: Bool, naming text: String, _ body: () async throws -> Void) async {
        do {
            try await body()
            #expect(!isAborted)
        } catch {
            let error = error as? StatusError
            #expect(isAborted && error?.code == .aborted && error?.message.contains(text) == true, "\(error as Any)")
        }
    }

    /// Who takes another's place has to know all others.
    @Test func anExecutionThatCameToAContextIsNoticed() async throws {
        try await withStore { store, types in
            let (context, other) = try await store.write { transaction in
                let type = try transaction.putContextType(.with { $0.contextType.name = "C" }).typeID
                let ids = try transaction.putContexts(
                    .with { $0.contexts = ["c", "d"].map { name in .with { ($0.typeID, $0.name) = (type, name) } } }
                ).contextIds
                return (ids[0], ids[1])
            }
            func join(_ place: Int64, after newest: Int64) async throws {
                _ = try await store.write { transaction in
                    try transaction.amend(
                        .with {
                            $0.basis.members = [.with { ($0.contextID, $0.newestExecution) = (context, newest) }]
                            $0.graph.executions = [.with { $0.typeID = types.execution }]
                            $0.executionsPlaced = [.with { ($0.index, $0.contextID) = (0, place) }]
                        })
                }
            }
            try await join(context, after: 0)
            let first = try await store.read { try $0.getExecutionsByContext(.with { $0.contextID = context }) }
            let newest = first.executions.map(\.id).max() ?? 0
            #expect(newest > 0)
            await expectAborted(true, naming: "context \(context)") { try await join(context, after: 0) }
            // Those of others do not count.
            try await join(other, after: newest)
            try await join(context, after: newest)
        }
    }

    /// A context is put back whole as a node is; a place that is none leaves nothing.
    @Test func aContextThatChangedMeanwhileIsNoticed() async throws {
        try await withStore { store, types in
            let node = try await store.write { transaction in
                let type = try transaction.putContextType(.with { $0.contextType.name = "C" }).typeID
                let id = try transaction.putContexts(
                    .with { $0.contexts = [.with { ($0.typeID, $0.name) = (type, "c") }] }
                ).contextIds[0]
                return try transaction.getContextsByID(.with { $0.contextIds = [id] }).contexts[0]
            }
            func say(_ text: String) async throws {
                var changed = node
                changed.customProperties["said"] = .with { $0.stringValue = text }
                _ = try await store.write { [changed] transaction in
                    try transaction.amend(
                        .with {
                            $0.basis.contexts = [
                                .with {
                                    ($0.nodeID, $0.lastUpdateTimeSinceEpoch) = (node.id, node.lastUpdateTimeSinceEpoch)
                                }
                            ]
                            $0.graph.contexts = [changed]
                        })
                }
            }
            // However little time there is between both.
            try await say("one")
            await expectAborted(true, naming: "context \(node.id)") { try await say("two") }
            for (index, context) in [(1, node.id), (-1, node.id), (0, node.id + 1)] {
                await #expect(throws: StatusError.self) {
                    try await store.write { transaction in
                        try transaction.amend(
                            .with {
                                $0.graph.executions = [.with { $0.typeID = types.execution }]
                                $0.executionsPlaced = [
                                    .with { ($0.index, $0.contextID) = (Int32(index), context) }
                                ]
                            })
                    }
                }
            }
            #expect(try await store.read { try $0.getExecutions(.init()).executions } == [])
        }
    }

    /// Who read a node's events is told of one that came or went since, though nothing else of the node changed.
    @Test(arguments: [true, false]) func anEventChangesBothOfItsEnds(isPut: Bool) async throws {
        try await withStore { store, types in
            let artifact = try await put([.with { $0.typeID = types.first }], in: store)[0]
            let execution = try await store.write { transaction in
                let id = try transaction.putExecutions(
                    .with { $0.executions = [.with { $0.typeID = types.execution }] }
                ).executionIds[0]
                if !isPut {
                    _ = try transaction.putEvents(
                        .with {
                            $0.events = [
                                .with { ($0.artifactID, $0.executionID, $0.type) = (artifact.id, id, .input) }
                            ]
                        })
                }
                return try transaction.getExecutionsByID(.with { $0.executionIds = [id] }).executions[0]
            }
            let change = Kfmd_V1_AmendRequest.with {
                if isPut {
                    $0.graph.artifacts = [artifact]
                    $0.graph.executions = [execution]
                    $0.graph.eventEdges = [
                        .with { ($0.artifactIndex, $0.executionIndex, $0.event.type) = (0, 0, .input) }
                    ]
                } else {
                    $0.events = [
                        .with { ($0.artifactID, $0.executionID, $0.type) = (artifact.id, execution.id, .input) }
                    ]
                }
            }
            _ = try await store.write { try $0.amend(change) }
            for isArtifact in [true, false] {
                let stale = Kfmd_V1_AmendRequest.with {
                    let read = Kfmd_V1_Expectation.with {
                        $0.nodeID = isArtifact ? artifact.id : execution.id
                        $0.lastUpdateTimeSinceEpoch =
                            isArtifact ? artifact.lastUpdateTimeSinceEpoch : execution.lastUpdateTimeSinceEpoch
                    }
                    if isArtifact { $0.basis.artifacts = [read] } else { $0.basis.executions = [read] }
                }
                await expectAborted(true, naming: "was changed") { _ = try await store.write { try $0.amend(stale) } }
            }
        }
    }

    /// An artifact that was elsewhere and got the uri of a location is noticed as a new one is.
    @Test func whatWasMovedToALocationIsNoticed() async throws {
        try await withStore { store, types in
            var node = try await put([.with { ($0.typeID, $0.uri) = (types.first, "s3:///k") }], in: store)[0]
            let found = try await store.read { try $0.findAt(.with { $0.uris = ["s3://b/k"] }) }
            #expect(found.artifacts == [] && found.newestUpdate == node.lastUpdateTimeSinceEpoch)
            let request = Kfmd_V1_AmendRequest.with {
                ($0.basis.newestArtifact, $0.basis.newestUpdate) = (found.newestArtifact, found.newestUpdate)
                $0.basis.locations = ["s3://b/k"]
            }
            _ = try await store.write { try $0.amend(request) }
            node.uri = "s3://b/k"
            _ = try await put([node], in: store)
            await expectAborted(true, naming: "s3://b/k") { _ = try await store.write { try $0.amend(request) } }
        }
    }

    /// What fails last takes back what was done first.
    @Test func aCorrectionThatFailsLeavesNothing() async throws {
        try await withStore { store, types in
            let node = try await put([.with { $0.typeID = types.first }], in: store)[0]
            let error = await #expect(throws: StatusError.self) {
                try await store.write { transaction in
                    try transaction.amend(
                        .with {
                            $0.artifacts = [.with { ($0.nodeID, $0.typeID) = (node.id, types.second) }]
                            $0.executions = [.with { ($0.nodeID, $0.typeID) = (1, types.first) }]
                        })
                }
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("No execution type with the id \(types.first)") == true)
            #expect(try await get([node.id], from: store).map(\.typeID) == [types.first])
        }
    }

    @Test func propertiesOfTheFormerTypeBecomeCustomOnes() async throws {
        try await withStore { store, types in
            let node = MlMetadata_Artifact.with {
                $0.typeID = types.first
                $0.properties["a"] = .with { $0.stringValue = "typed" }
                $0.customProperties["b"] = .with { $0.intValue = 2 }
            }
            let both = MlMetadata_Artifact.with {
                $0.typeID = types.first
                $0.properties["a"] = .with { $0.stringValue = "typed" }
                $0.customProperties["a"] = .with { $0.stringValue = "custom" }
            }
            let ids = try await put([node, both], in: store).map(\.id)
            _ = try await store.write { transaction in
                try transaction.amend(
                    .with { $0.artifacts = ids.map { id in .with { ($0.nodeID, $0.typeID) = (id, types.second) } } })
            }
            let back = try await get(ids, from: store)
            #expect(back.allSatisfy { $0.typeID == types.second && $0.properties.isEmpty })
            #expect(back[0].customProperties.mapValues(\.stringValue) == ["a": "typed", "b": ""])
            #expect(back[0].customProperties["b"]?.intValue == 2)
            #expect(back[1].customProperties.mapValues(\.stringValue) == ["a": "custom"])
        }
    }

    /// Names that look the same and are written otherwise are two names.
    @Test func propertiesOfNamesThatLookTheSameStay() async throws {
        try await withStore { store, types in
            let type = try await store.write { transaction in
                try transaction.putArtifactType(
                    .with { ($0.artifactType.name, $0.artifactType.properties) = ("Accents", ["caf\u{e9}": .string]) }
                ).typeID
            }
            let node = MlMetadata_Artifact.with {
                $0.typeID = type
                $0.properties["caf\u{e9}"] = .with { $0.stringValue = "typed" }
                $0.customProperties["cafe\u{301}"] = .with { $0.stringValue = "custom" }
            }
            let id = try await put([node], in: store)[0].id
            _ = try await store.write { transaction in
                try transaction.amend(.with { $0.artifacts = [.with { ($0.nodeID, $0.typeID) = (id, types.second) }] })
            }
            let values = try await store.read { transaction in
                try transaction.connection.rows(
                    "SELECT string_value FROM ArtifactProperty WHERE artifact_id = ? AND is_custom_property = TRUE", id
                ) { $0.text(0) }
            }
            #expect(values.sorted() == ["custom", "typed"])
        }
    }

    /// Of three artifacts without a reader, only that of the recorder goes, and one with a reader stays.
    @Test func onlyTheRecordersOrphansGo() async throws {
        try await withStore { store, types in
            let names: [String?] = ["kfmd://a", "theirs", nil, "kfmd://read"]
            let nodes = names.map { name in
                MlMetadata_Artifact.with {
                    $0.typeID = types.first
                    $0.properties["a"] = .with { $0.stringValue = "x" }
                    if let name { $0.externalID = name }
                }
            }
            let ids = try await put(nodes, in: store).map(\.id)
            let execution = try await store.write { transaction in
                let id = try transaction.putExecutions(
                    .with { $0.executions = [.with { $0.typeID = types.execution }] }
                ).executionIds[0]
                let events = ids.map { artifact in
                    MlMetadata_Event.with {
                        ($0.artifactID, $0.executionID, $0.type) = (artifact, id, .input)
                        $0.path.steps = [.with { $0.key = "data" }]
                    }
                }
                _ = try transaction.putEvents(.with { $0.events = events })
                return id
            }
            _ = try await store.write { transaction in
                try transaction.amend(
                    .with {
                        $0.events = ids.dropLast().map { artifact in
                            .with { ($0.executionID, $0.artifactID, $0.type) = (execution, artifact, .input) }
                        }
                        $0.orphans = ids
                    })
            }
            #expect(try await get(ids, from: store).map(\.id).sorted() == ids.dropFirst().sorted())
            let left = try await store.read { transaction in
                try transaction.getEventsByExecutionIDs(.with { $0.executionIds = [execution] }).events
            }
            #expect(left.map(\.artifactID) == [ids[3]])
            #expect(left.first?.path.steps.map(\.key) == ["data"])
        }
    }

    @Test func foldersFindWhatIsBelowAndNoSibling() async throws {
        try await withStore { store, types in
            let uris = ["s3://b/d", "s3://b/d/", "s3://b/d/1", "s3://b/d/2/3", "s3://b/d0", "s3://b/d-1", "s3://b/D/1"]
            _ = try await put(uris.map { uri in .with { ($0.typeID, $0.uri) = (types.first, uri) } }, in: store)
            func below(_ limit: Int32) async throws -> [String] {
                let found = try await store.read { transaction in
                    try transaction.findBelow(.with { ($0.uris, $0.limit) = (["s3://b/d", "s3://b/d"], limit) })
                }
                return found.artifacts.map(\.uri).sorted()
            }
            #expect(try await below(10) == ["s3://b/d/", "s3://b/d/1", "s3://b/d/2/3"])
            #expect(try await below(1) == ["s3://b/d/"])
            #expect(try await below(-1) == [])
        }
    }

    @Test func theLastReadLeavesOutWhatIsOutdated() async throws {
        try await withStore { store, types in
            let artifact = try await put([.with { $0.typeID = types.first }], in: store)[0].id
            let executions = try await store.write { transaction in
                let ids = try transaction.putExecutions(
                    .with { $0.executions = (0..<3).map { _ in .with { $0.typeID = types.execution } } }
                ).executionIds
                let events = zip(ids, [10, 30, 20] as [Int64]).map { id, time in
                    MlMetadata_Event.with {
                        ($0.artifactID, $0.executionID, $0.type) = (artifact, id, .input)
                        $0.millisecondsSinceEpoch = time
                    }
                }
                _ = try transaction.putEvents(.with { $0.events = events })
                return ids
            }
            func last(_ change: (inout Kfmd_V1_LastReadsRequest) -> Void) async throws -> Int64? {
                var request = Kfmd_V1_LastReadsRequest.with { $0.artifactIds = [artifact] }
                change(&request)
                let asked = request
                let found = try await store.read { try $0.lastReads(asked) }.artifacts
                return found.first.flatMap { $0.hasMillisecondsSinceEpoch ? $0.millisecondsSinceEpoch : nil }
            }
            #expect(try await last { _ in } == 30)
            #expect(try await last { $0.exceptExecutionIds = [executions[1]] } == 20)
            #expect(
                try await last {
                    $0.exceptExecutionIds = [executions[1]]
                    $0.exceptEvents = [
                        .with { ($0.executionID, $0.artifactID, $0.type) = (executions[2], artifact, .input) }
                    ]
                } == 10)
            #expect(try await last { $0.exceptExecutionIds = executions } == nil)
        }
    }
}
