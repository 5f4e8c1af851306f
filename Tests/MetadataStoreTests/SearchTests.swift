import FoundationEssentials
import MetadataAPI
import SQLite
import Testing

@testable import MetadataStore

/// The search index: beside the store, filled after the commits, made anew where it is wrong.
@Suite(.timeLimit(.minutes(2))) struct SearchTests {
    /// A store with its index.
    private func withIndex(_ body: (MetadataStore, SearchIndex) async throws -> Void) async throws {
        try await withTemporaryStore { store in
            defer { Self.remove((store.path ?? "") + "-search") }
            let index = try SearchIndex(of: store)
            try await body(store, index)
            await index.close()
        }
    }

    private static func remove(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }

    /// - Returns: the ids of artifacts with these names, uris and notes.
    @discardableResult
    private func put(_ artifacts: [(name: String, uri: String, note: String)], _ store: MetadataStore) async throws
        -> [Int64]
    {
        try await store.write { transaction in
            let type = try transaction.putArtifactType(
                .with {
                    $0.artifactType.name = "T"
                    $0.canAddFields = true
                }
            ).typeID
            return try transaction.putArtifacts(
                .with { request in
                    request.artifacts = artifacts.map { given in
                        .with {
                            ($0.typeID, $0.uri) = (type, given.uri)
                            $0.customProperties["display_name"] = .with { $0.stringValue = given.name }
                            $0.customProperties["note"] = .with { $0.stringValue = given.note }
                        }
                    }
                }
            ).artifactIds
        }
    }

    private func found(_ text: String, _ index: SearchIndex, upTo limit: Int = 10) async throws -> [Int64] {
        let answer = try await index.search(text, upTo: limit, seenBy: .all)
        #expect(answer.isAsked && answer.isComplete)
        return answer.hits.map(\.id)
    }

    @Test func anythingOfANodeFindsItTheBestFirst() async throws {
        try await withIndex { store, index in
            let ids = try await put(
                [
                    ("model", "s3://b/x", ""), ("my-model", "s3://b/y", ""), ("big remodelling", "s3://b/z", ""),
                    ("other", "s3://b/model.tgz", ""), ("model-2", "s3://b/Ünï\"code%_", "Owner: Zoë's \"team\""),
                    ("nothing", "", "\u{202E}odd * ( AND OR NOT"),
                ], store)
            try await index.fill()
            #expect(try await found("model", index) == [ids[0], ids[4], ids[1], ids[2], ids[3]])
            #expect(try await found("MODEL", index).count == 5)
            #expect(try await found("remodel", index) == [ids[2]])
            #expect(try await found("s3://b/y", index) == [ids[1]])
            #expect(try await found("ünï\"code", index) == [ids[4]])
            #expect(try await found("zoë's \"te", index) == [ids[4]])
            #expect(try await found("AND OR NOT", index) == [ids[5]])
            #expect(try await found("odd * (", index) == [ids[5]])
            #expect(try await found("model tgz", index) == [ids[3]])
            // Words that are too short for the index narrow what others find.
            #expect(try await found("model -2", index) == [ids[4]])
            #expect(try await found("mod my", index) == [ids[1]])
            #expect(try await found("nowhere", index) == [])
            #expect(try await index.search("mo", upTo: 5, seenBy: .all).isAsked == false)
            #expect(index.lag.isReady)
        }
    }

    @Test func aNameIsFoundThoughManyNewerHaveItWithin() async throws {
        try await withIndex { store, index in
            let first = try await put([("train", "u", "")], store)[0]
            try await put((0..<600).map { ("train-\($0)", "u\($0)", "") }, store)
            try await index.fill()
            #expect(try await found("train", index, upTo: 5).first == first)
            #expect(try await found("train-599", index).count == 1)
        }
    }

    @Test func whatChangesIsFoundByWhatItIsNow() async throws {
        try await withIndex { store, index in
            let id = try await put([("before", "s3://one", "first")], store)[0]
            try await index.fill()
            try await Task.sleep(for: .milliseconds(5))
            _ = try await store.write { transaction in
                var artifact = try transaction.getArtifactsByID(.with { $0.artifactIds = [id] }).artifacts[0]
                artifact.customProperties["display_name"] = .with { $0.stringValue = "afterwards" }
                return try transaction.putArtifacts(.with { $0.artifacts = [artifact] })
            }
            try await index.fill()
            #expect(try await found("afterwards", index) == [id])
            #expect(try await found("before", index) == [])
            // Nothing is indexed again that did not change.
            #expect(try await index.step() == false)
        }
    }

    /// All of one request have one time.
    @Test func manyThatChangeAtOnceAreAllFound() async throws {
        try await withIndex { store, index in
            let ids = try await put((0..<1_700).map { ("old-\($0)", "u", "") }, store)
            try await index.fill()
            try await Task.sleep(for: .milliseconds(5))
            _ = try await store.write { transaction in
                var artifacts = try transaction.getArtifactsByID(.with { $0.artifactIds = ids }).artifacts
                for index in artifacts.indices {
                    artifacts[index].customProperties["note"] = .with { $0.stringValue = "renewed-\(index)" }
                }
                return try transaction.putArtifacts(.with { [artifacts] in $0.artifacts = artifacts })
            }
            try await index.fill()
            for number in [0, 499, 500, 999, 1_699] {
                #expect(try await found("renewed-\(number)", index).contains(ids[number]))
            }
        }
    }

    /// What another process writes has no part in the commits of this one.
    @Test func anotherProcessWritesTheSameFile() async throws {
        try await withIndex { store, index in
            let other = try MetadataStore(path: try #require(store.path))
            let id = try await put([("from-elsewhere", "u", "")], other)[0]
            try await index.fill()
            #expect(try await found("elsewhere", index) == [id])
            await other.close()
        }
    }

    @Test(arguments: ["absent", "garbage", "another store's"]) func anIndexThatIsWrongIsMadeAnew(what: String)
        async throws
    {
        try await withTemporaryStore { store in
            let path = (store.path ?? "") + "-search"
            defer { Self.remove(path) }
            let ids = try await put([("alpha-one", "u", ""), ("alpha-two", "u", "")], store)
            let first = try SearchIndex(of: store)
            try await first.fill()
            await first.close()
            var asked = store
            switch what {
            case "absent": Self.remove(path)
            case "garbage":
                Self.remove(path)
                try Data("this is no database, but as long as one would be at least, and then some more".utf8).write(
                    to: URL(filePath: path))
            default:
                let file = TemporaryFile()
                let copy = file.path
                asked = try MetadataStore(path: copy)
                try await Task.sleep(for: .milliseconds(5))
                _ = try await put([("beta-one", "u", ""), ("beta-two", "u", ""), ("beta-three", "u", "")], asked)
                let index = try SearchIndex(of: asked, path: path)
                try await index.fill()
                #expect(try await found("alpha", index) == [])
                #expect(try await found("beta", index).count == 3)
                await index.close()
                await asked.close()
                return
            }
            let index = try SearchIndex(of: asked)
            try await index.fill()
            #expect(try await found("alpha", index) == ids.reversed())
            await index.close()
        }
    }

    /// What is older than many others that have it is found all the same.
    @Test func manyThatFitHideNothing() async throws {
        try await withIndex { store, index in
            let first = try await put([("spreadword-detector", "u", ""), ("one", "x://bulk/0", "no. Q7")], store)
            try await put((0..<900).map { ("n\($0)", "x://bulk/\($0)", "spreadword") }, store)
            try await index.fill()
            #expect(try await found("spreadword", index, upTo: 5).first == first[0])
            #expect(try await found("x://bulk Q7", index, upTo: 5) == [first[1]])
        }
    }

    @Test func aTimeInTheFutureHidesNothing() async throws {
        try await withIndex { store, index in
            let ids = try await put([("one", "u", ""), ("two", "u", "")], store)
            let connection = try Connection(path: try #require(store.path))
            try connection.run("UPDATE Artifact SET last_update_time_since_epoch = 9000000000000 WHERE id = ?", ids[0])
            try await index.fill()
            try await Task.sleep(for: .milliseconds(5))
            _ = try await store.write { transaction in
                var artifact = try transaction.getArtifactsByID(.with { $0.artifactIds = [ids[1]] }).artifacts[0]
                artifact.customProperties["note"] = .with { $0.stringValue = "changed-since" }
                return try transaction.putArtifacts(.with { [artifact] in $0.artifacts = [artifact] })
            }
            try await index.fill()
            #expect(try await found("changed-since", index) == [ids[1]])
        }
    }

    @Test func aFileThatIsSomethingElseIsLeftAlone() async throws {
        try await withTemporaryStore { store in
            #expect(throws: StoreFileError.self) { try SearchIndex(of: store, path: store.path) }
            let file = TemporaryFile()
            let path = file.path
            let text = Data(
                "not an index, but somebody's notes, which are longer than a page's header would be at least".utf8)
            try text.write(to: URL(filePath: path))
            #expect(throws: StoreFileError.self) { try SearchIndex(of: store, path: path) }
            #expect(try Data(contentsOf: URL(filePath: path)) == text)
        }
    }

    @Test func largeNodesAreIndexedByTheirBeginning() async throws {
        try await withIndex { store, index in
            let long = String(repeating: "x", count: 3 << 20)
            let ids = try await put((0..<20).map { ("large-\($0)", "u", "begin " + long) }, store)
            try await index.fill()
            #expect(try await found("large-19", index) == [ids[19]])
            #expect(try await found("begin", index, upTo: 50).count == 20)
        }
    }

    @Test func itKeepsUpByItself() async throws {
        try await withIndex { store, index in
            let task = Task { await index.run() }
            let ids = try await put((0..<700).map { ("kept-\($0)", "u", "") }, store)
            for _ in 0..<200 where try await index.search("kept-699", upTo: 5, seenBy: .all).hits.isEmpty {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try await found("kept-699", index) == [ids[699]])
            task.cancel()
            await task.value
        }
    }

    /// FTS5 of SQLite 3.40 loses matches, read backwards, where numbers of one list lie 2^57 or more apart.
    @Test func numbersOfAllKindsLieNearEachOther() {
        let ranges = NodeKind.allCases.map { SearchFile.range($0) }.sorted { $0.first < $1.first }
        #expect(ranges.map(\.last).max() ?? 0 < 1 << 57)
        for (one, next) in zip(ranges, ranges.dropFirst()) { #expect(one.last < next.first) }
        #expect(SearchFile.number(.context, 1 << 50) == nil && SearchFile.number(.context, -1) == nil)
        #expect(SearchFile.number(.artifact, 7).map(SearchFile.id) == 7)
    }

    @Test func longAndStrangeTextsCostLittle() {
        let query = SearchQuery(String(repeating: "a\"b ", count: 1_000) + String(repeating: "x", count: 100_000))
        #expect(query.words.count <= 8 && query.match.utf8.count < 4_000)
        #expect(SearchQuery("  \t\n ").words.isEmpty && SearchQuery("").match.isEmpty)
        #expect(SearchQuery("a\"bc").match == "\"a\"\"bc\"")
        #expect(SearchQuery("abc\u{0600}\"x").match.unicodeScalars.count(where: { $0 == "\"" }) == 4)
        let node = MlMetadata_Artifact.with { node in
            node.uri = String(repeating: "u", count: 60_000)
            for number in 0..<500 {
                node.customProperties["p\(number)"] = .with {
                    $0.stringValue = String(repeating: "v", count: 9_000) + "\(number)"
                }
            }
        }
        let document = SearchDocument(node)
        #expect(document.text.utf8.count < 2_100 && document.name.utf8.count < 310)
    }
}
