import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Testing

/// Objects that no controller would write, made of the fixtures by random changes from a seed: nothing
/// stops capture, and nothing takes long.
@Suite struct HostileTests {
    private struct Random {
        var state: UInt64

        mutating func below(_ limit: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return Int((z ^ (z >> 31)) % UInt64(limit))
        }
    }

    private static let others: [JSONValue] = [
        nil, true, -1, 1e300, "", "text", [], [nil], .object(JSONObject()), [["name": 5]], "{", "[1",
        .string(String(repeating: "a/b:c@", count: 3000)),
        // What objects may cost at most; see BudgetTests.
        .integer(.max), .integer(.min), 1e18, "999999999-01-01T00:00:00Z", "9223372036854775807",
        .string(String(repeating: "$(env.A)", count: 2000)),
        .string(String(repeating: "{{inputs.parameters.a}}", count: 500)),
        "x: &x0 [a,a,a,a,a,a,a,a,a,a]\nx1: &x1 [*x0,*x0,*x0,*x0,*x0,*x0]\nx2: [*x1,*x1,*x1,*x1,*x1,*x1]\n",
        .string("[" + String(repeating: #"{"type":"model","name":"m","uri":"s3://b/k"},"#, count: 1500) + "1]"),
    ]

    /// A value with some of its parts replaced, repeated or left out.
    private func changed(_ value: JSONValue, _ random: inout Random) -> JSONValue {
        if random.below(40) == 0 { return Self.others[random.below(Self.others.count)] }
        switch value {
        case .object(let object):
            var members: [(String, JSONValue)] = []
            for member in object where random.below(40) > 0 {
                members.append((member.key, changed(member.value, &random)))
            }
            return .object(JSONObject(members))
        case .array(let elements):
            var result = elements.map { changed($0, &random) }
            if random.below(20) == 0 { result += result }
            return .array(result)
        default: return value
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: FixtureTests.fixtures) func changesOfFixturesStopNothing(name: String)
        throws
    {
        let bytes = Array(try #require(FileManager.default.contents(atPath: "\(FixtureTests.folder)/\(name).json")))
        guard let value = try? JSONValue(parsing: bytes) else { return }
        // `make fuzz` gives all of them some seconds together, two at a time.
        let seconds = ProcessInfo.processInfo.environment["KFMD_FUZZ_SECONDS"].flatMap { Double($0) }
        let end = seconds.map { ContinuousClock.now + .seconds($0 * 2 / Double(FixtureTests.fixtures.count)) }
        let seed = ProcessInfo.processInfo.environment["KFMD_SEED"].flatMap { UInt64($0) } ?? 1
        var random = Random(state: seed &+ UInt64(name.utf8.count) &* 31)
        var round = 0
        while end.map({ ContinuousClock.now < $0 }) ?? (round < 10) {
            round += 1
            let text = changed(value, &random).jsonBytes()
            _ = FixtureTests.explain(text)
        }
    }

    @Test(.timeLimit(.minutes(5))) func longTextsTakeNoTime() throws {
        let long = String(repeating: "x", count: 1 << 20)
        #expect(Identity.bounded(long).utf8.count <= 255)
        let flags = String(repeating: "🧑‍🧑‍🧒‍🧒", count: 10_000)
        #expect(Identity.bounded(flags).utf8.count <= 255)
        let pod = try KubernetesObject([
            "kind": "Pod", "apiVersion": "v1",
            "metadata": [
                "name": "p", "namespace": "n", "uid": "u", "labels": ["workflows.argoproj.io/workflow": "w"],
                "annotations": [
                    "workflows.argoproj.io/node-id": .string(long), "workflows.argoproj.io/node-name": .string(long),
                ],
            ],
        ])
        #expect(Capture(cluster: "c")(pod).executions.count == 1)
        let many = (0..<20_000).map {
            JSONValue.object(JSONObject([("name", .string("\($0)_ARTIFACT_URI")), ("value", "s3://x")]))
        }
        let run = try KubernetesObject([
            "kind": "TaskRun", "apiVersion": "tekton.dev/v1", "metadata": ["name": "t", "uid": "u"],
            "status": ["conditions": [["type": "Succeeded", "status": "True"]], "results": .array(many)],
        ])
        #expect(Capture(cluster: "c")(run).executions.count == 1)
    }

    @Test(.timeLimit(.minutes(5))) func variablesThatNameEachOtherTakeNoTime() throws {
        let names = (0..<12).map { "A\($0)" }
        let environment = names.enumerated().map { index, name -> JSONValue in
            let value = index == 0 ? "0123456789" : String(repeating: "$(A\(index - 1))", count: 30)
            return ["name": .string(name), "value": .string(value)]
        }
        let pod = try KubernetesObject([
            "kind": "Pod", "apiVersion": "v1",
            "metadata": [
                "name": "p", "namespace": "n", "uid": "u",
                "annotations": [
                    "metadata.kubeflow.org/inputs": "{type: model, name: \"$(env.A11)\", uri: \"$(env.SELF)\"}"
                ],
            ],
            "spec": [
                "containers": [
                    ["name": "c", "env": .array(environment + [["name": "SELF", "value": "$(SELF)/$$(x)"]])]
                ]
            ],
            "status": ["phase": "Running"],
        ])
        let execution = try #require(Capture(cluster: "c")(pod).executions.first)
        #expect(execution.inputs.first?.artifact.uri == "$(SELF)/$(x)")
    }

    @Test(.timeLimit(.minutes(5))) func hugeAnnotationsAndUrisAreKeptOrTold() throws {
        func pod(_ annotation: String) throws -> KubernetesObject {
            try KubernetesObject([
                "kind": "Pod", "apiVersion": "v1",
                "metadata": [
                    "name": "p", "namespace": "n", "uid": "u",
                    "annotations": ["metadata.kubeflow.org/inputs": .string(annotation)],
                ],
                "spec": ["containers": [["name": "c"]]], "status": ["phase": "Running"],
            ])
        }
        let capture = Capture(cluster: "c")
        let uri = "s3://b/" + String(repeating: "k", count: 60_000)
        let execution = try #require(capture(try pod(#"{"type": "model", "uri": "\#(uri)"}"#)).executions.first)
        #expect(execution.inputs.first?.artifact.uri == uri)
        let large = "[" + String(repeating: #"{"type": "model", "uri": "s3://x"},"#, count: 300_000) + "1]"
        #expect(large.utf8.count > 10 << 20)
        let many = try #require(capture(try pod(large)).executions.first)
        // The others are set aside, and so is the one that is no artifact.
        #expect(many.problems.count == 1)
        #expect(many.inputs.count == 1)
        let broken = try #require(capture(try pod(String(repeating: "{[", count: 5 << 20))).executions.first)
        #expect(broken.problems.count == 1)
    }
}
