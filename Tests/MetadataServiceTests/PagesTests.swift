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
        "/numbers?name=NAME&log=1&sort=a", "/numbers?pipeline=NAME&sort=seconds&up=1",
        "/lineage?artifact=1&to=e2", "/lineage?artifact=2&to=a1&fold=1", "/lineage?execution=2&fold=1",
        "/impact?artifact=1&sort=name&desc=1", "/provenance?execution=2&sort=run",
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
                                run, text,
                                [
                                    "state": value, "input:\(text)": value, "message": value, "pipeline_name": value,
                                    "start_time": .with { $0.stringValue = "2026-11-02T09:00:00Z" },
                                    "end_time": .with { $0.stringValue = "2026-11-02T09:30:00Z" },
                                ]
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
                "/numbers?name=x", "/numbers?pipeline=x", "/lineage?artifact=1&to=a2",
            ] {
                let problem = await #expect(throws: PageProblem.self) { try await answer(address, store, index) }
                #expect(problem?.status == .notFound, "\(address)")
            }
            for address in [
                "/lineage", "/impact?artifact=x", "/compare", "/compare?runs=1", "/compare?runs=1,x",
                "/compare?kind=odd&id=1&id=2",
                "/compare?runs=1,2,3,4,5,6,7", "/impact?artifact=1&only=odd", "/numbers",
                "/lineage?artifact=1&to=x2", "/lineage?artifact=1&to=a", "/impact?artifact=1&sort=odd",
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

    /// A store with 40 runs of one pipeline: load -> data -> train -> model, the last run's model read by a service.
    private func withNightly(_ body: (MetadataStore, SearchIndex) async throws -> Void) async throws {
        try await withStore { store, index in
            try await store.write { transaction in
                let type = try transaction.putArtifactType(.with { $0.artifactType.name = "T" }).typeID
                let step = try transaction.putExecutionType(.with { $0.executionType.name = "S" }).typeID
                let run = try transaction.putContextType(.with { $0.contextType.name = "kubeflow.org/alpha/run" })
                    .typeID
                func text(_ value: String) -> MlMetadata_Value { .with { $0.stringValue = value } }
                let source = try transaction.putArtifacts(
                    .with {
                        $0.artifacts = [
                            .with { ($0.typeID, $0.customProperties["display_name"]) = (type, text("source")) }
                        ]
                    }
                ).artifactIds[0]
                for number in 0..<40 {
                    let context = try transaction.putContexts(
                        .with {
                            $0.contexts = [
                                .with {
                                    ($0.typeID, $0.name) = (run, "run-\(number)")
                                    $0.customProperties = [
                                        "pipeline_name": text("nightly"), "input:rate": text("0.\(number % 3)"),
                                        "start_time": text("2026-11-02T09:00:00Z"),
                                        "end_time": text("2026-11-02T09:00:\(10 + number)Z"),
                                    ]
                                }
                            ]
                        }
                    ).contextIds
                    let model = try transaction.putExecution(
                        .with { request in
                            request.execution.typeID = step
                            request.execution.lastKnownState = number == 7 ? .failed : .complete
                            request.execution.customProperties = [
                                "display_name": text("train"), "pipeline_name": text("nightly"),
                                "__kf_run__": text("run-\(number)"),
                            ]
                            request.artifactEventPairs = [
                                .with { ($0.event.artifactID, $0.event.type) = (source, .input) },
                                .with {
                                    $0.artifact.typeID = type
                                    $0.artifact.customProperties = [
                                        "display_name": text("model"), "version": text("v\(number)"),
                                        "accuracy": .with { $0.doubleValue = 0.5 + Double(number) / 100 },
                                        "owner": text("team-\(number % 2)"),
                                    ]
                                    $0.event.type = .output
                                },
                            ]
                        })
                    _ = try transaction.putAttributionsAndAssociations(
                        .with {
                            $0.attributions = [
                                .with { ($0.artifactID, $0.contextID) = (model.artifactIds[1], context[0]) }
                            ]
                            $0.associations = [
                                .with { ($0.executionID, $0.contextID) = (model.executionID, context[0]) }
                            ]
                        })
                }
            }
            try await body(store, index)
        }
    }

    @Test func aPipelineHasItsNumbersOverTime() async throws {
        try await withNightly { store, index in
            let all = try await answer("/numbers?pipeline=nightly&sort=model+accuracy", store, index, .json)
            let items = all.json["items"]?.array ?? []
            #expect(items.count == 40)
            #expect(items.first?["metrics", "model accuracy"]?.number == 0.89)
            #expect(items.first?["metrics", "seconds"]?.number == 49)
            #expect(all.csv?.columns == ["Run", "Ended", "model accuracy", "seconds", "rate"])
            let page = html(try await answer("/numbers?pipeline=nightly", store, index))
            #expect(page.contains("name=\"kind\" value=\"runs\"") && page.ranges(of: "<svg").count == 2)
            #expect(html(try await answer("/runs/1", store, index)).contains("/numbers?pipeline=nightly"))
        }
    }

    @Test func aPathLeavesOutAllElse() async throws {
        try await withNightly { store, index in
            let graph = try await answer("/lineage?artifact=1&to=a8", store, index, .json).json
            #expect(graph["nodes"]?.array?.compactMap { $0["key"]?.string }.sorted() == ["a1", "a8", "e7"])
            #expect(graph["edges"]?.array?.count == 2)
            let none = html(try await answer("/lineage?artifact=3&to=a8", store, index))
            #expect(none.contains("No data went from one to the other"))
            #expect(html(try await answer("/lineage?artifact=8", store, index)).contains("<option value=\"a1\">source"))
        }
    }

    @Test func runsOfAPipelineFoldIntoOne() async throws {
        try await withNightly { store, index in
            // Unfolded there are twenty of each, and the rest as one.
            let fan = try await answer("/lineage?artifact=1", store, index, .json).json["nodes"]?.array ?? []
            let key = try #require(fan.first { $0["title"]?.string == "train ×40" }?["key"]?.string)
            let open = try await answer("/lineage?artifact=1&open=\(key)", store, index, .json).json
            #expect((open["nodes"]?.array?.count ?? 0) > 40)
            let folded = try await answer("/lineage?artifact=1&open=\(key)&fold=1", store, index, .json).json
            let titles = (folded["nodes"]?.array ?? []).compactMap { $0["title"]?.string }
            #expect(Set(titles) == ["source", "train ×20", "model ×20"], "\(titles)")
            // What one was between, the group is between, once.
            #expect(folded["edges"]?.array?.count == 3, "\(folded)")
            let list = try #require(
                folded["nodes"]?.array?.first { $0["title"]?.string == "model ×20" }?["href"]?.string)
            #expect(try await answer(list, store, index, .json).json["count"]?.integer == 20)
        }
    }

    @Test func impactIsSortedByAnyColumn() async throws {
        try await withNightly { store, index in
            func rows(_ query: String) async throws -> [[String]] {
                try await answer("/impact?artifact=1&only=artifacts&\(query)", store, index, .csv).csv?.rows ?? []
            }
            let byOwner = try await rows("sort=owner")
            #expect(byOwner.count == 40 && byOwner.map { $0[6] } == byOwner.map { $0[6] }.sorted())
            let byName = try await rows("sort=name&desc=1")
            #expect(byName.map { $0[3] } == byName.map { $0[3] }.sorted(by: >) && byName[0][3] == "model v9")
            #expect(try await rows("desc=1").map { $0[2] } == (try await rows("")).map { $0[2] })
            let page = html(try await answer("/impact?artifact=1&sort=state", store, index))
            #expect(page.contains("aria-sort=\"ascending\"") && page.contains("sort=state&amp;desc=1"))
        }
    }

    /// A long filter leads on as far as a short one.
    @Test func placesOfPagesAreShort() async throws {
        try await withNightly { store, index in
            let filter = Array(repeating: "custom_properties.display_name.string_value != 'something long'", count: 150)
                .joined(separator: " AND ")
            var address: String? = FormQuery(nil).address("/", changing: [("filter", filter), ("limit", "15")])
            var ids: [Int64] = []
            while let next = address {
                let answer = try await answer(next, store, index, .json)
                #expect(answer.status == .ok)
                ids += (answer.json["items"]?.array ?? []).compactMap { $0["id"]?.integer }
                address = answer.next
            }
            #expect(ids == Array((1...41).reversed()))
            // Backwards, too, and in a list that begins elsewhere.
            let second = try await answer("/?limit=15&order=oldest", store, index)
            let third = try await answer(try #require(second.next), store, index)
            let page = html(third)
            let link = try #require(page.firstRange(of: "back="))
            let back = page[link.upperBound...].prefix { $0 != "\"" && $0 != "&" }
            let again = try await answer("/?limit=15&order=oldest&back=\(back)", store, index, .json)
            #expect((again.json["items"]?.array ?? []).compactMap { $0["id"]?.integer } == Array(1...15))
        }
    }

    @Test func namesForAFilterAreThoseOfTheNodes() {
        let words = FilterWords(
            .artifact,
            of: [
                MlMetadata_Artifact.with {
                    $0.customProperties = [
                        "values.accuracy": .with { $0.doubleValue = 1 }, "owner": .with { $0.stringValue = "x" },
                        "two words": .with { $0.intValue = 1 }, "__kfmd_statements__": .with { $0.stringValue = "x" },
                    ]
                    $0.properties = ["rows": .with { $0.intValue = 1 }]
                }
            ])
        #expect(
            words.properties == [
                "custom_properties.`values.accuracy`.double_value", "custom_properties.owner.string_value",
                "properties.rows.int_value",
            ])
    }
}
