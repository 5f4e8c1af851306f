import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import Testing

@Suite(.timeLimit(.minutes(5))) struct ClientTests {
    @Test func aMergePatchSetsAndRemoves() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a", labels: ["old": "1"]))
            let patched = try await client.mergePatch(
                .pods, namespace: "demo", name: "a", ["metadata": ["labels": ["new": "2", "old": nil]]])
            #expect(patched.labels == ["new": "2"])
            let again = try await client.mergePatch(
                .pods, namespace: "demo", name: "a", ["metadata": ["labels": ["new": "2"]]])
            #expect(again.resourceVersion == patched.resourceVersion)
        }
    }

    @Test func aStaleVersionIsAConflict() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            let error = await #expect(throws: APIError.self) {
                try await client.mergePatch(
                    .pods, namespace: "demo", name: "a",
                    ["metadata": ["resourceVersion": "1", "labels": ["x": "y"]]])
            }
            #expect(error?.isConflict == true)
            #expect(error?.reason == "Conflict")
        }
    }

    @Test func modifyIsMadeAnewWhenAnotherWasFaster() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a", labels: ["n": "0"]))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await client.modify(.pods, namespace: "demo", name: "a") { object in
                            let number = Int(object.labels["n"] ?? "") ?? 0
                            return ["metadata": ["labels": ["n": .string(String(number + 1))]]]
                        }
                    }
                }
                try await group.waitForAll()
            }
            let object = await cluster.object(.pods, namespace: "demo", name: "a")
            #expect(object?["metadata"]?["labels"]?["n"] == "4")
        }
    }

    @Test func aConflictWithinTheServerIsTriedAgain() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            await cluster.inject(Fault(.patch, .status(code: 409, reason: "Conflict", message: "busy")))
            try await client.mergePatch(.pods, namespace: "demo", name: "a", ["metadata": ["labels": ["x": "y"]]])
            #expect(await cluster.requests["patch pods"] == 2)
        }
    }

    @Test func aPodOfAnotherUIDIsLeftAlone() async throws {
        try await withReplay { cluster, client in
            await cluster.apply("ADDED", pod("a"))
            let error = await #expect(throws: APIError.self) {
                try await client.mergePatch(
                    .pods, namespace: "demo", name: "a", ["metadata": ["uid": "other", "labels": ["x": "y"]]])
            }
            #expect(error?.status == 422)
        }
    }

    @Test func aRotatedTokenIsReadAgain() async throws {
        let path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-token-\(UUID().uuidString)"
        try Data("old\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = ReplayServer.Options()
        options.token = "new"
        try await withReplay(options: options, credentials: .tokenFile(path)) { _, client in
            let error = await #expect(throws: APIError.self) { try await client.list(.pods) }
            #expect(error?.isUnauthorized == true)
            try Data("new\n".utf8).write(to: URL(fileURLWithPath: path))
            // The old token is refused, the file is read again, the request goes out once more.
            #expect(try await client.list(.pods).objects.isEmpty)
        }
    }

    @Test func anAddressNobodyListensOnIsNamed() async throws {
        let client = try APIClient(ClusterConfiguration(server: "http://127.0.0.1:1"))
        let error = await #expect(throws: ConnectionError.self) { try await client.list(.pods) }
        #expect(error?.address == "http://127.0.0.1:1")
        #expect(error?.reason.contains("refused") == true, "\(String(describing: error))")
        await client.shutdown()
    }
}
