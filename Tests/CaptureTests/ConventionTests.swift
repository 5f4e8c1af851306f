import Capture
import JSON
import Kubernetes
import Lineage
import Testing

@Suite struct ConventionTests {
    private let capture = Capture(cluster: "c")

    private func object(_ fixture: String) throws -> KubernetesObject {
        let bytes = try #require(FileContent.read("\(FixtureTests.folder)/\(fixture).json"))
        return try KubernetesObject(JSONValue(parsing: bytes))
    }

    @Test func aPodAndItsNodeAreTheSameExecution() throws {
        let pod = try #require(capture(try object("kfp-v1/pod")).executions.first)
        let node = try #require(capture(try object("kfp-v1/workflow")).executions.first)
        #expect(pod.id == node.id)
        #expect(pod.type == node.type)
        #expect(pod.run.name == node.run.name)
        let merged = try #require(together([pod, node]))
        #expect(merged.inputs.count == 1)
        #expect(merged.outputs.count == 3)
        #expect(merged.run.displayName == "My run")
    }

    @Test func aConfigMapCompletesKeysThatNothingElseDoes() throws {
        let map = try KubernetesObject([
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": [
                "name": "artifact-repositories", "namespace": "argo",
                "annotations": ["workflows.argoproj.io/default-artifact-repository": "main"],
            ],
            "data": ["main": "s3: {bucket: from-map, endpoint: minio:9000}", "broken": "s3: ["],
        ])
        let repositories = ArtifactRepositories()
        let problems = repositories.add(map)
        #expect(problems.map(\.field) == ["data.broken"])
        let capture = Capture(cluster: "c", artifactRepositories: repositories)
        let execution = try #require(capture(try object("argo/key-only-unresolved")).executions.first)
        #expect(execution.outputs.map(\.artifact.uri) == ["s3://from-map/nowhere/data.tgz"])
        #expect(execution.problems.isEmpty)
    }

    @Test func aPodThatIsDeletedBeforeItsEndIsCanceled() throws {
        let running = try object("annotations/job-running")
        #expect(capture(running).executions.map(\.state) == [.running])
        #expect(capture(running, isDeleted: true).executions.map(\.state) == [.canceled])
    }

    @Test func anEndedContainerIsAnEndThoughThePodWasNotSeenToEnd() throws {
        var value = try object("annotations/job").raw.object ?? JSONObject()
        var status = value["status"]?.object ?? JSONObject()
        status["phase"] = "Running"
        value["status"] = .object(status)
        let pod = try KubernetesObject(.object(value))
        #expect(capture(pod).executions.map(\.state) == [.complete])
    }

    @Test func nothingOfAnEmptyObjectStopsCapture() throws {
        for kind in ["Pod", "Workflow"] {
            let empty = try KubernetesObject([
                "kind": .string(kind), "apiVersion": kind == "Pod" ? "v1" : "argoproj.io/v1alpha1",
                "metadata": [
                    "labels": ["workflows.argoproj.io/workflow": "w"],
                    "annotations": ["metadata.kubeflow.org/inputs": "3"],
                ],
            ])
            _ = capture(empty)
        }
    }

    @Test func anExperimentMarksItsBestTrial() throws {
        func object(_ kind: String, _ name: String, _ status: JSONValue) throws -> KubernetesObject {
            let owner: JSONValue = [
                [
                    "apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment", "name": "e", "uid": "uid-e",
                    "controller": true,
                ]
            ]
            return try KubernetesObject([
                "apiVersion": "kubeflow.org/v1beta1", "kind": .string(kind),
                "metadata": [
                    "name": .string(name), "namespace": "ml", "uid": .string("uid-\(name)"),
                    "ownerReferences": kind == "Trial" ? owner : [],
                ],
                "status": status,
            ])
        }
        let capture = Capture(cluster: "c")
        let done: JSONValue = ["conditions": [["type": "Succeeded", "status": "True"]]]
        let trials = try ["t1", "t2"].flatMap { capture(try object("Trial", $0, done)).executions }
        let optimal: JSONValue = [
            "conditions": [["type": "Succeeded", "status": "True"]], "currentOptimalTrial": ["bestTrialName": "t2"],
        ]
        let marks = capture(try object("Experiment", "e", optimal)).executions
        let merged = zip(trials, marks).compactMap { together([$0, $1]) }
        #expect(merged.map { $0.customProperties["best_trial"] } == [.bool(false), .bool(true)])
        #expect(merged.map(\.state) == [.complete, .complete])
        #expect(zip(trials, merged).allSatisfy { $0.id == $1.id && $0.run == $1.run })
    }

    @Test func logsAreLeftOutWhereThatIsWanted() throws {
        var capture = Capture(cluster: "c")
        let workflow = try object("argo/hooks")
        let all = capture(workflow).executions.flatMap(\.outputs)
        capture.includesLogs = false
        let some = capture(workflow).executions.flatMap(\.outputs)
        #expect(some == all.filter { $0.artifact.type != TypeName.argoLog })
        #expect(some.count < all.count)
    }
}
