import AsyncHTTPClient
import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import Logging
import Testing

/// The tests' API server against exchanges recorded from a real one: the same requests must get the
/// same answers, where the recordings are at hand.
@Suite(.timeLimit(.minutes(2))) struct WireTests {
    static let folder = String(#filePath.dropLast("Tests/KubernetesTests/WireTests.swift".count)) + "../shared/wire"
    static var isAtHand: Bool { FileManager.default.fileExists(atPath: folder) }

    private func exchange(_ number: Int) throws -> JSONValue {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
        let name = try #require(names.first { $0.hasPrefix("\(number)-") })
        return try JSONValue(parsing: try #require(FileManager.default.contents(atPath: "\(Self.folder)/\(name)")))
    }

    private func body(_ exchange: JSONValue) throws -> JSONValue {
        try JSONValue(parsing: try #require(exchange["response"]?["body"]?.string))
    }

    /// The cluster as it was when the lists were recorded.
    private func recordedCluster() async throws -> ReplayCluster {
        let cluster = ReplayCluster(resources: [
            .pods, .workflows, .namespaces, .events, .configMaps,
            Resource(group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease"),
        ])
        for item in try body(exchange(215))["items"]?.array ?? [] { await cluster.load(item, resource: .pods) }
        await cluster.load(try body(exchange(110)), resource: .namespaces)
        await cluster.setVersion(304)
        return cluster
    }

    private func withServer(
        _ cluster: ReplayCluster, _ options: ReplayServer.Options = .init(),
        _ body: @Sendable (HTTPClient, String) async throws -> Void
    ) async throws {
        try await withReplay(cluster, options: options) { _, client in
            let http = HTTPClient(eventLoopGroupProvider: .singleton)
            do {
                try await body(http, client.configuration.server)
            } catch {
                try await http.shutdown()
                throw error
            }
            try await http.shutdown()
        }
    }

    private static func send(_ exchange: JSONValue, _ http: HTTPClient, _ server: String) async throws
        -> HTTPClientResponse
    {
        let recorded = exchange["request"]
        var request = HTTPClientRequest(url: server + (recorded?["path"]?.string ?? ""))
        request.method = .init(rawValue: recorded?["method"]?.string ?? "GET")
        for header in recorded?["headers"]?.object ?? JSONObject() where header.key != "User-Agent" {
            request.headers.add(name: header.key, value: header.value.string ?? "")
        }
        if let body = recorded?["body"]?.string { request.body = .bytes(Array(body.utf8)) }
        return try await http.execute(request, timeout: .seconds(10))
    }

    /// What may differ: times and ids that the server makes, and Go's own words about bad input.
    private static func comparable(_ value: JSONValue) -> JSONValue {
        guard var object = value.object else { return value }
        if object["kind"]?.string == "Status" {
            // The reason is for programs; of the message only that there is one.
            if object["reason"]?.string == "Invalid" || object["code"] == 400 || object["code"] == 410 {
                object["message"] = object["message"] == nil ? nil : "…"
                object["details"] = nil
            }
            return .object(object)
        }
        if var metadata = object["metadata"]?.object {
            metadata["managedFields"] = nil
            metadata["continue"] = metadata["continue"].map { $0 == "" ? "" : "…" }
            object["metadata"] = .object(metadata)
        }
        object["items"] = object["items"]?.array.map { .array($0.map(comparable)) }
        return .object(object)
    }

    @Test(
        .enabled(if: isAtHand, "recorded exchanges are not at hand: ../shared/wire"),
        arguments: [
            110, 202, 203, 205, 206, 207, 208, 209, 210, 211, 213, 214, 215, 216, 222, 223, 225, 226, 227, 228, 229,
            230, 233, 314, 401, 418, 512, 516, 517, 523, 601,
        ])
    func answersAsTheRealOne(number: Int) async throws {
        let exchange = try exchange(number)
        let cluster = try await recordedCluster()
        if number == 401 { await cluster.setVersion(338) }
        // The pages of a list follow one another.
        let before = number == 206 ? [205] : number == 207 ? [205, 206] : []
        let earlier = try before.map { try self.exchange($0) }
        try await withServer(cluster) { http, server in
            for exchange in earlier { _ = try await Self.send(exchange, http, server).body.collect(upTo: 1 << 24) }
            let response = try await Self.send(exchange, http, server)
            let recorded = exchange["response"]
            #expect(Int64(response.status.code) == recorded?["status"]?.integer)
            let type = recorded?["headers"]?["Content-Type"]?.string
            #expect(response.headers.first(name: "Content-Type") == type)
            let text = String(buffer: try await response.body.collect(upTo: 1 << 24))
            let recordedText = recorded?["body"]?.string ?? ""
            if type == "application/json" {
                let found = Self.comparable(try JSONValue(parsing: text))
                let expected = Self.comparable(try JSONValue(parsing: recordedText))
                #expect(found == expected, "\(found.jsonText()) instead of \(expected.jsonText())")
            } else {
                #expect(text == recordedText)
            }
        }
    }

    @Test(.enabled(if: isAtHand, "recorded exchanges are not at hand: ../shared/wire"))
    func patchesAsTheRealOne() async throws {
        let cluster = try await recordedCluster()
        await cluster.setVersion(344)
        let exchanges = try [501, 502, 503].map { try exchange($0) }
        let stale = try exchange(511)
        try await withServer(cluster) { http, server in
            for exchange in exchanges {
                let response = try await Self.send(exchange, http, server)
                let found = Self.comparable(
                    try JSONValue(parsing: try await response.body.collect(upTo: 1 << 24).readableBytesView))
                let text = try #require(exchange["response"]?["body"]?.string)
                #expect(found == Self.comparable(try JSONValue(parsing: text)))
            }
            let response = try await Self.send(stale, http, server)
            #expect(response.status == .conflict)
            let text = try #require(stale["response"]?["body"]?.string)
            let found = try JSONValue(parsing: try await response.body.collect(upTo: 1 << 24).readableBytesView)
            #expect(found == (try JSONValue(parsing: text)))
        }
    }

    @Test(
        .enabled(if: isAtHand, "recorded exchanges are not at hand: ../shared/wire"), arguments: [322, 323, 324, 421])
    func aTooOldWatchIsAnErrorEvent(number: Int) async throws {
        let exchange = try exchange(number)
        let cluster = try await recordedCluster()
        let recorded = try #require(exchange["response"]?["chunks"]?.array?.first?["data"]?.string)
        // "too old resource version: 553 (558)": asked, and the oldest that is kept.
        let oldest = try #require(recorded.split(separator: "(").last?.split(separator: ")").first.flatMap { Int($0) })
        await cluster.setVersion(oldest)
        await cluster.compact()
        try await withServer(cluster) { http, server in
            let response = try await Self.send(exchange, http, server)
            #expect(response.status == .ok)
            let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
            #expect(try JSONValue(parsing: text) == JSONValue(parsing: recorded))
        }
    }

    @Test(.enabled(if: isAtHand, "recorded exchanges are not at hand: ../shared/wire"))
    func aWatchTellsALifeAsTheRealOne() async throws {
        let exchange = try exchange(301)
        let chunks = try #require(exchange["response"]?["chunks"]?.array).compactMap { $0["data"]?.string }
        let recorded = try chunks.joined().split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        let cluster = try await recordedCluster()
        await cluster.setVersion(306)
        try await withReplay(cluster) { cluster, client in
            let events = Task {
                var found: [String] = []
                for await event in Watcher(client, .pods, namespace: "demo") {
                    switch event {
                    case .applied(let object):
                        found.append("applied \(object.name) \(object.raw["status"]?["phase"]?.string ?? "")")
                    case .deleted(let object): found.append("deleted \(object.name)")
                    case .listed:
                        for event in recorded {
                            await cluster.apply(event["type"]?.string ?? "", event["object"] ?? .null)
                        }
                    default: break
                    }
                    if found.last?.hasPrefix("deleted") == true { break }
                }
                return found
            }
            let expected = recorded.map { event -> String in
                let object = event["object"]
                let name = object?["metadata"]?["name"]?.string ?? ""
                return event["type"] == "DELETED"
                    ? "deleted \(name)" : "applied \(name) \(object?["status"]?["phase"]?.string ?? "")"
            }
            #expect(await events.value == expected)
        }
    }
}
