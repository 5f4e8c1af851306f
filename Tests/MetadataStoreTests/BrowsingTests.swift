import MetadataAPI
import SQLite
import Testing

@testable import MetadataStore

/// What pages read: lists both ways, counts, neighbours, versions, and the lineage as a table.
@Suite(.timeLimit(.minutes(5)), .overEngines) struct BrowsingTests {
    /// A store with `count` artifacts named `data`, version by number, each read by one step and the first by all.
    private func withSteps(
        _ count: Int, _ body: (MetadataStore, _ artifacts: [Int64], _ steps: [Int64]) async throws -> Void
    ) async throws {
        try await withTemporaryStore { store in
            let (artifacts, steps) = try await store.write { transaction in
                let type = try transaction.putArtifactType(.with { $0.artifactType.name = "T" }).typeID
                let step = try transaction.putExecutionType(.with { $0.executionType.name = "S" }).typeID
                let artifacts = try transaction.putArtifacts(
                    .with { request in
                        request.artifacts = (0..<count).map { number in
                            .with {
                                ($0.typeID, $0.uri) = (type, "uri-\(number)")
                                $0.customProperties["display_name"] = .with { $0.stringValue = "data" }
                                $0.customProperties["long"] = .with {
                                    $0.stringValue = String(repeating: "é", count: 9_000)
                                }
                                $0.customProperties["__kfmd_statements__"] = .with { $0.stringValue = "x" }
                            }
                        }
                    }
                ).artifactIds
                let steps = try transaction.putExecutions(
                    .with { $0.executions = (0..<count).map { _ in .with { $0.typeID = step } } }
                ).executionIds
                var events: [MlMetadata_Event] = []
                for index in 0..<count {
                    events.append(
                        .with { ($0.artifactID, $0.executionID, $0.type) = (artifacts[index], steps[index], .output) })
                    if index > 0 {
                        events.append(
                            .with { ($0.artifactID, $0.executionID, $0.type) = (artifacts[0], steps[index], .input) })
                    }
                }
                _ = try transaction.putEvents(.with { [events] in $0.events = events })
                return (artifacts, steps)
            }
            try await body(store, artifacts, steps)
        }
    }

    private func options(_ size: Int32, token: String? = nil, filter: String = "") -> MlMetadata_ListOperationOptions {
        .with {
            $0.maxResultSize = size
            $0.orderByField.field = .createTime
            $0.orderByField.isAsc = false
            $0.filterQuery = filter
            if let token { $0.nextPageToken = token }
        }
    }

    @Test func listsAreReadBothWays() async throws {
        try await withSteps(25) { store, artifacts, _ in
            func page(_ token: String?, isBackward: Bool = false) async throws -> ListSlice<MlMetadata_Artifact> {
                try await store.read {
                    try $0.artifactSlice(
                        options(10, token: token), isBackward: isBackward, isCounted: true, seenBy: .all)
                }
            }
            let first = try await page(nil)
            let second = try await page(first.next)
            let third = try await page(second.next)
            #expect((first.nodes + second.nodes + third.nodes).map(\.id) == artifacts.reversed())
            #expect(first.previous == nil && third.next == nil && third.nodes.count == 5)
            let back = try await page(third.previous, isBackward: true)
            #expect(back.nodes == second.nodes)
            let front = try await page(back.previous, isBackward: true)
            #expect(front.nodes == first.nodes && front.previous == nil)
            let again = try await page(back.next)
            #expect(again.nodes == third.nodes)
            #expect([first, second, back].allSatisfy { $0.count == BoundedCount(25) })
        }
    }

    @Test func countsAreBounded() async throws {
        try await withSteps(30) { store, _, _ in
            let slice = try await store.read {
                try $0.artifactSlice(options(5, filter: "uri LIKE 'uri-1%'"), isCounted: true, seenBy: .all)
            }
            #expect(slice.count == BoundedCount(11))
            guard TestEngine.current == .sqlite else { return }
            // A query that goes on ends by its steps, and leaves the connection usable.
            let connection = try Connection(path: try #require(store.path), mode: .readOnly)
            connection.setInterruption { false }
            let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
            #expect(
                try connection.bounded(steps: 3) { () throws(SQLiteError) in
                    try connection.first(endless) { $0.integer(0) }
                } == nil)
            #expect(
                try connection.bounded(steps: 3) { () throws(SQLiteError) in
                    try connection.first("SELECT 7") { $0.integer(0) }
                } == 7)
        }
    }

    @Test func neighboursAreTheNewestAndCounted() async throws {
        try await withSteps(40) { store, artifacts, steps in
            try await store.read { transaction in
                let readers = try transaction.executions(of: artifacts[0], .input, upTo: 5, seenBy: .all)
                #expect(readers.all.map(\.node.id) == steps.suffix(5).reversed())
                #expect(readers.count == BoundedCount(39))
                let written = try transaction.artifacts(of: steps[3], .output, upTo: 5, seenBy: .all)
                #expect(written.all.map(\.node.id) == [artifacts[3]])
                let briefs = try transaction.neighbourBriefs(
                    of: .artifact, artifacts[0], .input, upTo: 100, seenBy: .all)
                #expect(briefs.count == 39 && briefs.allSatisfy { $0.type == "S" })
            }
        }
    }

    @Test func versionsAreTheNewestFirst() async throws {
        try await withSteps(12) { store, artifacts, _ in
            let found = try await store.read { try $0.artifacts(named: "data", upTo: 5, seenBy: .all) }
            #expect(found.map(\.id) == artifacts.suffix(5).reversed())
            #expect(try await store.read { try $0.artifacts(named: "dat", upTo: 5, seenBy: .all) } == [])
        }
    }

    @Test func aLineageIsATableByDistance() async throws {
        try await withSteps(20) { store, artifacts, steps in
            let down = try await store.read {
                try $0.lineageTable(of: .artifact, artifacts[0], .downstream, upTo: 1_000, seenBy: .all)
            }
            #expect(down.isComplete && down.entries.count == 1 + 19 + 19)
            #expect(
                down.depths.map(\.count) == [1, 19, 19]
                    && down.depths.map(\.kind) == [.artifact, .execution, .artifact])
            let up = try await store.read {
                try $0.lineageTable(of: .artifact, artifacts[7], .upstream, upTo: 1_000, seenBy: .all)
            }
            #expect(up.entries.map(\.id) == [artifacts[7], steps[7], artifacts[0], steps[0]])
            let cut = try await store.read {
                try $0.lineageTable(of: .artifact, artifacts[0], .downstream, upTo: 5, seenBy: .all)
            }
            #expect(!cut.isComplete && cut.entries.count == 20)
        }
    }

    @Test func aPathIsWhatLiesBetween() async throws {
        try await withSteps(20) { store, artifacts, steps in
            func path(_ first: LineageTable.Entry, _ second: LineageTable.Entry, _ limit: Int = 1_000) async throws
                -> LineagePath
            {
                try await store.read { try $0.lineagePath(between: first, and: second, upTo: limit, seenBy: .all) }
            }
            func artifact(_ index: Int) -> LineageTable.Entry { .init(kind: .artifact, id: artifacts[index]) }
            func step(_ index: Int) -> LineageTable.Entry { .init(kind: .execution, id: steps[index]) }
            let ends = [artifact(0), artifact(7)]
            for (first, second) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                let found = try await path(first, second)
                // Of twenty readers only the one that lies on it.
                #expect(found.isComplete && Set(found.entries) == [artifact(0), step(7), artifact(7)])
            }
            #expect(try await path(step(0), artifact(3)).entries.count == 4)
            // Two that only have the same origin are on no path; nor is a node on one to itself.
            let none = try await path(artifact(3), artifact(4))
            #expect(none.entries.isEmpty && none.isComplete)
            #expect(try await path(artifact(3), artifact(3)).entries == [artifact(3)])
            // A longer way is shown after the shortest.
            _ = try await store.write {
                try $0.putEvents(
                    .with {
                        $0.events = [
                            .with { ($0.artifactID, $0.executionID, $0.type) = (artifacts[4], steps[7], .input) }
                        ]
                    })
            }
            let both = try await path(ends[0], ends[1])
            #expect(both.entries.map(\.depth) == [0, 0, 0, 2, 2])
            #expect(Set(both.entries.suffix(2).map(\.id)) == [steps[4], artifacts[4]])
            #expect(try await !path(artifact(3), artifact(7), 1).isComplete)
        }
    }

    @Test func theRunsOfAPipelineHaveWhatWasMeasured() async throws {
        try await withSteps(6) { store, artifacts, _ in
            let runs = try await store.write { transaction in
                let type = try transaction.putContextType(.with { $0.contextType.name = "R" }).typeID
                let runs = try transaction.putContexts(
                    .with { request in
                        request.contexts = (0..<4).map { number in
                            .with {
                                ($0.typeID, $0.name) = (type, "run-\(number)")
                                $0.customProperties[number == 2 ? "pipeline" : "pipeline_name"] = .with {
                                    $0.stringValue = number == 3 ? "other" : "nightly"
                                }
                            }
                        }
                    }
                ).contextIds
                for (index, value) in [
                    (0, MlMetadata_Value.with { $0.doubleValue = 0.5 }), (1, .with { $0.intValue = 3 }),
                ] {
                    let known = try transaction.getArtifactsByID(.with { $0.artifactIds = [artifacts[index]] })
                        .artifacts
                    var artifact = try #require(known.first)
                    artifact.customProperties = ["accuracy": value]
                    _ = try transaction.putArtifacts(.with { [artifact] in $0.artifacts = [artifact] })
                }
                _ = try transaction.putAttributionsAndAssociations(
                    .with { request in
                        request.attributions = [0, 1, 2, 3].map { index in
                            .with { ($0.artifactID, $0.contextID) = (artifacts[index], runs[index % 2]) }
                        }
                    })
                return runs
            }
            try await store.read { transaction in
                let found = try transaction.contexts(
                    ofPipeline: "nightly", properties: ["pipeline_name", "pipeline"], upTo: 10, seenBy: .all)
                #expect(found.map(\.id) == [runs[2], runs[1], runs[0]])
                #expect(
                    try transaction.contexts(ofPipeline: "nightly", properties: ["pipeline"], upTo: 10, seenBy: .all)
                        .map(\.id) == [runs[2]])
                let measured = try transaction.measuredArtifacts(
                    inContexts: found.map(\.id), each: 10, upTo: 100, seenBy: .all)
                // The others have no number.
                #expect(
                    measured.mapValues { $0.map(\.id) } == [
                        runs[0]: [artifacts[0]], runs[1]: [artifacts[1]], runs[2]: [],
                    ])
            }
        }
    }

    @Test func rareStatesAreFoundByAnIndex() async throws {
        guard TestEngine.current == .sqlite else { return }
        try await withSteps(12) { store, _, steps in
            try await store.write { transaction in
                for (index, step) in steps.enumerated() {
                    _ = try transaction.putExecutions(
                        .with {
                            $0.executions = [
                                .with {
                                    $0.id = step
                                    $0.lastKnownState = index == 3 ? .failed : index == 5 ? .running : .complete
                                }
                            ]
                        })
                }
            }
            let connection = try Connection(path: try #require(store.path), mode: .readOnly)
            for (query, found, isServed) in [
                ("last_known_state = FAILED", [3], true), ("FAILED = last_known_state", [3], true),
                ("last_known_state IN (FAILED, RUNNING)", [3, 5], true),
                ("last_known_state = COMPLETE", [0, 1, 2, 4, 6, 7, 8, 9, 10, 11], false),
                ("last_known_state IN (FAILED, COMPLETE)", [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11], false),
                ("last_known_state != COMPLETE", [3, 5], false), ("last_known_state IN (4, 2)", [3, 5], true),
                ("last_known_state = FAILED OR last_known_state = RUNNING", [3, 5], true),
                ("NOT last_known_state = FAILED", [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11], false),
            ] {
                let condition = try FilterSQL.condition(query, on: .execution, .sqlite)
                let plans = try condition.candidates.flatMap { candidate in
                    try connection.rows("EXPLAIN QUERY PLAN " + candidate.sql, values: candidate.values) { $0.text(3) }
                }
                #expect(!plans.isEmpty == isServed, "\(query)")
                #expect(
                    plans.allSatisfy { $0.contains("kfmd_execution_state") || !$0.contains("Execution") }, "\(plans)")
                let slice = try await store.read {
                    try $0.executionSlice(options(100, filter: query), seenBy: .all)
                }
                #expect(Set(slice.nodes.map(\.id)) == Set(found.map { steps[$0] }), "\(query)")
            }
            // The runs with a failed step are found in the same way.
            let runs = try FilterSQL.condition("executions_e.last_known_state = FAILED", on: .context, .sqlite)
                .candidates
            let plans = try runs.flatMap { run in
                try connection.rows("EXPLAIN QUERY PLAN " + run.sql, values: run.values) { $0.text(3) }
            }
            #expect(plans.contains { $0.contains("kfmd_execution_state") }, "\(plans)")
        }
    }

    @Test func pagesReadNoMoreThanIsShown() async throws {
        try await withSteps(3) { store, artifacts, _ in
            let (whole, short) = try await store.read { transaction in
                (
                    try transaction.getArtifactsByID(.with { $0.artifactIds = [artifacts[0]] }).artifacts[0],
                    try transaction.shortened.getArtifactsByID(.with { $0.artifactIds = [artifacts[0]] }).artifacts[0]
                )
            }
            #expect(whole.customProperties["long"]?.stringValue.count == 9_000 && whole.customProperties.count == 3)
            #expect(short.customProperties["long"]?.stringValue.count == 4_200 && short.customProperties.count == 2)
        }
    }
}

extension LineageTable {
    /// Of those as far away as each other, how many there are.
    fileprivate var depths: [(depth: Int, kind: NodeKind, count: Int)] {
        var result: [(depth: Int, kind: NodeKind, count: Int)] = []
        for entry in entries {
            if let last = result.last, last.depth == entry.depth {
                result[result.count - 1].count += 1
            } else {
                result.append((entry.depth, entry.kind, 1))
            }
        }
        return result
    }
}
