import ClusterReplay
import JSON
@testable import Kubernetes
import Testing

/// Each situation of a watch, over real HTTP.
@Suite(.timeLimit(.minutes(2))) struct WatcherTests {
    let backoff = Backoff(first: .milliseconds(20), maximum: .milliseconds(100))

    func watcher(_ client: APIClient, _ resource: Resource = .pods, pageSize: Int = 500) -> Told {
        Told(Watcher(client, resource, pageSize: pageSize, backoff: backoff))
    }

    @Test func listsInPagesThenWatches() async throws {
        try await withReplay { cluster, client in
            for name in ["a", "b", "c"] { await cluster.apply("ADDED", pod(name)) }
            var told = watcher(client, pageSize: 2)
            #expect(await told.next(4) == ["listing", "page a,b", "page c", "listed"])
            await cluster.apply("ADDED", pod("d"))
            #expect(await told.next() == "applied d")
            await cluster.apply("MODIFIED", pod("a", "Succeeded"))
            await cluster.apply("DELETED", pod("b"))
            #expect(await told.next(2) == ["applied a", "deleted b"])
        }
    }

    @Test func nothingIsLostBetweenListAndWatch() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            var told = watcher(client)
            #expect(await told.next(2) == ["listing", "page a"])
            await cluster.apply("ADDED", pod("b"))
            #expect(await told.next(2) == ["listed", "applied b"])
        }
    }

    @Test func aTooOldVersionListsAgain() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            var told = watcher(client)
            #expect(await told.next(3) == ["listing", "page a", "listed"])
            // Before the watch is opened the server forgets everything, as after a restart.
            await cluster.apply("ADDED", pod("b"))
            await cluster.compact()
            #expect(await told.next(4) == ["expired", "listing", "page a,b", "listed"])
        }
    }

    @Test func anExpiredContinueTokenListsAgain() async throws {
        try await withReplay { cluster, client in
            for name in ["a", "b", "c"] { await cluster.apply("ADDED", pod(name)) }
            var told = watcher(client, pageSize: 2)
            #expect(await told.next(2) == ["listing", "page a,b"])
            await cluster.compact()
            #expect(await told.next(5) == ["expired", "listing", "page a,b", "page c", "listed"])
        }
    }

    @Test func aCutConnectionGoesOnWhereItWas() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            await cluster.inject(Fault(.watch, .cut(afterEvents: 1)))
            var told = watcher(client)
            #expect(await told.next(3) == ["listing", "page a", "listed"])
            await cluster.apply("ADDED", pod("b"))
            await cluster.apply("ADDED", pod("c"))
            await cluster.apply("ADDED", pod("d"))
            // c is cut in the middle; the next watch gives it again.
            #expect(await told.next(4) == ["applied b", "disconnected", "applied c", "applied d"])
            #expect(await cluster.requests["list pods"] == 1)
        }
    }

    @Test func aSilentConnectionIsGivenUp() async throws {
        try await withReplay(watchTimeout: .seconds(1), silence: .seconds(1)) { cluster, client in
            await cluster.inject(Fault(.watch, .silence))
            var told = watcher(client)
            #expect(await told.next(3) == ["listing", "page ", "listed"])
            await cluster.apply("ADDED", pod("a"))
            #expect(await told.next(2) == ["disconnected", "applied a"])
        }
    }

    @Test func theUsualEndOfAWatchIsNoTrouble() async throws {
        try await withReplay(watchTimeout: .seconds(1)) { cluster, client in
            var told = watcher(client)
            #expect(await told.next(3) == ["listing", "page ", "listed"])
            let task = Task {
                // It was opened again.
                try await eventually { await cluster.requests["watch pods", default: 0] >= 2 }
                await cluster.apply("ADDED", pod("a"))
            }
            #expect(await told.next() == "applied a")
            try await task.value
            #expect(await cluster.requests["watch pods"] ?? 0 >= 2)
            #expect(await cluster.requests["list pods"] == 1)
        }
    }

    @Test func bookmarksKeepTheVersionFresh() async throws {
        var options = ReplayServer.Options()
        options.bookmarkInterval = .milliseconds(100)
        try await withReplay(options: options) { cluster, client in
            var told = watcher(client)
            #expect(await told.next(3) == ["listing", "page ", "listed"])
            let task = Task { [told] in
                var told = told
                return await told.next(2)
            }
            try await eventually { await cluster.openWatches("pods") == 1 }
            // Nothing of ours changes, but the version does: only the bookmark tells.
            await cluster.apply("ADDED", ["kind": "Namespace", "apiVersion": "v1", "metadata": ["name": "x"]])
            let sent = await cluster.requests["bookmark pods", default: 0]
            try await eventually { await cluster.requests["bookmark pods", default: 0] >= sent + 3 }
            await cluster.compact()
            await cluster.endWatches()
            try await eventually { await cluster.requests["watch pods", default: 0] >= 2 }
            await cluster.apply("ADDED", pod("a"))
            // Without the bookmark the watch would be too old now.
            #expect(await task.value == ["ended", "applied a"])
        }
    }

    @Test func tooManyRequestsWaitsAsLongAsItIsAsked() async throws {
        try await withReplay { cluster, client in
            await cluster.inject(Fault(.list, .tooManyRequests(retryAfter: 1)))
            var told = watcher(client)
            let start = ContinuousClock.now
            #expect(await told.next(4) == ["listing", "refused 429", "page ", "listed"])
            #expect(ContinuousClock.now - start >= .seconds(1))
        }
    }

    @Test func aServerThatIsStartingIsAskedAgain() async throws {
        try await withReplay { cluster, client in
            await cluster.inject(Fault(.list, .status(code: 503, reason: "ServiceUnavailable", message: "starting")))
            await cluster.inject(Fault(.list, .status(code: 403, reason: "Forbidden", message: "not yet")))
            await cluster.inject(Fault(.watch, .status(code: 500, reason: "InternalError", message: "no")))
            var told = watcher(client)
            #expect(
                await told.next(6) == ["listing", "refused 503", "refused 403", "page ", "listed", "refused 500"])
            await cluster.apply("ADDED", pod("a"))
            #expect(await told.next() == "applied a")
        }
    }

    @Test func aKindThatIsNotThereIsPickedUpWhenItComes() async throws {
        let cluster = ReplayCluster(resources: [.pods])
        try await withReplay(cluster) { cluster, client in
            var told = watcher(client, .workflows)
            #expect(await told.next(2) == ["listing", "refused 404"])
            await cluster.addResource(.workflows)
            #expect(await told.next(2) == ["page ", "listed"])
            await cluster.removeResource(.workflows)
            #expect(await told.next() == "refused 404")
            await cluster.addResource(.workflows)
            #expect(await told.next(3) == ["listing", "page ", "listed"])
        }
    }

    @Test func aServerThatIsNotThereIsAskedAgain() async throws {
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:1"))
        var told = watcher(client)
        #expect(await told.next(3) == ["listing", "disconnected", "disconnected"])
        await client.shutdown()
    }

    @Test func aServerThatCountsAnewIsListedAgain() async throws {
        try await withReplay(watchTimeout: .seconds(1)) { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            var told = Told(Watcher(client, .pods, silence: .milliseconds(900), backoff: backoff))
            #expect(await told.next(3) == ["listing", "page a", "listed"])
            await cluster.apply("ADDED", pod("b"))
            #expect(await told.next() == "applied b")
            // Its versions are lower now: the watch goes on, and hears nothing.
            await cluster.restartHistory()
            await cluster.apply("ADDED", pod("c"))
            #expect(await told.next(4) == ["silent", "listing", "page a,b,c", "listed"])
        }
    }

    @Test(arguments: [0, 0.01, 0.7, 0.99]) func aListThatIsCutInTheMiddleIsReadAgain(share: Double) async throws {
        try await withReplay { cluster, client in
            for name in ["a", "b", "c"] { await cluster.apply("ADDED", pod(name)) }
            await cluster.inject(Fault(.list, .cutBody(share: share)))
            var told = watcher(client)
            #expect(await told.next(4) == ["listing", "disconnected", "page a,b,c", "listed"])
        }
    }
}

// MARK: What a server may say at worst

extension WatcherTests {
    /// The number reaches no arithmetic that traps, and nobody is blind for a year.
    @Test(arguments: [
        "9223372036854775807", "31536000", "-1", "-9223372036854775808", "99999999999999999999", "1.5", "soon",
    ])
    func noWaitIsEndless(wait: String) async throws {
        let status = #"{"kind":"Status","code":429,"details":{"retryAfterSeconds":\#(wait)}}"#
        let error = APIError(status: 429, body: Array(status.utf8), retryAfter: nil)
        #expect(error.retryAfter ?? .zero <= APIError.longestWait)
        #expect(error.retryAfter ?? .zero >= .zero)
        #expect(APIError.wait(seconds: Int64(wait)) ?? .zero <= APIError.longestWait)
        // A sleep of any such wait can be begun.
        let sleep = Task { try await Task.sleep(for: error.retryAfter ?? .zero) }
        sleep.cancel()
        _ = try? await sleep.value
    }

    @Test func aServerThatAsksForAYearIsAskedAgain() async throws {
        try await withReplay { cluster, client in
            await cluster.inject(Fault(.list, .tooManyRequests(retryAfter: .max)))
            let watcher = Watcher(client, .pods, backoff: backoff)
            var events = watcher.makeAsyncIterator()
            _ = await events.next()
            guard case .interrupted(.refused(let error))? = await events.next() else {
                Issue.record("not refused")
                return
            }
            #expect(error.retryAfter == APIError.longestWait)
        }
    }

    @Test func aListThatDoesNotEndIsBegunAnew() async throws {
        try await withReplay { cluster, client in
            let page = #"{"kind":"PodList","metadata":{"resourceVersion":"9","continue":"same"},"items":[]}"#
            for _ in 0..<2 { await cluster.inject(Fault(.list, .body(page))) }
            await cluster.apply("ADDED", pod("a"))
            var told = watcher(client)
            #expect(await told.next(5) == ["listing", "page ", "disconnected", "listing", "page a"])
        }
    }

    /// One is usual; then it is asked ever more rarely.
    @Test func aServerThatForgetsEverythingIsAskedWithPauses() async throws {
        try await withReplay { cluster, client in
            let expired =
                #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}}"# + "\n"
            for _ in 0..<4 { await cluster.inject(Fault(.watch, .body(expired))) }
            let pauses = Backoff(first: .milliseconds(150), maximum: .seconds(1))
            var told = Told(Watcher(client, .pods, backoff: pauses))
            let start = ContinuousClock.now
            let round = ["listing", "page ", "listed", "expired"]
            for _ in 0..<4 { #expect(await told.next(4) == round) }
            #expect(await told.next(3) == ["listing", "page ", "listed"])
            // 150, 300 and 600 ms at least.
            #expect(ContinuousClock.now - start >= .milliseconds(1050))
        }
    }

    @Test func eventsThatCannotBeReadAreNoEndlessStream() async throws {
        try await withReplay { cluster, client in
            let line = #"{"type":"GREETING","object":{"kind":"Pod"}}"# + "\n"
            await cluster.inject(Fault(.watch, .body(String(repeating: line, count: 1000))))
            await cluster.apply("ADDED", pod("a"))
            var told = watcher(client)
            #expect(await told.next(3) == ["listing", "page a", "listed"])
            #expect(await told.next(101) == Array(repeating: "unreadable", count: 100) + ["disconnected"])
            await cluster.apply("ADDED", pod("b"))
            #expect(await told.next() == "applied b")
        }
    }

    /// An object that is nested deeper than is read costs itself, not its list.
    @Test func aDeepObjectCostsOnlyItself() async throws {
        try await withReplay { cluster, client in
            func deep(_ name: String) -> JSONValue {
                let value = (0..<300).reduce(JSONValue.string("x")) { value, _ in ["n": value] }
                var members = pod(name).object ?? JSONObject()
                members["spec"] = value
                return .object(members)
            }
            // More of them than levels: none adds to the depth of the next.
            for number in 0..<300 { await cluster.apply("ADDED", deep("deep-\(number)")) }
            await cluster.apply("ADDED", pod("a"))
            await cluster.apply("ADDED", pod("z"))
            var told = watcher(client)
            #expect(await told.next(2) == ["listing", "page a,z"])
            #expect(await told.next(300) == Array(repeating: "unreadable", count: 300))
            #expect(await told.next() == "listed")
            await cluster.apply("MODIFIED", deep("deep-1"))
            await cluster.apply("ADDED", pod("b"))
            #expect(await told.next(2) == ["unreadable", "applied b"])
            // The watch got past it: it goes on behind.
            await cluster.endWatches()
            await cluster.apply("ADDED", pod("c"))
            #expect(await told.next(2) == ["ended", "applied c"])
        }
    }

    @Test func credentialsAreNotRepeated() async throws {
        let secret = "eyJhbGciOiJSUzI1NiJ9.secret"
        try await withReplay(credentials: .token(secret + "\n")) { cluster, client in
            await cluster.inject(
                Fault(.list, .status(code: 500, reason: "InternalError", message: "no: Bearer \(secret) is odd")))
            let error = await #expect(throws: APIError.self) { try await client.list(.pods) }
            #expect(error?.message == "no: Bearer … is odd")
        }
        try await withReplay(credentials: .token("two words of a token")) { _, client in
            let error = await #expect(throws: ConfigurationError.self) { try await client.list(.pods) }
            #expect(error.map { "\($0)".contains("words") } == false)
        }
    }
}
