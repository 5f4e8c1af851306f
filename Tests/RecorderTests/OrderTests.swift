import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import MetadataStore
import Recorder
import Testing

/// The same facts, whatever came first: any objects, in any order, split into any commands, give the same store.
///
/// `make soak` goes on with new seeds; `KFMD_SEED` repeats one.
@Suite struct OrderTests {
    private struct Random {
        var state: UInt64

        mutating func below(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }

        mutating func isTrue(_ share: Int, of whole: Int) -> Bool { below(whole) < share }

        mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
            var result = elements
            for index in result.indices.reversed() where index > 0 { result.swapAt(index, below(index + 1)) }
            return result
        }
    }

    private static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    /// Seeds that found a fault once.
    private static let found: [UInt64] = [
        384, 555, 1_795_735_617, 1_795_737_130, 1_795_738_465, 1_795_739_768, 1_795_772_161,
    ]

    @Test(.timeLimit(.minutes(5))) func anyOrderGivesTheSameStore() async throws {
        let seed = Self.environment("KFMD_SEED").flatMap { UInt64($0) }
        for number in seed.map({ [$0] }) ?? Array(1...12) + Self.found { try await Self.check(seed: number) }
    }

    @Test(.enabled(if: environment("KFMD_SOAK_MINUTES") != nil, "only by make soak"))
    func soak() async throws {
        let minutes = Self.environment("KFMD_SOAK_MINUTES").flatMap { Double($0) } ?? 30
        let end = ContinuousClock.now + .seconds(minutes * 60)
        var seed = UInt64(Date().timeIntervalSince1970)
        while ContinuousClock.now < end {
            try await Self.check(seed: seed)
            seed += 1
        }
        print("the last seed was \(seed - 1)")
    }

    private typealias Sight = (object: KubernetesObject, isDeleted: Bool)

    /// Sights of one made-up cluster: at once, in two orders split into commands, and with commands repeated.
    private static func check(seed: UInt64) async throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
        for _ in 0..<3 { _ = random.below(2) }
        let sights = try Self.sights(&random)
        var reference: [String]?
        for attempt in 0..<6 {
            // At once, by several commands beside each other.
            let isParallel = attempt >= 4
            let order = attempt == 0 ? sights : random.shuffled(sights)
            var cuts: [(count: Int, isRepeated: Bool)] = []
            var rest = order.count
            while rest > 0 {
                let count = attempt == 0 ? rest : 1 + random.below(rest)
                cuts.append((count, attempt == 3 && random.isTrue(1, of: 3)))
                rest -= count
            }
            let text = try await withStoreText { [cuts] store in
                var place = 0
                var commands: [[Sight]] = []
                for (count, _) in cuts {
                    commands.append(Array(order[place..<place + count]))
                    place += count
                }
                if isParallel {
                    try await withThrowingTaskGroup { [commands] group in
                        for command in commands { group.addTask { try await store.record(command) } }
                        for try await problems in group { #expect(problems == []) }
                    }
                    return
                }
                for (command, (_, isRepeated)) in zip(commands, cuts) {
                    try await store.record(command)
                    // A command that was repeated adds nothing.
                    if isRepeated { try await store.record(command) }
                }
            }
            guard let expected = reference else {
                reference = text
                continue
            }
            guard text != expected else { continue }
            let (one, two) = (Set(expected), Set(text))
            let missing = expected.filter { !two.contains($0) }.prefix(6).map { "- \($0)" }
            let more = text.filter { !one.contains($0) }.prefix(6).map { "+ \($0)" }
            let names = order.map {
                "\($0.object.reference)@\($0.object.resourceVersion)\($0.isDeleted ? " deleted" : "")"
            }
            Issue.record(
                "seed \(seed), attempt \(attempt)\n\((missing + more).joined(separator: "\n"))\n\(names.joined(separator: ", "))"
            )
            return
        }
    }

    private static func withStoreText(_ body: (MetadataStore) async throws -> Void) async throws -> [String] {
        var result: [String] = []
        try await withStore { store in
            try await body(store)
            result = try await store.text()
        }
        return result
    }

    // MARK: A cluster

    private static func time(_ minutes: Int) -> JSONValue {
        .string(Timestamp.format(Date(timeIntervalSince1970: 1_780_000_000 + Double(minutes) * 60)))
    }

    private static let uris = [
        "s3://lake/a", "s3a://lake/a/", "s3://lake/b", "gs://g/c", "s3://lake/dir/file", "s3://lake/dir",
    ]

    /// Sights of workflows with their pods, of annotated pods and of services: several of each object, as old as their
    /// versions say.
    private static func sights(_ random: inout Random) throws -> [Sight] {
        var result: [JSONValue] = []
        for number in 0..<(1 + random.below(3)) { result += workflow(number, &random) }
        for number in 0..<(1 + random.below(4)) { result += pod(number, &random) }
        for number in 0..<random.below(2) { result += service(number, &random) }
        var sights: [Sight] = try result.map { (try KubernetesObject($0), false) }
        // Some are deleted after they were seen last.
        let newest = Dictionary(grouping: sights) { $0.object.uid }.values.compactMap { told in
            told.max { (UInt64($0.object.resourceVersion) ?? 0) < (UInt64($1.object.resourceVersion) ?? 0) }
        }
        for (object, _) in newest.sorted(by: { $0.object.uid < $1.object.uid }) where random.isTrue(1, of: 5) {
            var gone = object
            gone.resourceVersion = String((UInt64(object.resourceVersion) ?? 0) + 1)
            sights.append((gone, true))
        }
        return sights
    }

    private static func metadata(
        _ name: String, _ namespace: String, _ version: Int, _ more: [(String, JSONValue)] = []
    ) -> JSONValue {
        .object(
            JSONObject(
                [
                    ("name", .string(name)), ("namespace", .string(namespace)), ("uid", .string("uid-\(name)")),
                    ("resourceVersion", .string(String(version))), ("creationTimestamp", time(0)),
                ] + more))
    }

    private static func annotation(_ random: inout Random) -> String {
        let uri = uris[random.below(uris.count)]
        let type = ["data_set", "model"][random.below(2)]
        let extra = [
            "", ", name: n\(random.below(2))", ", owner: o\(random.below(2))", ", version: \"\(random.below(2))\"",
        ]
        return "{type: \(type), uri: \"\(uri)\"\(extra[random.below(4)])}"
    }

    private static func pod(_ number: Int, _ random: inout Random) -> [JSONValue] {
        var annotations: [(String, JSONValue)] = []
        if random.isTrue(2, of: 3) {
            annotations.append(("metadata.kubeflow.org/inputs", .string(annotation(&random))))
        }
        if random.isTrue(2, of: 3) {
            annotations.append(("metadata.kubeflow.org/outputs", .string(annotation(&random))))
        }
        if annotations.isEmpty { annotations.append(("metadata.kubeflow.org/record", "true")) }
        let namespace = ["ml", "ml", "other"][random.below(3)]
        let start = 10 + random.below(40)
        let end = start + 1 + random.below(20)
        let ending = random.below(3)
        let phases = ["Pending", "Running", ["Succeeded", "Failed", "Running"][ending]]
        let name = "p\(number)"
        return phases.enumerated().filter { _ in random.isTrue(2, of: 3) || phases.count == 1 }.map { index, phase in
            var status: [(String, JSONValue)] = [("phase", .string(phase))]
            if phase != "Pending" { status.append(("startTime", time(start))) }
            if phase == "Succeeded" || phase == "Failed" {
                let code: JSONValue = phase == "Succeeded" ? 0 : 137
                let ended: JSONValue = [
                    "terminated": ["exitCode": code, "startedAt": time(start), "finishedAt": time(end)]
                ]
                status.append(("containerStatuses", [["name": "c", "state": ended]]))
            }
            return [
                "kind": "Pod", "apiVersion": "v1",
                "metadata": metadata(
                    name, namespace, 100 * number + index + 1, [("annotations", .object(JSONObject(annotations)))]),
                "spec": ["restartPolicy": "Never", "containers": [["name": "c"]]],
                "status": .object(JSONObject(status)),
            ]
        }
    }

    private static func workflow(_ number: Int, _ random: inout Random) -> [JSONValue] {
        let name = "w\(number)"
        let namespace = ["ml", "other"][random.below(2)]
        let isRetried = random.isTrue(1, of: 3)
        let isCached = !isRetried && random.isTrue(1, of: 4)
        let (input, output) = (uris[random.below(uris.count)], uris[random.below(uris.count)])
        let start = 10 + random.below(40)
        let declared = annotation(&random)
        func location(_ uri: String) -> JSONValue {
            let parts = uri.split(separator: "/")
            return [
                uri.hasPrefix("gs") ? "gcs" : "s3": [
                    "bucket": .string(String(parts[1])), "key": .string(parts.dropFirst(2).joined(separator: "/")),
                ]
            ]
        }
        func artifact(_ name: String, _ uri: String) -> JSONValue {
            var object = location(uri).object ?? JSONObject()
            object["name"] = .string(name)
            return .object(object)
        }
        func node(_ phase: String, _ from: Int, _ to: Int?) -> JSONValue {
            var node = JSONObject([
                ("id", JSONValue.string("\(name)-1")), ("name", .string("\(name).train")), ("displayName", "train"),
                ("type", "Pod"), ("phase", .string(phase)), ("templateName", "train"), ("startedAt", time(from)),
                ("inputs", ["artifacts": .array([artifact("in", input)])] as JSONValue),
            ])
            if let to { node["finishedAt"] = time(to) }
            if phase == "Succeeded" { node["outputs"] = ["artifacts": .array([artifact("out", output)])] }
            if phase == "Failed" { node["message"] = "Error (exit code 1)" }
            if isCached { node["memoizationStatus"] = ["hit": true, "key": "k", "cacheName": "c"] }
            return .object(node)
        }
        func whole(_ version: Int, _ phase: String, _ node: JSONValue, _ end: Int?) -> JSONValue {
            var status = JSONObject([
                ("phase", JSONValue.string(phase)), ("startedAt", time(start - 1)),
                ("nodes", .object(JSONObject([("\(name)-1", node)]))),
            ])
            if let end { status["finishedAt"] = time(end) }
            return [
                "kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1",
                "metadata": metadata(name, namespace, 1000 * (number + 1) + version),
                "spec": ["entrypoint": "train", "templates": [["name": "train"]]], "status": .object(status),
            ]
        }
        func pod(_ uid: String, _ version: Int, _ phase: String, _ from: Int, _ to: Int?) -> JSONValue {
            var status = JSONObject([("phase", JSONValue.string(phase)), ("startTime", time(from))])
            if let to {
                let code: JSONValue = phase == "Succeeded" ? 0 : 1
                status["containerStatuses"] = [
                    [
                        "name": "main",
                        "state": ["terminated": ["exitCode": code, "startedAt": time(from), "finishedAt": time(to)]],
                    ]
                ]
            }
            return [
                "kind": "Pod", "apiVersion": "v1",
                "metadata": [
                    "name": .string("\(name)-1"), "namespace": .string(namespace), "uid": .string(uid),
                    "resourceVersion": .string(String(1000 * (number + 1) + version)), "creationTimestamp": time(from),
                    "labels": ["workflows.argoproj.io/workflow": .string(name)],
                    "annotations": [
                        "workflows.argoproj.io/node-name": .string("\(name).train"),
                        "workflows.argoproj.io/node-id": .string("\(name)-1"),
                        "metadata.kubeflow.org/outputs": .string(declared),
                    ],
                    "ownerReferences": [
                        [
                            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": .string(name),
                            "uid": .string("uid-\(name)"), "controller": true,
                        ]
                    ],
                ],
                "spec": ["restartPolicy": "Never", "containers": [["name": "main"]]], "status": .object(status),
            ]
        }
        var result: [JSONValue] = [
            whole(1, "Running", node("Running", start, nil), nil), pod("\(name)-p1", 2, "Running", start, nil),
        ]
        if isRetried {
            result += [
                pod("\(name)-p1", 3, "Failed", start, start + 3),
                whole(4, "Failed", node("Failed", start, start + 3), start + 4),
                whole(5, "Running", node("Running", start + 20, nil), nil),
                pod("\(name)-p2", 6, "Running", start + 20, nil),
                pod("\(name)-p2", 7, "Succeeded", start + 20, start + 24),
                whole(8, "Succeeded", node("Succeeded", start + 20, start + 24), start + 25),
            ]
        } else {
            result += [
                pod("\(name)-p1", 3, "Succeeded", start, start + 4),
                whole(4, "Succeeded", node("Succeeded", start, start + 4), start + 5),
            ]
        }
        if isCached { result.removeAll { $0["kind"]?.string == "Pod" } }
        let kept = result.filter { _ in random.isTrue(3, of: 4) }
        return kept.isEmpty ? [result[0]] : kept
    }

    private static func service(_ number: Int, _ random: inout Random) -> [JSONValue] {
        let name = "s\(number)"
        let models = ["s3://lake/dir", uris[random.below(uris.count)]]
        func sight(_ version: Int, _ model: String, _ isReady: Bool, _ minute: Int) -> JSONValue {
            let status: JSONValue = isReady ? "True" : "False"
            return [
                "kind": "InferenceService", "apiVersion": "serving.kserve.io/v1beta1",
                "metadata": metadata(name, "ml", 5000 + version),
                "spec": ["predictor": ["model": ["modelFormat": ["name": "sklearn"], "storageUri": .string(model)]]],
                "status": [
                    "conditions": [
                        ["type": "PredictorReady", "status": status, "lastTransitionTime": time(minute)],
                        ["type": "Ready", "status": status, "lastTransitionTime": time(minute)],
                    ]
                ],
            ]
        }
        let all = [
            sight(1, models[0], false, 60), sight(2, models[0], true, 62), sight(3, models[1], false, 70),
            sight(4, models[1], true, 72),
        ]
        let kept = all.filter { _ in random.isTrue(3, of: 4) }
        return kept.isEmpty ? [all[1]] : kept
    }
}
