import FoundationEssentials
import Lineage
import Testing

@Suite struct MergingTests {
    private func sight(
        _ authority: Execution.Authority, _ state: Execution.State, inputs: [ArtifactUse] = [],
        outputs: [ArtifactUse] = []
    ) -> Execution {
        Execution(
            id: "k8s://c/n/workflows/u/node", type: TypeName.argoStep, name: "train", state: state,
            run: Run(name: "r-u", displayName: "r"), workspace: Workspace(name: "n"), inputs: inputs,
            outputs: outputs, authority: authority,
            origin: .init(kind: authority == .pod ? "Pod" : "Workflow", namespace: "n", name: "x", uid: "u"))
    }

    private func use(_ name: String, _ uri: String?, _ convention: String = "argo-workflows") -> ArtifactUse {
        ArtifactUse(
            name: name, convention: convention,
            artifact: Artifact(
                type: convention == ArtifactUse.annotations ? TypeName.model : TypeName.argoArtifact,
                isTypeDeclared: convention == ArtifactUse.annotations, name: name, uri: uri))
    }

    @Test func anEndIsAnEndWhoeverSawIt() {
        let pod = sight(.pod, .complete)
        let workflow = sight(.workflow, .running)
        #expect(pod.merging(workflow).state == .complete)
        #expect(workflow.merging(pod).state == .complete)
    }

    /// `argo retry` runs a failed step again under the same node id.
    @Test func aStepThatBeganAnewIsRunning() {
        func at(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }
        var failed = sight(.workflow, .failed)
        (failed.start, failed.end) = (at(0), at(10))
        var again = sight(.workflow, .running)
        again.start = at(60)
        let merged = failed.merging(again)
        #expect(merged.state == .running)
        #expect((merged.start, merged.end) == (at(60), nil))
        // Ends before starts, by two clocks: still one attempt.
        var odd = sight(.workflow, .complete)
        (odd.start, odd.end) = (at(100), at(50))
        #expect(odd.merging(odd).state == .complete)
        var before = sight(.workflow, .running)
        before.start = at(100)
        #expect(before.merging(odd).state == .complete)
        #expect(odd.merging(before).state == .complete)
        // A late sight of the first attempt takes nothing back, nor does one by another clock.
        var late = sight(.workflow, .running)
        late.start = at(10)
        #expect(failed.merging(late).state == .failed)
        var pod = sight(.pod, .failed)
        (pod.start, pod.end) = (at(0), at(10))
        #expect(merged.merging(pod).state == .running)
        #expect(merged.merging(pod).end == nil)
        var skewed = sight(.workflow, .running)
        skewed.start = at(11)
        #expect(pod.merging(skewed).state == .failed)
        // What was said of the first end is not said of the second.
        var reasoned = failed
        reasoned.customProperties = ["message": "no memory", "exit_code": "137", "template": "train"]
        reasoned.endSeenIn = ["Workflow", "Pod"]
        let anew = reasoned.merging(again)
        #expect(anew.customProperties == ["template": "train"])
        #expect(anew.endSeenIn.isEmpty)
        var done = again
        (done.state, done.end) = (.complete, at(70))
        // In whatever order they are told.
        for order in [[done, again, failed], [done, failed, again], [failed, done, again], [again, failed, done]] {
            let whole = order.dropFirst().reduce(order[0]) { $0.merging($1) }
            #expect(whole.state == .complete)
            #expect(whole.end == at(70))
        }
        #expect(merged.merging(done).state == .complete)
        #expect(merged.merging(done).end == at(70))
    }

    @Test func theWorkflowDecidesBetweenTwoEnds() {
        let pod = sight(.pod, .canceled)
        let workflow = sight(.workflow, .complete)
        #expect(pod.merging(workflow).state == .complete)
        #expect(workflow.merging(pod).state == .complete)
    }

    @Test func neitherSightLosesAFact() {
        let pod = sight(.pod, .running, inputs: [use("data", "s3://b/d")])
        let workflow = sight(.workflow, .complete, outputs: [use("model", "s3://b/m")])
        for merged in [pod.merging(workflow), workflow.merging(pod)] {
            #expect(merged.inputs.map(\.name) == ["data"])
            #expect(merged.outputs.map(\.name) == ["model"])
            #expect(Set(merged.origins.keys) == ["Pod", "Workflow"])
        }
    }

    @Test func aDeclaredArtifactAndAnInferredOneUnderTheSameURIAreOne() throws {
        let pod = sight(.pod, .complete, outputs: [use("MNIST", "s3://b/m", ArtifactUse.annotations)])
        let workflow = sight(.workflow, .complete, outputs: [use("train-model", "s3://b/m")])
        for merged in [pod.merging(workflow), workflow.merging(pod)] {
            let output = try #require(merged.outputs.first)
            #expect(merged.outputs.count == 1)
            #expect(output.name == "train-model")
            #expect(output.artifact.type == TypeName.model)
            #expect(output.artifact.name == "MNIST")
        }
    }

    @Test func aCompleteURIReplacesOneThatIsOnlyAKey() {
        let pod = sight(.pod, .complete, outputs: [use("model", "s3:///m")])
        let workflow = sight(.workflow, .complete, outputs: [use("model", "s3://b/m")])
        #expect(workflow.merging(pod).outputs.map(\.artifact.uri) == ["s3://b/m"])
        #expect(pod.merging(workflow).outputs.map(\.artifact.uri) == ["s3://b/m"])
    }

    @Test func mergingTheSameAgainChangesNothing() {
        let merged = sight(.pod, .complete, inputs: [use("a", "s3://a")]).merging(sight(.workflow, .complete))
        #expect(merged.merging(merged) == merged)
    }

    /// Many uses are found by an index, few by looking at each: it makes no difference to what comes out.
    @Test func manyUsesMergeAsFewDo() {
        var state: UInt64 = 11
        func below(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        func use() -> ArtifactUse {
            let uris = [nil, "s3://b/k", "s3:///k", "s3://b/l", "s3:///l", "file:///x"]
            var artifact = Artifact(type: ["T", "U"][below(2)], isTypeDeclared: below(2) == 0, uri: uris[below(6)])
            artifact.version = [nil, nil, "1", "2"][below(4)]
            return ArtifactUse(
                name: "n\(below(4))", convention: ["annotations", "argo", "kfp"][below(3)], artifact: artifact)
        }
        for _ in 0..<500 {
            let (lead, rest) = ((0..<below(7)).map { _ in use() }, (0..<below(7)).map { _ in use() })
            // Others that have nothing to do with them make the lists long.
            let others = (0..<20).map {
                ArtifactUse(name: "other", convention: "x", artifact: Artifact(type: "T", uri: "s3://other/\($0)"))
            }
            let few = ArtifactUse.merge(lead, rest)
            let many = ArtifactUse.merge(others + lead, rest)
            #expect(many == others + few)
        }
    }
}
