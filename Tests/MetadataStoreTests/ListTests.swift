import MetadataAPI
import SQLite
import Testing

@testable import MetadataStore

/// Lists of a store that is large enough for all of their ways: found by an index, walked, sorted.
@Suite(.timeLimit(.minutes(5)), .overEngines) struct ListTests {
    private typealias Order = MlMetadata_ListOperationOptions.OrderByField.Field

    /// More than ``NodeQuery/maximumCandidates`` artifacts, and more than ``NodeQuery/walkBudget`` of a context.
    private static let count = 6_000

    /// What is known of artifact `n`, whose id is `n` too.
    private struct Known {
        var type: String
        var name: String?
        var uri: String
        var owner: String
        var rows: Int64
        var isInFew: Bool

        init(_ n: Int) {
            type = "type-\(n % 2)"
            name = n % 3 == 0 ? "name-\(n)" : nil
            uri = "uri-\(n / 2)"
            owner = "owner-\(n % 4)"
            rows = Int64(n)
            isInFew = n % 100 == 0
        }
    }

    /// Makes the store, with contexts `few` and `all`; every seventh artifact is changed later.
    private func withStore(_ body: (MetadataStore, _ few: Int64, _ all: Int64) async throws -> Void) async throws {
        let place = try StorePlace()
        defer { place.remove() }
        let store = try MetadataStore(address: place.address)
        let (few, all) = try await store.write { transaction in
            var types: [Int64] = []
            for number in 0..<2 {
                let type = MlMetadata_ArtifactType.with {
                    $0.name = "type-\(number)"
                    $0.properties = ["owner": .string, "rows": .int]
                }
                types.append(try transaction.putArtifactType(.with { $0.artifactType = type }).typeID)
            }
            let context = try transaction.putContextType(.with { $0.contextType.name = "C" }).typeID
            let contexts = try transaction.putContexts(
                .with { $0.contexts = ["few", "all"].map { name in .with { ($0.typeID, $0.name) = (context, name) } } }
            ).contextIds
            for number in 1...Self.count {
                let known = Known(number)
                let artifact = MlMetadata_Artifact.with {
                    $0.typeID = types[number % 2]
                    $0.uri = known.uri
                    if let name = known.name { $0.name = name }
                    $0.properties["owner"] = .with { $0.stringValue = known.owner }
                    $0.properties["rows"] = .with { $0.intValue = known.rows }
                }
                let id = try transaction.putArtifacts(.with { $0.artifacts = [artifact] }).artifactIds[0]
                try transaction.link(.artifact, id, toContext: contexts[1])
                if known.isInFew { try transaction.link(.artifact, id, toContext: contexts[0]) }
            }
            return (contexts[0], contexts[1])
        }
        // Later, so that the order of changes is not that of ids.
        try await Task.sleep(for: .milliseconds(5))
        _ = try await store.write { transaction in
            for number in stride(from: 7, through: Self.count, by: 7) {
                let found = try transaction.getArtifactsByID(.with { $0.artifactIds = [Int64(number)] }).artifacts
                _ = try transaction.putArtifacts(
                    .with { request in
                        request.artifacts = found.map { artifact in
                            var changed = artifact
                            changed.state = .live
                            return changed
                        }
                    })
            }
        }
        do {
            try await body(store, few, all)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// The ids of all pages.
    private func pages(
        _ store: MetadataStore, _ query: String, _ order: Order, _ isAscending: Bool, size: Int32, context: Int64?
    ) async throws -> [Int64] {
        var ids: [Int64] = []
        var token = ""
        repeat {
            let options = MlMetadata_ListOperationOptions.with {
                $0.maxResultSize = size
                $0.filterQuery = query
                $0.orderByField.field = order
                $0.orderByField.isAsc = isAscending
                if !token.isEmpty { $0.nextPageToken = token }
            }
            let (found, next) = try await store.read { transaction in
                if let context {
                    let page = try transaction.getArtifactsByContext(
                        .with { ($0.contextID, $0.options) = (context, options) })
                    return (page.artifacts.map(\.id), page.nextPageToken)
                }
                let page = try transaction.getArtifacts(.with { $0.options = options })
                return (page.artifacts.map(\.id), page.nextPageToken)
            }
            #expect(found.count <= Int(size))
            ids += found
            token = next
        } while !token.isEmpty
        return ids
    }

    /// Queries, and which artifacts they mean.
    private static let queries: [(String, @Sendable (Int) -> Bool)] = [
        ("", { _ in true }),
        ("type = 'type-1'", { $0 % 2 == 1 }),
        ("name = 'name-9' OR name = 'name-12'", { $0 == 9 || $0 == 12 }),
        ("NOT name = 'name-9' AND name LIKE 'name-%'", { $0 % 3 == 0 && $0 != 9 }),
        ("uri IN ('uri-5', 'uri-6')", { (10...13).contains($0) }),
        ("uri != 'uri-5'", { $0 / 2 != 5 }),
        ("properties.owner.string_value = 'owner-3'", { $0 % 4 == 3 }),
        ("properties.owner.string_value != 'owner-3'", { $0 % 4 != 3 }),
        ("properties.owner.string_value LIKE '%-2' AND properties.rows.int_value > 5990", { $0 % 4 == 2 && $0 > 5990 }),
        ("properties.rows.int_value >= 10 AND properties.rows.int_value < 20.5", { (10...20).contains($0) }),
        ("properties.rows.int_value BETWEEN 10 AND 20", { (10...20).contains($0) }),
        ("NOT properties.rows.int_value BETWEEN 10 AND 5990", { $0 < 10 || $0 > 5990 }),
        ("5 > id", { $0 < 5 }),
        ("id = 3 OR properties.rows.int_value = 4", { $0 == 3 || $0 == 4 }),
        ("id = 3 OR uri LIKE 'uri-1%' OR state = LIVE", { $0 == 3 || "\($0 / 2)".hasPrefix("1") || $0 % 7 == 0 }),
        ("contexts_a.name = 'few'", { $0 % 100 == 0 }),
        ("contexts_a.name = 'all' AND contexts_b.name = 'few'", { $0 % 100 == 0 }),
        ("contexts_a.name = 'all' AND contexts_a.type = 'C'", { _ in true }),
        ("contexts_a.name != 'few'", { _ in true }),
        ("state = LIVE AND type = 'type-0'", { $0 % 14 == 0 }),
        ("state IS NULL", { $0 % 7 != 0 }),
        ("name IS NULL AND id < 10", { $0 % 3 != 0 && $0 < 10 }),
        ("lower(name) = 'name-9'", { $0 == 9 }),
        ("create_time_since_epoch > 0 AND last_update_time_since_epoch < 1", { _ in false }),
        ("properties.nothing.int_value = 1", { _ in false }),
        ("custom_properties.owner.string_value IS NULL", { _ in false }),
    ]

    @Test func eachQueryFindsAllPageByPage() async throws {
        try await withStore { store, few, all in
            let times = try await store.read { transaction in
                Dictionary(
                    uniqueKeysWithValues: try transaction.getArtifacts(.init()).artifacts.map {
                        ($0.id, ($0.createTimeSinceEpoch, $0.lastUpdateTimeSinceEpoch))
                    })
            }
            for (query, isMeant) in Self.queries {
                let meant = (1...Self.count).filter(isMeant).map(Int64.init)
                for (order, isAscending) in [
                    (Order.id, true), (.id, false), (.lastUpdateTime, false), (.createTime, true),
                ] {
                    func key(_ id: Int64) -> (Int64, Int64) {
                        switch order {
                        case .createTime: (times[id]?.0 ?? 0, id)
                        case .lastUpdateTime: (times[id]?.1 ?? 0, id)
                        default: (id, id)
                        }
                    }
                    for context in [nil, few, all] {
                        let expected =
                            meant.filter { context != few || $0 % 100 == 0 }
                            .sorted { isAscending ? key($0) < key($1) : key($0) > key($1) }
                        let found = try await pages(
                            store, query, order, isAscending, size: 1_999, context: context)
                        #expect(found == expected, "\(query) by \(order) \(isAscending) in \(context ?? 0)")
                    }
                }
            }
            // The smallest pages, where few are found.
            let found = try await pages(
                store, "properties.rows.int_value < 8", .lastUpdateTime, false, size: 1, context: all)
            #expect(found == [7, 6, 5, 4, 3, 2, 1])
        }
    }

    /// What EXPLAIN says of each statement of a list.
    private func plans(
        _ query: String, _ order: NodeQuery.Order, context: Int64?, _ session: Session
    ) throws -> [String] {
        let condition =
            query.isEmpty ? Condition.all([]) : try FilterSQL.condition(query, on: .artifact, session.dialect)
        let list = NodeQuery(kind: .artifact, condition: condition, context: context, order: order, limit: 21)
        let transaction = Transaction(connection: session, now: 0, typeCache: TypeCache())
        return try list.statements(transaction.columns(MlMetadata_Artifact.self), session).flatMap { plan in
            try session.rows("EXPLAIN QUERY PLAN " + plan.sql, values: plan.values) { $0.text(3) }
        }
    }

    @Test func noListScansATable() async throws {
        guard TestEngine.current == .sqlite else { return }
        try await withStore { store, few, all in
            let session = Session(file: try Connection(path: try #require(store.path), mode: .readOnly))
            let orders = ["id", "create_time_since_epoch", "last_update_time_since_epoch"].flatMap { field in
                [true, false].map { NodeQuery.Order(field: field, ascending: $0, after: ($0 ? 5 : 1 << 50, 5)) }
            }
            // Each is found by an index, by whatever the list is ordered.
            for query in [
                "type = 'none'", "name = 'name-9'", "uri = 'uri-5'", "external_id = 'e'", "id = 5 OR id IN (6, 7)",
                "properties.owner.string_value = 'owner-3'", "properties.rows.int_value > 5990",
                "properties.nothing.double_value < 0.5", "contexts_a.name = 'few'", "contexts_a.id = 1",
                "contexts_a.external_id = 'e'", "contexts_a.type = 'D'", "events_0.execution_id = 5",
                "name = 'name-9' AND state = LIVE AND contexts_a.name = 'all' AND events_0.type = INPUT",
                "uri = 'uri-5' OR contexts_a.name = 'few'", "last_update_time_since_epoch < 5",
            ] {
                for order in orders {
                    for context in [nil, few, all] {
                        let plan = try plans(query, order, context: context, session)
                        let scans = plan.filter {
                            $0.hasPrefix("SCAN") && !["SCAN Type", "SCAN CONSTANT ROW"].contains($0)
                        }
                        #expect(scans.isEmpty, "\(query) by \(order.field) in \(context ?? 0): \(plan)")
                    }
                }
            }
            // Without an index to ask the list is walked in its own order, and ends with the page.
            for query in ["", "state = LIVE", "type = 'type-1' OR state = LIVE"] {
                for order in orders {
                    for context in [nil, few, all] {
                        let plan = try plans(query, order, context: context, session)
                        let sorts = plan.contains { $0.contains("TEMP B-TREE") }
                        // All of a context's nodes are sorted where they are few, or where a walk found too few.
                        #expect(
                            !sorts || (context != nil && order.field != "id"), "\(query) by \(order.field): \(plan)")
                    }
                }
            }
            for statement in [
                "SELECT context_id FROM Association WHERE execution_id = 1",
                "SELECT context_id FROM Attribution WHERE artifact_id IN (1, 2)",
                "SELECT artifact_id FROM Event WHERE execution_id IN (1)",
                "SELECT artifact_id FROM Event WHERE artifact_id IN (1)",
                "SELECT name FROM ArtifactProperty WHERE artifact_id IN (1)",
                "SELECT id FROM Execution WHERE external_id IN ('a')",
                "SELECT id FROM Context WHERE type_id = 1 AND name = 'a'",
            ] {
                let plan = try session.rows("EXPLAIN QUERY PLAN " + statement) { $0.text(3) }
                #expect(plan.allSatisfy { $0.hasPrefix("SEARCH") }, "\(statement): \(plan)")
            }
        }
    }
}
