import MetadataAPI
import SQLite
import Synchronization
import TestDatabases
import Testing

@testable import MetadataStore

/// What is only true of a store on a server: several writers, connections that are lost, databases of others.
@Suite(.timeLimit(.minutes(5)), .overServers) struct ServerStoreTests {
    private func withStores(
        _ count: Int = 1, _ body: ([MetadataStore], StorePlace) async throws -> Void
    ) async throws {
        let place = try StorePlace()
        defer { place.remove() }
        let stores = try (0..<count).map { _ in try MetadataStore(address: place.address) }
        do {
            try await body(stores, place)
        } catch {
            for store in stores { await store.close() }
            throw error
        }
        for store in stores { await store.close() }
    }

    private func types(_ store: MetadataStore) async throws -> (artifact: Int64, execution: Int64, context: Int64) {
        try await store.write { transaction in
            (
                try transaction.putArtifactType(.with { $0.artifactType.name = "A" }).typeID,
                try transaction.putExecutionType(.with { $0.executionType.name = "E" }).typeID,
                try transaction.putContextType(.with { $0.contextType.name = "C" }).typeID
            )
        }
    }

    private func execution(
        _ types: (artifact: Int64, execution: Int64, context: Int64), _ number: Int
    ) -> MlMetadata_PutExecutionRequest {
        .with { request in
            request.execution.typeID = types.execution
            request.execution.name = "run-\(number)"
            request.execution.customProperties["n"] = .with { $0.intValue = Int64(number) }
            request.artifactEventPairs = (0..<2).map { output in
                .with {
                    ($0.artifact.typeID, $0.artifact.uri) = (types.artifact, "s3://b/\(number)/\(output)")
                    $0.event.type = .output
                    $0.event.path.steps = [.with { $0.key = "out" }, .with { $0.index = Int64(output) }]
                }
            }
            request.contexts = [.with { ($0.typeID, $0.name) = (types.context, "all") }]
            request.options.reuseContextIfAlreadyExist = true
        }
    }

    /// Whatever its size: what it reads in one, what it writes with the commit in the other.
    @Test func aRequestCostsTwoRoundTrips() async throws {
        try await withStores { stores, _ in
            let store = stores[0]
            let types = try await types(store)
            for number in 0..<2 { _ = try await put(store, execution(types, number)) }
            var before = store.roundTrips
            _ = try await put(store, execution(types, 2))
            #expect(store.roundTrips - before == 2)
            let graph = MlMetadata_PutLineageSubgraphRequest.with { request in
                for number in 0..<50 {
                    request.executions.append(.with { ($0.typeID, $0.name) = (types.execution, "g-\(number)") })
                    request.artifacts.append(.with { ($0.typeID, $0.uri) = (types.artifact, "g-\(number)") })
                    request.eventEdges.append(
                        .with {
                            ($0.executionIndex, $0.artifactIndex) = (Int32(number), Int32(number))
                            $0.event.type = .output
                        })
                }
                request.contexts = [.with { ($0.typeID, $0.name) = (types.context, "graph") }]
            }
            before = store.roundTrips
            let response = try await store.write(for: graph) { try $0.putLineageSubgraph(graph) }
            #expect(store.roundTrips - before == 2)
            #expect(Set(response.executionIds).count == 50 && Set(response.artifactIds).count == 50)
            // Changes of what is there, too.
            let nodes = try await store.read { transaction in
                try transaction.getArtifactsByID(.with { $0.artifactIds = response.artifactIds }).artifacts
            }
            let changes = MlMetadata_PutArtifactsRequest.with { request in
                request.artifacts = nodes.map { node in
                    var node = node
                    node.state = .live
                    node.customProperties["seen"] = .with { $0.boolValue = true }
                    return node
                }
            }
            before = store.roundTrips
            _ = try await store.write(for: changes) { try $0.putArtifacts(changes) }
            #expect(store.roundTrips - before == 2)
            // And many that wait together share both.
            before = store.roundTrips
            let commits = store.commits
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 100..<160 {
                    let request = execution(types, number)
                    group.addTask { _ = try await put(store, request) }
                }
                try await group.waitForAll()
            }
            #expect(store.roundTrips - before == 2 * (store.commits - commits))
            let (events, attributions) = try await store.read { transaction in
                let list = try transaction.getExecutionsByContext(.with { $0.contextID = 1 })
                let events = try transaction.getEventsByExecutionIDs(
                    .with { $0.executionIds = list.executions.map(\.id) })
                return (events.events, try transaction.getArtifactsByContext(.with { $0.contextID = 1 }).artifacts)
            }
            #expect(events.count == 126 && attributions.count == 126)
            #expect(events.allSatisfy { $0.path.steps.count == 2 && $0.path.steps[0].key == "out" })
        }
    }

    private func put(
        _ store: MetadataStore, _ request: MlMetadata_PutExecutionRequest
    ) async throws -> MlMetadata_PutExecutionResponse {
        try await store.write(for: request) { try $0.putExecution(request) }
    }

    /// Requests of one group see each other, and one that fails leaves nothing of its own and all of the others'.
    @Test func requestsOfAGroupSeeEachOther() async throws {
        try await withStores { stores, _ in
            let store = stores[0]
            let types = try await types(store)
            let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        // Twice each name; every fourth is refused after it has put something.
                        var request = execution(types, number / 2)
                        if number % 4 == 3 {
                            request.artifactEventPairs[1].artifact.properties["x"] = .with { $0.intValue = 1 }
                        }
                        do {
                            _ = try await put(store, request)
                            return "ok"
                        } catch let error as StatusError {
                            return error.code.description
                        }
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            // Of each name one, whichever came first, unless that was a request that is refused in any case.
            #expect(outcomes["ok"] == 20)
            let counts = try await store.read { transaction in
                (
                    try transaction.getExecutions(.init()).executions.count,
                    try transaction.getArtifacts(.init()).artifacts.count,
                    try transaction.getContexts(.init()).contexts.count
                )
            }
            #expect(counts == (20, 40, 1))
        }
    }

    /// Two replicas make the same types, contexts and artifacts at the same moment: each exists once.
    @Test func replicasMakeOneOfEach() async throws {
        try await withStores(2) { stores, place in
            let rounds = 20
            let ids = try await withThrowingTaskGroup(of: (Int, Int64).self) { group in
                for client in 0..<64 {
                    let store = stores[client % 2]
                    group.addTask {
                        let round = client % rounds
                        let id = try await store.write { transaction in
                            try transaction.putArtifactType(
                                .with {
                                    $0.artifactType.name = "T\(round)"
                                    $0.artifactType.properties = ["p": .string]
                                }
                            ).typeID
                        }
                        return (round, id)
                    }
                }
                return try await group.reduce(into: [Int: Set<Int64>]()) { $0[$1.0, default: []].insert($1.1) }
            }
            #expect(ids.values.allSatisfy { $0.count == 1 })
            #expect(
                try place.database?.execute("SELECT COUNT(*), COUNT(DISTINCT name) FROM Type WHERE name LIKE 'T%'")
                    == [["\(rounds)", "\(rounds)"]])
            // Each by itself, as near to the same moment as can be.
            for round in 0..<100 {
                let request = MlMetadata_PutArtifactTypeRequest.with { $0.artifactType.name = "S\(round)" }
                async let first = stores[0].write { try $0.putArtifactType(request).typeID }
                async let second = stores[1].write { try $0.putArtifactType(request).typeID }
                let both = try await (first, second)
                #expect(both.0 == both.1, "round \(round)")
            }
            let types = try await types(stores[0])
            let outcomes = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for client in 0..<64 {
                    let store = stores[client % 2]
                    group.addTask {
                        let round = client % rounds
                        let request = MlMetadata_PutArtifactsRequest.with {
                            $0.artifacts = [
                                .with { ($0.typeID, $0.uri, $0.externalID) = (types.artifact, "u", "x-\(round)") }
                            ]
                        }
                        do {
                            _ = try await store.write(for: request) { try $0.putArtifacts(request) }
                            return (round, "ok")
                        } catch let error as StatusError {
                            return (round, error.code.description)
                        }
                    }
                }
                return try await group.reduce(into: [Int: [String]]()) { $0[$1.0, default: []].append($1.1) }
            }
            for (round, codes) in outcomes {
                #expect(codes.filter { $0 == "ok" }.count == 1, "\(round): \(codes)")
                #expect(codes.allSatisfy { $0 == "ok" || $0 == "alreadyExists" }, "\(round): \(codes)")
            }
        }
    }

    /// Two replicas change the same nodes at the same time, in different orders: nothing is lost, and nobody is told of a
    /// deadlock.
    @Test func replicasLoseNoChange() async throws {
        try await withStores(2) { stores, _ in
            let types = try await types(stores[0])
            let ids = try await stores[0].write { transaction in
                try transaction.putArtifacts(
                    .with {
                        $0.artifacts = (0..<4).map { number in
                            .with { ($0.typeID, $0.uri) = (types.artifact, "\(number)") }
                        }
                    }
                ).artifactIds
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<40 {
                    let store = stores[client % 2]
                    group.addTask {
                        // A field of its own, by a mask: two that overwrite each other would lose one.
                        let request = MlMetadata_PutArtifactsRequest.with { request in
                            request.artifacts = (client % 3 == 0 ? ids : ids.reversed()).map { id in
                                .with {
                                    ($0.id, $0.typeID) = (id, types.artifact)
                                    $0.customProperties["c\(client)"] = .with { $0.intValue = Int64(client) }
                                }
                            }
                            request.updateMask.paths = ["custom_properties.c\(client)"]
                        }
                        _ = try await store.write(for: request) { try $0.putArtifacts(request) }
                    }
                }
                try await group.waitForAll()
            }
            let nodes = try await stores[1].read { transaction in
                try transaction.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts
            }
            #expect(nodes.allSatisfy { $0.customProperties.count == 40 }, "\(nodes.map(\.customProperties.count))")
        }
    }

    /// A commit whose answer was lost is done once, whether the server had it or not.
    @Test func aLostCommitIsDoneOnce() async throws {
        let place = try StorePlace()
        defer { place.remove() }
        var engine = try ServerEngine(place.address)
        let losses = Mutex<[LossyConnection.Loss]>([])
        let connect = engine.connect
        engine.connect = {
            LossyConnection(try connect()) { losses.withLock { $0.popLast() ?? .none } }
        }
        let store = try MetadataStore(engine, at: place.address)
        let types = try await types(store)
        var expected = 0
        for (number, loss) in [LossyConnection.Loss.before, .after, .none, .after, .before, .after].enumerated() {
            losses.withLock { $0 = [loss] }
            _ = try await put(store, execution(types, number))
            expected += 1
        }
        // Twice in a row.
        losses.withLock { $0 = [.after, .before] }
        _ = try await put(store, execution(types, 100))
        let count = try await store.read { try $0.getExecutions(.init()).executions.count }
        #expect(count == expected + 1)
        // Between two statements, of which the first was answered: all of the group is done again, or nothing of it.
        losses.withLock { $0 = [.silent] }
        async let kind = store.write { transaction in
            try transaction.putArtifactType(
                .with { ($0.artifactType.name, $0.artifactType.properties) = ("Late", ["a": .string, "b": .int]) }
            ).typeID
        }
        async let other = put(store, execution(types, 102))
        let late = try await (kind, other).0
        let (known, found) = try await store.read { transaction in
            (
                try transaction.getArtifactTypesByID(.with { $0.typeIds = [late] }).artifactTypes.first?.properties
                    .count,
                try transaction.getExecutions(.init()).executions.count
            )
        }
        #expect(known == 2 && found == expected + 2)
        // Nobody can tell: it is not said to be done, nor to be undone.
        _ = try place.database?.execute("DELETE FROM kfmd_writer")
        losses.withLock { $0 = [.after] }
        let error = await #expect(throws: StatusError.self) { try await put(store, execution(types, 101)) }
        #expect(error?.code == .unknown)
        await store.close()
    }

    /// What a group keeps in memory of the store is bounded; with more, its requests do the same one by one.
    @Test func aGroupKeepsOnlySoMuchInMemory() async throws {
        let place = try StorePlace()
        defer { place.remove() }
        var engine = try ServerEngine(place.address)
        engine.groupBudget = 1 << 20
        let store = try MetadataStore(engine, at: place.address)
        let types = try await types(store)
        let request = MlMetadata_PutArtifactsRequest.with { request in
            request.artifacts = (0..<20).map { number in
                .with {
                    ($0.typeID, $0.uri) = (types.artifact, "\(number)")
                    $0.customProperties["text"] = .with { $0.stringValue = String(repeating: "x", count: 100_000) }
                }
            }
        }
        let ids = try await store.write(for: request) { try $0.putArtifacts(request) }.artifactIds
        let change = MlMetadata_PutArtifactsRequest.with { request in
            request.artifacts = ids.map { id in
                .with {
                    ($0.id, $0.typeID) = (id, types.artifact)
                    $0.customProperties["n"] = .with { $0.intValue = 1 }
                }
            }
            request.updateMask.paths = ["custom_properties.n"]
        }
        async let other = put(store, execution(types, 1))
        let before = store.roundTrips
        async let changed = store.write(for: change) { try $0.putArtifacts(change) }
        _ = try await (changed, other)
        #expect(store.roundTrips - before > 20)
        let nodes = try await store.read { transaction in
            try transaction.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts
        }
        #expect(nodes.count == 20 && nodes.allSatisfy { $0.customProperties.count == 2 })
        #expect(try await store.read { try $0.getExecutions(.init()).executions.count } == 1)
        await store.close()
    }

    /// What was answered is there after the server was killed; readers and the writer go on by themselves.
    @Test func aServerMayComeAndGo() async throws {
        let server = try TestEngine.current == .mySQL ? TestServer.mariaDB() : TestServer.postgreSQL()
        defer { server.remove() }
        let database = try server.database()
        let address = try StoreAddress(database.url, environment: { _ in nil }, readFile: { _ in "" })
        let store = try MetadataStore(address: address)
        let types = try await types(store)
        var acknowledged: [Int] = []
        for round in 0..<2 {
            for number in 0..<5 {
                _ = try await put(store, execution(types, 10 * round + number))
                acknowledged.append(10 * round + number)
            }
            server.kill()
            let away = await #expect(throws: StatusError.self) {
                try await store.read { try $0.getExecutions(.init()).executions.count }
            }
            #expect(away?.code == .unavailable, "\(away as Any)")
            #expect(throws: StatusError.self) { try store.checkHealth() }
            try server.start()
            let names = try await store.read { try $0.getExecutions(.init()).executions.map(\.name) }
            #expect(Set(names) == Set(acknowledged.map { "run-\($0)" }))
            try store.checkHealth()
        }
        await store.close()
    }

    /// Databases that are none of ours are left alone, with a line that says why.
    @Test func otherDatabasesAreRefusedInALine() throws {
        for (statements, words) in [
            (["CREATE TABLE Type (id INT)"], "has tables, but not MLMDEnv"),
            (
                ["CREATE TABLE Artifact (id INT)", "CREATE TABLE MLMDEnv (schema_version INT)"],
                "MLMDEnv without a schema_version"
            ),
            (
                ["CREATE TABLE MLMDEnv (schema_version INT)", "INSERT INTO MLMDEnv VALUES (11)"],
                "has schema version 11, newer than the 10"
            ),
            (
                ["CREATE TABLE MLMDEnv (schema_version INT)", "INSERT INTO MLMDEnv VALUES (6)"],
                "has the older schema version 6"
            ),
            (
                ["CREATE TABLE MLMDEnv (schema_version INT)", "INSERT INTO MLMDEnv VALUES (10)"],
                "lacks tables of schema version 10: Type,"
            ),
        ] {
            let place = try StorePlace()
            defer { place.remove() }
            for statement in statements { try place.database?.execute(statement) }
            let error = #expect(throws: StoreFileError.self) { try MetadataStore(address: place.address) }
            #expect(error?.reason.contains(words) == true, "\(error as Any)")
            #expect(error?.description.contains("\n") == false)
        }
    }

    @Test func whoMayNotConnectIsToldWhy() throws {
        let place = try StorePlace()
        defer { place.remove() }
        let url = try #require(place.database?.url)
        let password = try #require(url.split(separator: ":").dropFirst(2).first?.split(separator: "@").first)
        func open(_ url: String) -> StoreFileError? {
            #expect(throws: StoreFileError.self) {
                try MetadataStore(address: StoreAddress(url, environment: { _ in nil }, readFile: { _ in "" }))
            }
        }
        let wrong = open(url.split(separator: password).joined(separator: "wr0ng"))
        #expect(wrong?.reason.contains("check the user, the password") == true, "\(wrong as Any)")
        let name = try #require(place.database?.name)
        let absent = open(url.split(separator: "/" + name).joined() + "/none_such?skip-db-creation=true")
        #expect(absent?.reason.contains("skip-db-creation is set") == true, "\(absent as Any)")
        let port = try #require(url.split(separator: "@").last?.split(separator: ":").last?.split(separator: "/").first)
        let refused = open(url.split(separator: ":" + port + "/").joined(separator: ":1/"))
        #expect(refused?.mayPass == true)
        for error in [wrong, absent, refused] {
            let shown = try #require(error).description
            #expect(!shown.contains(password) && !shown.contains("wr0ng") && !shown.contains("\n"), "\(shown)")
        }
    }

    /// A database as the original makes it is served as it is: with its narrow columns, with its texts, which it stores
    /// on MySQL as if they were latin1, and with what it reads afterwards.
    @Test func aDatabaseOfTheOriginalIsServed() async throws {
        let place = try StorePlace()
        defer { place.remove() }
        let database = try #require(place.database)
        for statement in OriginalSchema.statements(TestEngine.current) { try database.execute(statement) }
        let store = try MetadataStore(address: place.address)
        let types = try await types(store)
        let node = MlMetadata_Artifact.with {
            ($0.typeID, $0.name, $0.uri) = (types.artifact, "caf\u{e9}", "s3://\u{65e5}\u{672c}")
            $0.customProperties["s"] = .with { $0.stringValue = "\u{1F600}" }
            $0.customProperties["d"] = .with { $0.doubleValue = -.infinity }
        }
        let id = try await store.write { try $0.putArtifacts(.with { $0.artifacts = [node] }).artifactIds[0] }
        let bytes = TestEngine.current == .mySQL ? "HEX(name)" : "upper(encode(convert_to(name, 'UTF8'), 'hex'))"
        #expect(try database.execute("SELECT \(bytes) FROM Artifact") == [["636166C3A9"]])
        if TestEngine.current == .mySQL {
            // The table has latin1, as the server's default was: each byte a character.
            #expect(try database.execute("SELECT char_length(name) FROM Artifact") == [["5"]])
        }
        let back = try await store.read { transaction in
            try transaction.getArtifactsByURI(.with { $0.uris = ["s3://\u{65e5}\u{672c}"] }).artifacts
        }
        #expect(back.map(\.name) == ["caf\u{e9}"] && back.first?.customProperties == node.customProperties)
        var wide = [node, node, node]
        for number in wide.indices { wide[number].name = "wide-\(number)" }
        wide[0].customProperties["n"] = .with { $0.intValue = 1 << 40 }
        wide[1].name = String(repeating: "x", count: 256)
        wide[2].externalID = String(repeating: "x", count: 300)
        for (node, words) in zip(
            wide, ["property n is 1099511627776", "artifact's name has 256", "artifact's external_id has 300"])
        {
            let request = MlMetadata_PutArtifactsRequest.with { $0.artifacts = [node] }
            let error = await #expect(throws: StatusError.self) {
                try await store.write { try $0.putArtifacts(request) }
            }
            #expect(error?.code == .invalidArgument && error?.message.contains(words) == true, "\(error as Any)")
        }
        // What only the database can tell.
        if TestEngine.current == .postgreSQL {
            var long = node
            (long.name, long.uri) = (
                "long", String((0..<8_000).map { _ in "abcdefghij0123456789".randomElement() ?? "a" })
            )
            let request = MlMetadata_PutArtifactsRequest.with { $0.artifacts = [long] }
            let error = await #expect(throws: StatusError.self) {
                try await store.write { try $0.putArtifacts(request) }
            }
            #expect(
                error?.code == .invalidArgument && error?.message.contains("idx_artifact_uri") == true,
                "\(error as Any)")
        }
        #expect(try await store.read { try $0.getArtifacts(.init()).artifacts.map(\.id) } == [id])
        await store.close()
    }

    /// A database is made where there is none, by several at once.
    @Test func aDatabaseIsMadeOnce() async throws {
        let place = try StorePlace()
        defer { place.remove() }
        let (url, name) = try (#require(place.database?.url), #require(place.database?.name))
        let other = url.split(separator: "/" + name).joined() + "/\(name)_made"
        let address = try StoreAddress(other, environment: { _ in nil }, readFile: { _ in "" })
        let stores = try await withThrowingTaskGroup(of: MetadataStore.self) { group in
            for _ in 0..<4 { group.addTask { try MetadataStore(address: address, readers: 1) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for store in stores {
            let types = try await store.read { try $0.allTypes(withSystem: true) as [MlMetadata_ArtifactType] }
            #expect(types.map(\.name) == ["mlmd.Dataset", "mlmd.Model", "mlmd.Metrics", "mlmd.Statistics"])
        }
        for store in stores { await store.close() }
        try place.database?.execute("DROP DATABASE \(name)_made\(TestEngine.current == .mySQL ? "" : " WITH (FORCE)")")
    }
}
