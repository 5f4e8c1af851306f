import FoundationEssentials
import JSON
import MetadataAPI
import MetadataStore
import NIOCore
import Testing

@testable import MetadataService

/// Every page in process: with nothing, with what people have, and with what somebody hostile wrote into every field.
@Suite(.timeLimit(.minutes(2))) struct PagesTests {
    private func withStore(_ body: (MetadataStore, SearchIndex) async throws -> Void) async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-pages-\(UUID().uuidString).db"
        defer {
            for suffix in ["", "-wal", "-shm", "-search", "-search-wal", "-search-shm"] {
                try? FileManager.default.removeItem(atPath: path + suffix)
            }
        }
        let store = try MetadataStore(path: path)
        let index = try SearchIndex(of: store)
        try await body(store, index)
        await index.close()
        await store.close()
    }

    /// All pages with an address each, of nodes with these numbers.
    private static let addresses = [
        "/", "/?group=type&cols=name&cols=uri&props=values.a,note&state=LIVE&order=oldest", "/?filter=uri+LIKE+'%25'",
        "/executions", "/executions?state=failed&workspace=w&from=2020-01-01&to=2100-01-01&group=run", "/runs",
        "/runs?workspace=w", "/workspaces", "/types", "/serving", "/search", "/search?q=hit", "/artifacts/1",
        "/executions/1",
        "/runs/1", "/runs/1?state=COMPLETE", "/lineage?artifact=1",
        "/lineage?execution=1&up=5&down=5&open=a1,e1,fx&hide=T",
        "/impact?artifact=1", "/impact?artifact=1&only=serving", "/provenance?execution=1&only=artifacts",
        "/compare?artifacts=1,2", "/compare?executions=1,2", "/compare?kind=runs&id=1&id=2",
        "/metrics?name=NAME&log=1&sort=a",
    ]

    private func answer(
        _ address: String, _ store: MetadataStore, _ index: SearchIndex, _ format: PageRequest.Format = .html
    ) async throws -> PageAnswer {
        let parts = address.split(separator: "?", maxSplits: 1).map(String.init)
        var request = PageRequest(store: store, search: index, query: FormQuery(parts.count > 1 ? parts[1] : nil))
        request.format = format
        var path = parts[0]
        if let last = path.split(separator: "/").last, let id = Int64(last) {
            request.id = id
            path = path.dropLast(last.count) + "{id}"
        }
        let page = try #require(Pages.all.first { $0.paths.contains(path) }, "\(path)")
        return try await page.answer(request)
    }

    private func html(_ answer: PageAnswer, base: String = "") -> String {
        String(buffer: PageFrame.html(answer, base: base))
    }

    /// Two artifacts, executions and runs each, with a text in every field that takes one.
    private func fill(_ store: MetadataStore, with text: String) async throws {
        _ = try await store.write { transaction in
            let value = MlMetadata_Value.with { $0.stringValue = text }
            let number = MlMetadata_Value.with { $0.doubleValue = 0.5 }
            let artifactType = try transaction.putArtifactType(
                .with {
                    $0.artifactType.name = "T\(text)"
                    $0.artifactType.properties = ["owner": .string, text: .string]
                }
            ).typeID
            let executionType = try transaction.putExecutionType(.with { $0.executionType.name = "E\(text)" }).typeID
            let run = try transaction.putContextType(.with { $0.contextType.name = "kubeflow.org/alpha/run" }).typeID
            let workspace = try transaction.putContextType(
                .with { $0.contextType.name = "kubeflow.org/alpha/workspace" }
            ).typeID
            let contexts = try transaction.putContexts(
                .with { request in
                    request.contexts = [
                        .with {
                            ($0.typeID, $0.name, $0.customProperties) = (
                                run, text, ["state": value, "input:\(text)": value, "message": value]
                            )
                        },
                        .with { ($0.typeID, $0.name) = (run, text + "2") },
                        .with { ($0.typeID, $0.name) = (workspace, "w" + text) },
                    ]
                }
            ).contextIds
            let custom: [String: MlMetadata_Value] = [
                "display_name": value, "version": value, "description": value, "digest": value,
                "values.\(text)": number,
                "values.a": number,
                "__ALL_META__": .with {
                    $0.stringValue = #"{"labels": {"a": "<b>"}, "x": "\u003cimg src=x onerror=1>"}"#
                },
                text: value, "link": .with { $0.stringValue = "javascript:window.__hit=1" },
                "__kf_run__": value, "__kf_workspace__": value,
                "json": .with { $0.stringValue = #"{"<script>": "</script>"}"# },
            ]
            for number in 1...2 {
                _ = try transaction.putExecution(
                    .with { request in
                        request.execution.typeID = executionType
                        request.execution.externalID = "e\(number)\(text)"
                        request.execution.lastKnownState = number == 1 ? .failed : .complete
                        request.execution.customProperties = custom.merging([
                            "message": value, "input:\(text)": value, "pod_name": value, "namespace": value,
                            "start_time": .with { $0.stringValue = "2026-11-02T09:00:0\(number)Z" },
                            "end_time": .with { $0.stringValue = "2026-11-02T09:30:00Z" },
                            "__kfmd_evidence__": value, "__kfmd_problems__": value,
                            "serving": .with { $0.intValue = 1 },
                        ]) { $1 }
                        request.artifactEventPairs = [
                            .with {
                                $0.artifact.typeID = artifactType
                                $0.artifact.uri = number == 1 ? text : "javascript:alert(1)"
                                $0.artifact.externalID = "a\(number)\(text)"
                                $0.artifact.customProperties = custom
                                $0.artifact.properties = ["owner": value, text: value]
                                $0.event.type = .output
                                $0.event.path.steps = [.with { $0.key = text }]
                            }
                        ]
                    })
            }
            _ = try transaction.putEvents(
                .with {
                    $0.events = [
                        .with { event in
                            (event.artifactID, event.executionID, event.type) = (1, 2, .input)
                            event.path.steps = [.with { $0.key = text }]
                        }
                    ]
                })
            return try transaction.putAttributionsAndAssociations(
                .with {
                    $0.associations = [1, 2].flatMap { id in
                        [contexts[0], contexts[2]].map { context in
                            .with { ($0.executionID, $0.contextID) = (id, context) }
                        }
                    }
                    $0.attributions = [1, 2].map { id in .with { ($0.artifactID, $0.contextID) = (id, contexts[0]) } }
                })
        }
    }

    private static let hostile =
        "\"'><script>window.__hit=1</script><img src=x onerror=alert(1)>\u{202E}hit\u{2066}& =1+1"

    @Test func whatSomebodyWroteIsNeverMarkup() async throws {
        try await withStore { store, index in
            try await fill(store, with: Self.hostile)
            try await index.fill()
            for address in Self.addresses {
                let address = address.replacing(
                    "NAME", with: FormQuery(nil).address("", changing: [("", Self.hostile)]).dropFirst(2))
                let page = html(try await answer(address, store, index), base: "/base")
                #expect(page.contains("<h1>"), "\(address)")
                for text in ["<img", "<script>", "\u{202E}"] { #expect(!page.contains(text), "\(address): \(page)") }
                for text in ["href=\"javascript:", " style=", " onerror=alert(1)>"] {
                    #expect(!page.contains(text), "\(address)")
                }
                // One script, ours; and each quote of a text within an attribute is escaped.
                #expect(page.ranges(of: "<script").count == 1, "\(address)")
                // No link of the site forgets the path that a proxy has it below.
                for attribute in ["href", "action", "data-live"] {
                    for range in page.ranges(of: "\(attribute)=\"/") {
                        #expect(
                            page[range.upperBound...].hasPrefix("base/"),
                            "\(address): \(page[range.lowerBound...].prefix(80))")
                    }
                }
            }
        }
    }

    @Test func everyPageIsJSONTooAndListsAreCSV() async throws {
        try await withStore { store, index in
            try await fill(store, with: Self.hostile)
            try await index.fill()
            for address in Self.addresses {
                let address = address.replacing(
                    "NAME", with: FormQuery(nil).address("", changing: [("", Self.hostile)]).dropFirst(2))
                let answer = try await answer(address, store, index, .json)
                #expect(answer.json.object?.isEmpty == false, "\(address)")
                #expect(try JSONValue(parsing: answer.json.jsonBytes(pretty: true)) == answer.json)
                guard let csv = answer.csv else { continue }
                #expect(csv.rows.allSatisfy { $0.count == csv.columns.count }, "\(address)")
            }
            // Programs get texts whole; a page shows their beginning.
            let whole = try await answer("/artifacts/1", store, index, .json)
            #expect(whole.json["custom_properties", "digest"]?.string == Self.hostile)
        }
    }

    @Test func anEmptyStoreSaysWhatToDo() async throws {
        try await withStore { store, index in
            for address in ["/", "/executions", "/runs", "/workspaces", "/types", "/serving", "/search"] {
                let page = html(try await answer(address, store, index))
                #expect(!page.contains("<tbody><tr>"), "\(address)")
                #expect(page.contains("class=\"empty\"") || page.contains("class=\"note\""), "\(address)")
            }
            for address in [
                "/artifacts/1", "/executions/9", "/runs/9", "/lineage?artifact=1", "/impact?execution=3",
                "/metrics?name=x",
            ] {
                let problem = await #expect(throws: PageProblem.self) { try await answer(address, store, index) }
                #expect(problem?.status == .notFound, "\(address)")
            }
            for address in [
                "/lineage", "/impact?artifact=x", "/compare", "/compare?runs=1", "/compare?runs=1,x",
                "/compare?kind=odd&id=1&id=2",
                "/compare?runs=1,2,3,4,5,6,7", "/impact?artifact=1&only=odd", "/metrics",
            ] {
                let problem = await #expect(throws: PageProblem.self) { try await answer(address, store, index) }
                #expect(problem?.status == .badRequest, "\(address)")
            }
            for (query, text) in [
                ("state=BROKEN", "There is no state BROKEN."), ("order=odd", "There is no order odd."),
                ("from=yesterday", "should be a day"), ("run=x", "should be the number of a run"),
                ("page=odd", "There is no such page"), ("back=odd", "There is no such page"),
                ("filter=uri+%3D", "of the filter"),
            ] {
                let found = try await answer("/?\(query)", store, index)
                #expect(found.status != .ok && html(found).contains(text), "\(query)")
            }
        }
    }

    /// Those that were recorded before services were marked are found by their types.
    @Test func servicesAreFoundMarkedOrNot() async throws {
        try await withStore { store, index in
            _ = try await store.write { transaction in
                let service = try transaction.putExecutionType(
                    .with { $0.executionType.name = "kserve.InferenceService" }
                ).typeID
                let other = try transaction.putExecutionType(.with { $0.executionType.name = "O" }).typeID
                return try transaction.putExecutions(
                    .with { request in
                        request.executions = [(service, false), (other, true), (other, false)].map { type, isMarked in
                            .with {
                                ($0.typeID, $0.lastKnownState) = (type, .running)
                                if isMarked { $0.customProperties["serving"] = .with { $0.intValue = 1 } }
                            }
                        }
                    })
            }
            let items = try await answer("/serving", store, index, .json).json["items"]?.array ?? []
            #expect(items.compactMap { $0["id"]?.integer } == [2, 1])
        }
    }

    @Test func manyReadersAreOneNodeThatUnfolds() async throws {
        try await withStore { store, index in
            try await store.write { transaction in
                let type = try transaction.putArtifactType(.with { $0.artifactType.name = "T" }).typeID
                let step = try transaction.putExecutionType(.with { $0.executionType.name = "S" }).typeID
                let data = try transaction.putArtifacts(.with { $0.artifacts = [.with { $0.typeID = type }] })
                    .artifactIds[0]
                let readers = try transaction.putExecutions(
                    .with { request in
                        request.executions = (0..<400).map { number in
                            .with {
                                $0.typeID = step
                                $0.lastKnownState = number < 8 ? .failed : .complete
                                $0.customProperties["display_name"] = .with {
                                    $0.stringValue = number < 398 ? "train" : "look"
                                }
                            }
                        }
                    }
                ).executionIds
                _ = try transaction.putEvents(
                    .with {
                        $0.events = readers.map { id in
                            .with { ($0.artifactID, $0.executionID, $0.type) = (data, id, .input) }
                        }
                    })
            }
            let graph = try await answer("/lineage?artifact=1", store, index, .json).json
            let nodes = graph["nodes"]?.array ?? []
            #expect(nodes.count == 4)
            let fan = try #require(nodes.first { $0["title"]?.string == "train ×398" })
            #expect(fan["detail"]?.string == "8 failed" && fan["more"]?.string == "Show train one by one")
            // Its list has exactly these.
            let listed = try await answer(try #require(fan["href"]?.string), store, index, .json).json
            #expect(listed["count"]?.integer == 398)
            let key = try #require(fan["key"]?.string)
            let open = try await answer("/lineage?artifact=1&open=\(key)", store, index, .json).json
            let unfolded = open["nodes"]?.array ?? []
            #expect(unfolded.count == 24)
            #expect(unfolded.contains { $0["title"]?.string == "train ×378" })
            // All of it stays within what one reads.
            let page = html(try await answer("/lineage?artifact=1", store, index))
            #expect(page.contains("data-swap id=\"plus-\(key)\""))
            let table = try await answer("/impact?artifact=1", store, index, .csv)
            #expect(table.csv?.rows.count == 400)
        }
    }
}
