import FoundationEssentials
import MetadataAPI
import MetadataStore
import SQLite
import SwiftProtobuf
import Testing

/// The store itself, on a real file; what the original client sees is in Tests/clients.
@Suite(.timeLimit(.minutes(5)), .overEngines) struct StoreTests {
    private func withStore(_ body: (MetadataStore, Int64) async throws -> Void) async throws {
        let place = try StorePlace()
        defer { place.remove() }
        let store = try MetadataStore(address: place.address)
        let type = try await store.write { transaction in
            try transaction.putArtifactType(
                .with {
                    $0.artifactType.name = "T"
                    $0.artifactType.properties = ["d": .double, "s": .string]
                }
            ).typeID
        }
        do {
            try await body(store, type)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func put(
        _ store: MetadataStore, _ artifacts: [MlMetadata_Artifact]
    ) async throws -> [Int64] {
        try await store.write { transaction in
            try transaction.putArtifacts(.with { $0.artifacts = artifacts }).artifactIds
        }
    }

    private func artifact(_ type: Int64, _ uri: String) -> MlMetadata_Artifact {
        .with { ($0.typeID, $0.uri) = (type, uri) }
    }

    @Test(arguments: [1, 7, 100, 101, 150, 400]) func pagesLoseNothing(size: Int32) async throws {
        try await withStore { store, type in
            _ = try await put(store, (0..<250).map { artifact(type, "u\($0)") })
            for (field, ascending) in [
                (MlMetadata_ListOperationOptions.OrderByField.Field.id, true), (.createTime, false),
                (.lastUpdateTime, true),
            ] {
                var seen: [Int64] = []
                var token = ""
                repeat {
                    let request = MlMetadata_GetArtifactsRequest.with {
                        $0.options.maxResultSize = size
                        $0.options.orderByField.field = field
                        $0.options.orderByField.isAsc = ascending
                        if !token.isEmpty { $0.options.nextPageToken = token }
                    }
                    let page = try await store.read { try $0.getArtifacts(request) }
                    seen += page.artifacts.map(\.id)
                    token = page.nextPageToken
                } while !token.isEmpty
                #expect(seen == (ascending ? Array(1...250) : Array((1...250).reversed())))
            }
        }
    }

    @Test func badListOptionsAreRefused() async throws {
        try await withStore { store, type in
            _ = try await put(store, (0..<5).map { artifact(type, "u\($0)") })
            func code(_ change: @escaping @Sendable (inout MlMetadata_ListOperationOptions) -> Void) async throws
                -> String
            {
                do {
                    _ = try await store.read { transaction in
                        try transaction.getArtifacts(.with { change(&$0.options) })
                    }
                    return "ok"
                } catch let error as StatusError {
                    return error.code.description
                }
            }
            #expect(try await code { $0.maxResultSize = 0 } == "invalidArgument")
            #expect(try await code { $0.orderByField.field = .unspecified } == "invalidArgument")
            #expect(try await code { $0.nextPageToken = "nonsense" } == "invalidArgument")
            let first = try await store.read { transaction in
                try transaction.getArtifacts(.with { $0.options.maxResultSize = 2 })
            }
            let token = first.nextPageToken
            #expect(try await code { ($0.nextPageToken, $0.maxResultSize) = (token, 3) } == "ok")
            #expect(
                try await code {
                    ($0.nextPageToken, $0.orderByField.isAsc) = (token, false)
                } == "invalidArgument")
            let deep = String(repeating: "(", count: 1000) + "id = 1" + String(repeating: ")", count: 1000)
            #expect(try await code { $0.filterQuery = deep } == "invalidArgument")
            let minus = String(repeating: "-", count: 500_000)
            #expect(try await code { $0.filterQuery = minus } == "invalidArgument")
            let many = (0..<70).map { "events_\($0).type = INPUT" }.joined(separator: " AND ")
            #expect(try await code { $0.filterQuery = many } == "invalidArgument")
            let wide = Array(repeating: "id = 1", count: 1000).joined(separator: " OR ")
            #expect(try await code { $0.filterQuery = wide } == "ok")
            #expect(try await code { $0.filterQuery = wide + " OR id = 1" } == "invalidArgument")
            let list = "id IN (" + (0..<50_000).map { String($0) }.joined(separator: ", ") + ")"
            #expect(try await code { $0.filterQuery = list } == "ok")
            for (opening, closing, count) in [
                ("NOT (", ")", 200), ("lower(", ")", 100), ("(", ")", 390), ("- ", "", 300),
            ] {
                let inner = opening == "lower(" ? "name" : opening == "- " ? "1" : "id = 1"
                let tail = opening == "lower(" ? " = 'a'" : opening == "- " ? " = id" : ""
                let text =
                    String(repeating: opening, count: count) + inner + String(repeating: closing, count: count) + tail
                #expect(try await code { $0.filterQuery = text } == "ok", "\(opening)")
            }
            let neighbours = (0..<9).map { number in "`contexts_a.\(number)`.id = 1" }.joined(separator: " OR ")
            // Short queries that stand for much, each refused before it is made.
            func nested(_ count: Int, _ open: String, _ inner: String, _ close: String) -> String {
                String(repeating: open, count: count) + inner + String(repeating: close, count: count)
            }
            func chain(_ part: String, _ count: Int, _ separator: String) -> String {
                Array(repeating: part, count: count).joined(separator: separator)
            }
            let hostile: [String] = [
                nested(30, "(", "id = 1", " BETWEEN FALSE AND TRUE)"),
                nested(40, "CAST(CAST(", "id = 1", " AS STRING) AS BOOL)"),
                "\(nested(40, "CAST(STARTS_WITH('a', ", "name", ") AS STRING)")) = 'a'",
                chain("TRUE", 2_000, " AND "),
                "\(nested(14, "(CASE WHEN 1 = ", "1", " THEN 1 END)")) = 1",
                "CONCAT(\(chain("name", 100, ","))) = 'a'", "\(chain("name", 100, " || ")) = 'a'",
                "\(chain("id", 400, " + ")) = 1",
                nested(399, "(TRUE = ", "TRUE", ")"), nested(399, "NOT (1 = 1 AND ", "TRUE", ")"),
                "REPLACE(name, 'a', 'b') = 'b'", "TRIM(name, 'ab') = 'b'",
                neighbours,
            ]
            for text in hostile {
                #expect(try await code { $0.filterQuery = text } == "invalidArgument", "\(text.prefix(80))")
            }
            let alternating = (0..<60).reduce("id = 1") { text, n in "(id = \(n) \(n % 2 == 0 ? "AND" : "OR") \(text))"
            }
            #expect(try await code { $0.filterQuery = alternating } == "invalidArgument")
            let pattern = String(repeating: "%", count: 60_000)
            #expect(try await code { $0.filterQuery = "name LIKE '\(pattern)'" } == "invalidArgument")
            #expect(try await code { $0.filterQuery = "uri = 'x'; DROP TABLE Artifact" } == "invalidArgument")
        }
    }

    @Test(arguments: [
        1.0 / 3, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, .nan, .signalingNaN,
    ])
    func everyBitOfADoubleIsKept(value: Double) async throws {
        try await withStore { store, type in
            var node = artifact(type, "u")
            node.properties["d"] = .with { $0.doubleValue = value }
            let id = try await put(store, [node])[0]
            let back = try await store.read { transaction in
                try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts[0]
            }
            #expect(back.properties["d"]?.doubleValue.bitPattern == value.bitPattern)
        }
    }

    @Test func oddValuesAreKeptOrRefused() async throws {
        try await withStore { store, type in
            var node = artifact(type, "u\0v")
            node.customProperties["nan"] = .with { $0.doubleValue = .nan }
            node.customProperties["nul"] = .with { $0.stringValue = "a\0b" }
            node.customProperties["empty"] = .with { $0.stringValue = "" }
            if TestEngine.current == .postgreSQL {
                let refused = await #expect(throws: StatusError.self) { try await put(store, [node]) }
                #expect(refused?.code == .invalidArgument)
                #expect(refused?.message == "The artifact's uri has a NUL character, which PostgreSQL does not take.")
                return
            }
            let id = try await put(store, [node])[0]
            let back = try await store.read { transaction in
                try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts[0]
            }
            #expect(back.uri == "u\0v")
            #expect(back.customProperties["nul"]?.stringValue == "a\0b")
            #expect(back.customProperties["empty"]?.value == .stringValue(""))
            #expect(back.customProperties["nan"]?.doubleValue.isNaN == true)
            // This one ends the original server.
            var kindless = artifact(type, "u")
            kindless.customProperties["x"] = MlMetadata_Value()
            let error = await #expect(throws: StatusError.self) { try await put(store, [kindless]) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("x") == true)
        }
    }

    @Test func requestsThatWaitTogetherDoNotShareTheirFailures() async throws {
        try await withStore { store, type in
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        // Every third is refused: the first of a name wins, the rest exist already.
                        let name = number % 3 == 0 ? "same" : "name\(number)"
                        let node = MlMetadata_Artifact.with { ($0.typeID, $0.name) = (type, name) }
                        do {
                            _ = try await put(store, [artifact(type, "with\(number)"), node])
                            return true
                        } catch {
                            return false
                        }
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 201)
            let count = try await store.read { try $0.getArtifacts(.init()).artifacts.count }
            #expect(count == 402)
        }
    }

    @Test func acknowledgedWritesAreInTheFile() async throws {
        let file = TemporaryFile()
        let path = file.path
        let store = try MetadataStore(path: path)
        _ = try await store.write { transaction in
            try transaction.putContextType(.with { $0.contextType.name = "C" })
        }
        // Another connection sees it while the store is still open.
        let connection = try Connection(path: path, mode: .readOnly)
        let names = try connection.rows("SELECT name FROM Type WHERE id > 9") { $0.text(0) }
        #expect(names == ["C"])
        let check = try connection.first("PRAGMA integrity_check") { $0.text(0) }
        #expect(check == "ok")
        await store.close()
    }

    @Test func otherFilesAreRefusedInALine() throws {
        let file = TemporaryFile()
        let path = file.path
        let connection = try Connection(path: path)
        try connection.execute("CREATE TABLE other (x INTEGER)")
        let foreign = #expect(throws: StoreFileError.self) { try MetadataStore(path: path) }
        #expect(foreign?.reason.contains("no metadata store") == true)
        try connection.execute(
            "CREATE TABLE MLMDEnv (schema_version INTEGER PRIMARY KEY); CREATE TABLE Type (id INTEGER); INSERT INTO MLMDEnv VALUES (11)"
        )
        let newer = #expect(throws: StoreFileError.self) { try MetadataStore(path: path) }
        #expect(
            newer?.description == "store file \(path): has schema version 11, newer than the 10 that this kfmd knows")
        let absent = #expect(throws: StoreFileError.self) { try MetadataStore(path: "/nope/x.db") }
        #expect(absent?.description.contains("/nope/x.db") == true)
    }
}
