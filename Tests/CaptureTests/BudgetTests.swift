import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Testing

/// Objects that cost more than one object may: the part that goes over is set aside and told, the rest is read, and
/// none takes long enough to hold up others. The time limit is generous; what is quadratic takes hours here.
@Suite(.timeLimit(.minutes(2))) struct BudgetTests {
    private func pod(
        _ annotations: [String: String], spec: JSONValue = ["containers": [["name": "main"]]],
        message: String? = nil
    ) throws -> KubernetesObject {
        var terminated = JSONObject([("exitCode", 0)])
        if let message { terminated["message"] = .string(message) }
        return try KubernetesObject([
            "kind": "Pod", "apiVersion": "v1", "spec": spec,
            "metadata": [
                "name": "p", "namespace": "n", "uid": "u",
                "annotations": .object(
                    JSONObject(annotations.map { ("metadata.kubeflow.org/\($0.key)", .string($0.value)) })),
            ],
            "status": [
                "phase": "Succeeded",
                "containerStatuses": [["name": "main", "state": ["terminated": .object(terminated)]]],
            ],
        ])
    }

    private func capture(_ object: KubernetesObject) -> Capture.Result { Capture(cluster: "c")(object) }

    private func outputs(_ count: Int, _ item: (Int) -> String) -> String {
        "[" + (0..<count).map(item).joined(separator: ",") + "]"
    }

    @Test func manyOutputsOfOneName() throws {
        let text = outputs(6200) { #"{"type":"model","name":"m","uri":"s3://b/\#($0)"}"# }
        let execution = try #require(capture(try pod(["outputs": text])).executions.first)
        #expect(execution.outputs.count == Budget.uses)
        #expect(execution.problems.contains { $0.reason.contains("6200") })
        // Seen again, in any state of it, they are the same.
        #expect(together([execution, execution])?.outputs == execution.outputs)
    }

    @Test func manyOutputsThatAreOne() throws {
        let text = outputs(900) { _ in #"{"type":"model","name":"m","uri":"s3://b/one"}"# }
        #expect(try #require(capture(try pod(["outputs": text])).executions.first).outputs.count == 1)
    }

    @Test func aliasBombs() throws {
        var text = "x: &x0 [a,a,a,a,a,a,a,a,a,a]\n"
        for level in 1...8 {
            let aliases = Array(repeating: "*x\(level - 1)", count: 10).joined(separator: ",")
            text += "x\(level): &x\(level) [\(aliases)]\n"
        }
        let result = capture(try pod(["inputs": text]))
        #expect(result.executions.first?.problems.contains { $0.reason.contains("aliases") } == true)
    }

    @Test(arguments: ["env.LONG", "annotation.metadata.kubeflow.org/description", "result.text", "arg.--long"])
    func manyVariables(variable: String) throws {
        let long = String(repeating: "x", count: 60_000)
        let uri = String(repeating: "$(\(variable))", count: 240_000 / (variable.utf8.count + 3))
        let spec: JSONValue = [
            "containers": [
                [
                    "name": "main", "env": [["name": "LONG", "value": .string(long)]],
                    "args": ["--long", .string(long)],
                ]
            ]
        ]
        let message = JSONValue.object(JSONObject([("text", .string(long))])).jsonText()
        let object = try pod(
            ["inputs": #"[{"type":"model","uri":"\#(uri)"}]"#, "description": long], spec: spec, message: message)
        let execution = try #require(capture(object).executions.first)
        #expect(execution.inputs.isEmpty)
        #expect(execution.problems.contains { $0.reason.contains("longer than") })
    }

    @Test func manyTextsWithFewVariables() throws {
        let long = String(repeating: "x", count: 60_000)
        let spec: JSONValue = [
            "containers": [["name": "main", "env": [["name": "LONG", "value": .string(long)]]]]
        ]
        let text = outputs(900) { #"{"type":"model","name":"m\#($0)","description":"$(env.LONG)"}"# }
        let execution = try #require(capture(try pod(["outputs": text], spec: spec)).executions.first)
        #expect(execution.problems.contains { $0.reason.contains("in sum") })
        #expect(execution.outputs.count == 900)
    }

    @Test func variablesThatNameEachOther() throws {
        var variables: [JSONValue] = [["name": "V0", "value": "xxxxxxxxxx"]]
        for number in 1...10_000 {
            let value = String(repeating: "$(V\(number - 1))", count: 4)
            variables.append(["name": .string("V\(number)"), "value": .string(value)])
        }
        let spec: JSONValue = ["containers": [["name": "main", "env": .array(variables)]]]
        let object = try pod(["inputs": #"[{"type":"model","uri":"$(env.V10000)"}]"#], spec: spec)
        #expect(capture(object).executions.count == 1)
    }

    @Test(arguments: [
        #"{"name":"{{inputs.parameters.p0}}"}"#, String(repeating: "{", count: 200_000) + "}}",
        String(repeating: "{{a}}", count: 40_000), "{{" + String(repeating: "}{", count: 100_000),
    ])
    func parametersThatNameEachOther(specification: String) throws {
        func parameter(_ number: Int) -> JSONValue {
            let next = "{{inputs.parameters.p\(number + 1)}}"
            return ["name": .string("p\(number)"), "value": .string(next + next)]
        }
        let workflow = try KubernetesObject([
            "kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1",
            "metadata": [
                "name": "w", "namespace": "n", "uid": "u",
                "labels": ["pipelines.kubeflow.org/kfp_sdk_version": "1.8.22"],
                "annotations": ["pipelines.kubeflow.org/kfp_sdk_version": "1.8.22"],
            ],
            "spec": [
                "entrypoint": "t",
                "templates": [
                    [
                        "name": "t", "container": ["image": "i"],
                        "metadata": [
                            "annotations": ["pipelines.kubeflow.org/component_spec": .string(specification)]
                        ],
                    ]
                ],
            ],
            "status": [
                "phase": "Succeeded",
                "nodes": [
                    "w-1": [
                        "id": "w-1", "name": "w.t", "type": "Pod", "phase": "Succeeded", "templateName": "t",
                        "inputs": ["parameters": .array((0..<40).map(parameter))],
                    ]
                ],
            ],
        ])
        #expect(capture(workflow).executions.count == 1)
    }

    @Test func manyProblemsAreToldAsOneMore() throws {
        let text = outputs(1000) { _ in "1" }
        let execution = try #require(capture(try pod(["outputs": text])).executions.first)
        #expect(execution.problems.count == Budget.problems + 1)
        #expect(execution.problems.last?.reason == "and \(1000 - Budget.problems) more problems")
    }

    @Test func longNamesAndUrisAreSetAside() throws {
        let long = String(repeating: "u", count: Budget.uriLength)
        let text = #"[{"type":"model","uri":"s3://\#(long)"},{"type":"model","name":"kept","uri":"s3://b/k"}]"#
        let execution = try #require(capture(try pod(["outputs": text])).executions.first)
        #expect(execution.outputs.map(\.artifact.name) == ["kept"])
        #expect(execution.problems.count == 1)
    }

    /// Foundation reads years of ten digits, whose milliseconds no integer holds.
    @Test(arguments: [
        "999999999-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "2026-99-99T99:99:99Z",
        "-999999-01-01T00:00:00Z", "2026-06-02T08:09:00+99:99", "",
    ])
    func timesOfNoCalendar(text: String) throws {
        if let date = Timestamp.parse(text) { #expect(Timestamp.milliseconds(date) <= 253_402_300_800_000) }
        #expect(Timestamp.milliseconds(Date(timeIntervalSince1970: 1e300)) == 253_402_300_800_000)
        #expect(Timestamp.milliseconds(Date(timeIntervalSince1970: -.infinity)) == -253_402_300_800_000)
        #expect(Timestamp.parse(String(repeating: "9", count: 1_000_000)) == nil)
    }

    @Test func textsAreCutBetweenCharacters() {
        #expect("abcdef".cut(to: 6) == "abcdef")
        #expect("abcdef".cut(to: 3) == "abc…")
        #expect("aéé".cut(to: 2) == "a…")
        #expect("😀😀".cut(to: 5) == "😀…")
    }
}
