@testable import Capture
import JSON
import Kubernetes
import Lineage
import Testing

@Suite struct RuleTests {
    private func rule(
        _ name: String, kind: String = "MetadataRule", namespace: String = "ml", _ spec: JSONValue
    ) throws -> KubernetesObject {
        try KubernetesObject([
            "apiVersion": "metadata.kubeflow.org/v1alpha1", "kind": .string(kind),
            "metadata": ["name": .string(name), "namespace": .string(kind == "MetadataRule" ? namespace : "")],
            "spec": spec,
        ])
    }

    private func pod(_ annotations: JSONValue = [:], image: String = "registry/train:7") throws -> KubernetesObject {
        try KubernetesObject([
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": "p", "namespace": "ml", "uid": "u", "labels": ["app": "nightly"], "annotations": annotations,
                "ownerReferences": [
                    ["apiVersion": "batch/v1", "kind": "Job", "name": "nightly-12", "uid": "j", "controller": true]
                ],
            ],
            "spec": [
                "restartPolicy": "Never",
                "containers": [
                    ["name": "c", "image": .string(image), "env": [["name": "DATA", "value": "s3://d/1"]]]
                ],
            ],
            "status": ["phase": "Succeeded"],
        ])
    }

    private static let inputs: JSONValue = ["inputs": [["type": "data_set", "uri": "$(env.DATA)"]]]

    private func spec(_ selector: JSONValue, _ rest: JSONValue = inputs) -> JSONValue {
        var spec = rest.object ?? JSONObject()
        spec["selector"] = selector
        return .object(spec)
    }

    @Test func whatAnObjectSaysUnderEitherNameOutweighsOthers() {
        var own = ["metadata.kubeflow.org/input": "a", "metadata.kubeflow.org/workspace": "w"]
        Annotations.inherit(
            [
                "metadata.kubeflow.org/inputs": "b", "metadata.kubeflow.org/outputs": "c",
                "metadata.kubeflow.org/workspace": "v", "metadata.kubeflow.org/run": "r",
            ], into: &own)
        #expect(
            own == [
                "metadata.kubeflow.org/input": "a", "metadata.kubeflow.org/outputs": "c",
                "metadata.kubeflow.org/workspace": "w", "metadata.kubeflow.org/run": "r",
            ])
    }

    @Test func aRuleAnnotatesWhatItSelects() throws {
        let capture = Capture(cluster: "c")
        let selector: JSONValue = [
            "labels": ["app": "night*"], "images": ["registry/train:*"],
            "owners": [["kind": "Job", "name": "nightly-*"]],
        ]
        #expect(capture.rules.add(try rule("nightly", spec(selector))).isEmpty)
        let execution = try #require(capture(try pod()).executions.first)
        #expect(execution.inputs.map(\.artifact.uri) == ["s3://d/1"])
        let evidence = execution.evidence.first { $0.fact.hasPrefix("input") }
        #expect(evidence?.convention == "rule")
        #expect(evidence?.field == "MetadataRule ml/nightly, spec.inputs[0]")
        #expect(capture(try pod(image: "registry/other:1")).executions.isEmpty)
    }

    @Test func theObjectsOwnAnnotationsOutweighIt() throws {
        let capture = Capture(cluster: "c")
        capture.rules.add(
            try rule(
                "r",
                spec(
                    ["labels": ["app": "nightly"]],
                    ["inputs": [["type": "model", "uri": "s3://rule"]], "execution": "by rule"])))
        let own = try pod(["metadata.kubeflow.org/inputs": #"{"type": "model", "uri": "s3://own"}"#])
        let execution = try #require(capture(own).executions.first)
        #expect(execution.inputs.map(\.artifact.uri) == ["s3://own"])
        #expect(execution.name == "by rule")
        #expect(capture(try pod(["metadata.kubeflow.org/record": "false"])).executions.isEmpty)
    }

    @Test func theMostSpecificRuleCountsAndTheOthersAreTold() throws {
        let capture = Capture(cluster: "c")
        capture.rules.add(
            try rule("wide", kind: "ClusterMetadataRule", spec(["labels": ["app": "nightly"]], ["execution": "wide"])))
        capture.rules.add(try rule("own", spec(["labels": ["app": "nightly"]], ["execution": "own"])))
        #expect(capture(try pod()).executions.first?.name == "own")
        capture.rules.add(
            try rule(
                "narrow", kind: "ClusterMetadataRule",
                spec(["labels": ["app": "nightly"], "namespaces": ["m*"]], ["execution": "narrow"])))
        let result = capture(try pod())
        #expect(result.executions.first?.name == "narrow")
        #expect(result.ignored.filter { $0.contains("fits too") }.count == 2)
        capture.rules.add(
            try rule("narrow", kind: "ClusterMetadataRule", spec(["labels": ["app": "x"]])), isDeleted: true)
        #expect(capture(try pod()).executions.first?.name == "own")
        #expect(
            capture.rules.add(
                try rule("own", namespace: "other", spec(["labels": ["app": "nightly"]], ["execution": "x"]))
            ).isEmpty)
        #expect(capture(try pod()).executions.first?.name == "own")
    }

    @Test func mistakesAreToldWithTheirFields() throws {
        let rules = RuleIndex()
        func fields(_ spec: JSONValue, kind: String = "MetadataRule") throws -> [String] {
            rules.add(try rule("r", kind: kind, spec)).map(\.field)
        }
        #expect(try fields("text") == ["spec"])
        #expect(try fields(["selector": ["label": ["a": "b"]], "input": []]) == ["spec.input", "spec.selector.label"])
        #expect(
            try fields(["selector": ["labels": ["a"], "namespaces": ["x"]]]) == [
                "spec.selector.labels", "spec.selector.namespaces",
            ])
        #expect(
            try fields(["inputs": "x", "selector": ["images": 5, "owners": [7]]]) == [
                "spec.inputs", "spec.selector.images", "spec.selector.owners[0]",
            ])
        #expect(try fields(["inputs": []], kind: "ClusterMetadataRule") == ["spec.selector"])
        #expect(rules.add(try pod()).map(\.field) == ["kind"])
    }

    @Test(arguments: [
        ("abc", "abc", true), ("abc", "a*", true), ("abc", "*c", true), ("abc", "a*c", true), ("abc", "*", true),
        ("ab", "ab*b", false), ("abc", "b*", false), ("a-b-c", "a*b*c", true), ("a-c", "a*b*c", false), ("", "*", true),
    ])
    func patterns(text: String, pattern: String, fits: Bool) throws {
        let capture = Capture(cluster: "c")
        capture.rules.add(try rule("r", spec(["images": [.string(pattern)]], ["record": "true"])))
        #expect(capture(try pod(image: text)).executions.isEmpty == !fits)
    }

    /// What went while nobody watched is told by the whole list that does not have it.
    @Test func whatAListDoesNotHaveIsForgotten() throws {
        let capture = Capture(cluster: "c")
        var rule = try rule("nightly", spec(["labels": ["app": "nightly"]]))
        rule.uid = "r"
        capture.learn(rule)
        var job = try KubernetesObject([
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": [
                "name": "nightly-12", "namespace": "ml", "uid": "j",
                "annotations": ["metadata.kubeflow.org/workspace": "team"],
            ],
        ])
        capture.learn(job)
        let found = try #require(capture(try pod()).executions.first)
        #expect(found.inputs.count == 1)
        #expect(found.workspace.name == "team")
        // In another namespace, or there: nothing is forgotten.
        capture.retain("MetadataRule", in: "other") { _ in false }
        capture.retain("MetadataRule", in: "ml") { $0 == "r" }
        #expect(capture(try pod()).executions.count == 1)
        capture.retain("MetadataRule", in: nil) { _ in false }
        #expect(capture(try pod()).executions.first?.inputs.isEmpty == true)
        // Pods of an owner that went may still be told of; a thousand others later it is forgotten.
        capture.retain("Job", in: "ml") { _ in false }
        #expect(capture(try pod()).executions.first?.workspace.name == "team")
        for number in 0..<1000 {
            (job.name, job.uid) = ("other", "other-\(number)")
            capture.learn(job, isDeleted: true)
        }
        #expect(capture(try pod()).executions.isEmpty)
        #expect(capture.owners.controlled(by: "j", kind: "Job").isEmpty)
    }

    @Test func nobodyEntersTheWorkspaceOfAnotherNamespace() throws {
        let capture = Capture(cluster: "c")
        for name in ["ml", "team-b"] {
            capture.learn(
                try KubernetesObject([
                    "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name), "uid": .string(name)],
                ]))
        }
        func workspace(_ name: String) throws -> (name: String, problems: [Problem]) {
            let annotations: JSONValue = [
                "metadata.kubeflow.org/record": "true", "metadata.kubeflow.org/workspace": .string(name),
            ]
            let found = try #require(capture(try pod(annotations)).executions.first)
            return (found.workspace.name, found.problems)
        }
        // A name of nobody's is free.
        #expect(try workspace("mnist").name == "mnist")
        #expect(try workspace("ml").problems.isEmpty)
        let foreign = try workspace("team-b")
        #expect(foreign.name == "ml")
        #expect(foreign.problems.map(\.field) == [#"metadata.annotations["metadata.kubeflow.org/workspace"]"#])
        // Its own rule says nothing of others; the cluster's does.
        capture.learn(try rule("own", spec(["labels": ["app": "nightly"]], ["workspace": "team-b"])))
        #expect(try workspace("team-b").name == "ml")
        capture.retain("MetadataRule", in: nil) { _ in false }
        let own = try rule("own", spec(["labels": ["app": "nightly"]], ["workspace": "team-b"]))
        capture.learn(own, isDeleted: true)
        capture.learn(
            try rule("all", kind: "ClusterMetadataRule", spec(["labels": ["app": "nightly"]], ["workspace": "team-b"])))
        #expect(try workspace("team-b").name == "team-b")
    }
}
