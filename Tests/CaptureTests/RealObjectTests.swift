import Capture
import FoundationEssentials
import JSON
import Kubernetes
import Lineage
import Testing

/// Real workflows, where they are at hand.
@Suite struct RealObjectTests {
    static let folder =
        String(#filePath.dropLast("Tests/CaptureTests/RealObjectTests.swift".count)) + "../shared/testdata"
    static var isAtHand: Bool { FileManager.default.fileExists(atPath: folder) }

    private func executions(_ name: String) throws -> [Execution] {
        let bytes = try #require(FileContent.read("\(Self.folder)/\(name)"))
        let capture = Capture(cluster: "c")
        let result = capture(try KubernetesObject(JSONValue(parsing: bytes)))
        #expect(result.problems.isEmpty)
        #expect(result.executions.flatMap(\.problems).isEmpty)
        return result.executions
    }

    @Test(.enabled(if: isAtHand, "real objects are not at hand: ../shared/testdata"))
    func consumersReadWhatProducersWrote() throws {
        let steps = try executions("argo-marksWFSucceeded.json")
        #expect(steps.count == 6)
        for kind in ["default", "tar", "none"] {
            let written = steps.first { $0.name == "generate-\(kind)" }?.outputs.first { $0.name == "file-\(kind)" }
            let read = steps.first { $0.name == "consume-\(kind)" }?.inputs.first
            #expect(written?.artifact.uri != nil)
            #expect(written?.artifact.uri == read?.artifact.uri)
            #expect(written?.artifact.uri?.hasPrefix("s3://my-bucket/archive-strategies-4br4g/") == true)
        }
    }

    @Test(.enabled(if: isAtHand, "real objects are not at hand: ../shared/testdata"))
    func groupsOfStepsAreNotSteps() throws {
        let steps = try executions("argo-nestedDAG.json")
        #expect(steps.count == 16)
        #expect(steps.allSatisfy { $0.state == .complete && $0.parameters.count == 1 && $0.outputs.count == 1 })
    }

    @Test(.enabled(if: isAtHand, "real objects are not at hand: ../shared/testdata"))
    func keysAreCompletedFromTheBestPlace() throws {
        let uris = try executions("argo-artgcWorkflow.json").flatMap { $0.outputs.compactMap(\.artifact.uri) }
        #expect(
            Set(uris.filter { !$0.hasSuffix(".log") }) == [
                "s3://my-bucket-2/first-on-completion-1", "s3://my-bucket-3/first-on-completion-2",
                "s3://my-bucket-3/on-deletion", "s3://my-bucket-3/second-on-completion",
            ])
    }

    @Test(.enabled(if: isAtHand, "real objects are not at hand: ../shared/testdata"))
    func runsOfKubeflowPipelines() throws {
        let retry = try executions("kfp-v1-retry.json")
        #expect(Set(retry.map(\.name)) == ["print-msg", "print-msg-2", "random-failure(0)"])
        #expect(retry.allSatisfy { $0.run.type == TypeName.kfpRun && $0.run.name == "retry-random-failures-p9snt" })
        let coin = try executions("kfp-v1-coinflip.json")
        #expect(coin.filter { $0.state == .canceled }.count == 2)
        #expect(coin.flatMap(\.outputs).compactMap(\.artifact.uri) == ["s3://somebucket/model2"])
    }

    /// The recorded TaskRuns come without kind and name.
    private func taskRun(_ name: String) throws -> Execution {
        let bytes = try #require(FileContent.read("\(Self.folder)/\(name)"))
        var object = try JSONValue(parsing: bytes).object ?? JSONObject()
        object["apiVersion"] = "tekton.dev/v1"
        object["kind"] = "TaskRun"
        if object["metadata"] == nil { object["metadata"] = ["name": "t", "namespace": "n", "uid": "u"] }
        let result = Capture(cluster: "c")(try KubernetesObject(.object(object)))
        #expect(result.executions.count == 1)
        return try #require(result.executions.first)
    }

    @Test(.enabled(if: isAtHand, "real objects are not at hand: ../shared/testdata"))
    func hintsOfTaskRuns() throws {
        let one = try taskRun("tekton-taskrun1.json")
        #expect(one.state == .complete)
        #expect(one.inputs.count == 1)
        #expect(one.outputs.count == 3)
        let many = try taskRun("tekton-taskrun-multiple-subjects.json")
        #expect(many.outputs.count == 4)
        #expect(many.outputs.allSatisfy { $0.artifact.digest?.hasPrefix("sha256:") == true })
    }
}
