import Capture
import JSON
import Kubernetes
import Lineage
import Testing

/// Kinds are watched side by side: what an object says must not depend on whether its owner was seen before it.
@Suite struct LateRelativesTests {
    private func object(
        _ apiVersion: String, _ kind: String, _ name: String,
        owner: (apiVersion: String, kind: String, name: String)? = nil,
        annotations: JSONValue = [:], spec: JSONValue = [:], status: JSONValue = [:]
    ) throws -> KubernetesObject {
        var metadata: [(String, JSONValue)] = [
            ("name", .string(name)), ("namespace", "ml"), ("uid", .string("uid-\(name)")), ("resourceVersion", "5"),
            ("annotations", annotations),
        ]
        if let owner {
            metadata.append(
                (
                    "ownerReferences",
                    [
                        [
                            "apiVersion": .string(owner.apiVersion), "kind": .string(owner.kind),
                            "name": .string(owner.name),
                            "uid": .string("uid-\(owner.name)"), "controller": true,
                        ]
                    ]
                ))
        }
        return try KubernetesObject([
            "apiVersion": .string(apiVersion), "kind": .string(kind), "metadata": .object(JSONObject(metadata)),
            "spec": spec, "status": status,
        ])
    }

    private var experiment: KubernetesObject {
        get throws {
            try object(
                "kubeflow.org/v1beta1", "Experiment", "tune",
                annotations: [
                    "metadata.kubeflow.org/inputs": #"[{"name": "d", "uri": "s3://b/d", "type": "data_set"}]"#
                ],
                status: [
                    "conditions": [
                        ["type": "Succeeded", "status": "True", "lastTransitionTime": "2026-11-02T10:00:00Z"]
                    ],
                    "currentOptimalTrial": ["bestTrialName": "tune-1"],
                ])
        }
    }

    private func trial(_ name: String) throws -> KubernetesObject {
        try object(
            "kubeflow.org/v1beta1", "Trial", name, owner: ("kubeflow.org/v1beta1", "Experiment", "tune"),
            spec: ["parameterAssignments": [["name": "lr", "value": "0.1"]]],
            status: [
                "startTime": "2026-11-02T09:00:00Z", "completionTime": "2026-11-02T09:30:00Z",
                "conditions": [["type": "Succeeded", "status": "True", "lastTransitionTime": "2026-11-02T09:30:00Z"]],
            ])
    }

    /// All that comes of objects that are told of one after the other, as the recorder reads them.
    private func read(_ objects: [KubernetesObject]) -> [String] {
        let capture = Capture(cluster: "c")
        var records: [String: Record] = [:]
        func add(_ result: Capture.Result) {
            for execution in result.everything {
                if records[execution.id] == nil { records[execution.id] = Record(execution) }
                records[execution.id]?.add(execution, isLive: true)
            }
        }
        for object in objects {
            add(capture(object))
            for again in capture.due() { add(capture(again.object, isDeleted: again.isDeleted)) }
        }
        return records.values.compactMap(\.current).map { execution in
            let inputs = execution.inputs.map { $0.artifact.uri ?? "" }.sorted()
            let custom = execution.customProperties.map { "\($0.key)=\($0.value)" }.sorted()
            return "\(execution.name) \(execution.state) \(inputs) \(custom)"
        }.sorted()
    }

    @Test func trialsAndTheirExperimentComeInAnyOrder() throws {
        let objects = [try experiment, try trial("tune-0"), try trial("tune-1")]
        let expected = read(objects)
        #expect(expected.count(where: { $0.contains("s3://b/d") && $0.contains("best_trial=") }) == 2, "\(expected)")
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            #expect(read(order.map { objects[$0] }) == expected)
        }
    }

    /// Annotations that a controller copies down count as the owner's, once that is known.
    @Test func aTaskRunBeforeItsPipelineRunIsReadAgain() throws {
        let copied: JSONValue = [
            "metadata.kubeflow.org/inputs": #"[{"name": "d", "uri": "s3://b/d", "type": "data_set"}]"#
        ]
        let run = try object("tekton.dev/v1", "PipelineRun", "run", annotations: copied)
        let tasks = try (0..<3).map { number in
            try object(
                "tekton.dev/v1", "TaskRun", "task-\(number)", owner: ("tekton.dev/v1", "PipelineRun", "run"),
                annotations: copied,
                status: [
                    "startTime": .string("2026-11-02T09:0\(number):00Z"),
                    "completionTime": .string("2026-11-02T09:0\(number):30Z"),
                    "conditions": [["type": "Succeeded", "status": "True"]],
                ])
        }
        #expect(read(tasks + [run]) == read([run] + tasks))
    }

    @Test func whatWaitsIsBounded() throws {
        let capture = Capture(cluster: "c")
        let owner = ("tekton.dev/v1", "PipelineRun", "run")
        for number in 0..<3_000 { _ = capture(try object("tekton.dev/v1", "TaskRun", "task-\(number)", owner: owner)) }
        _ = capture(try object("tekton.dev/v1", "PipelineRun", "run"))
        let due = capture.due()
        #expect(due.count == 1_000 && due.contains { $0.object.name == "task-2999" })
        #expect(capture.due().isEmpty)
    }
}
