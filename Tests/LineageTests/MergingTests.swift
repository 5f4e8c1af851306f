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

    private func together(_ sights: [Execution]) -> Execution { record(sights).current }

    private func record(_ sights: [Execution]) -> Record {
        var record = Record(sights[0])
        for sight in sights.dropFirst() { record.add(sight) }
        return record
    }

    /// Every order of some sights.
    private func orders<Element>(_ elements: [Element]) -> [[Element]] {
        guard elements.count > 1 else { return [elements] }
        return elements.indices.flatMap { index in
            var rest = elements
            let first = rest.remove(at: index)
            return orders(rest).map { [first] + $0 }
        }
    }

    private func at(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

    @Test func anEndIsAnEndWhoeverSawIt() {
        for order in orders([sight(.pod, .complete), sight(.workflow, .running)]) {
            #expect(together(order).state == .complete)
        }
    }

    /// `argo retry` runs a failed step again under the same node id: each attempt is an execution.
    @Test func anAttemptThatWasRepeatedStaysWhatItWas() throws {
        func workflow(_ state: Execution.State, _ start: Double, _ end: Double?) -> Execution {
            var result = sight(.workflow, state)
            (result.start, result.end) = (at(start), end.map(at))
            return result
        }
        func pod(_ uid: String, _ state: Execution.State, _ start: Double, _ end: Double?) -> Execution {
            var result = sight(.pod, state)
            result.origins = ["Pod": .init(kind: "Pod", namespace: "n", name: "x", uid: uid)]
            (result.start, result.end) = (at(start), end.map(at))
            return result
        }
        var failed = workflow(.failed, 0, 10)
        failed.customProperties = ["message": "no memory", "exit_code": "137", "template": "train"]
        let sights = [
            failed, pod("p1", .failed, 1, 9), workflow(.running, 60, nil), pod("p2", .complete, 61, 69),
            workflow(.complete, 60, 70),
        ]
        let all = orders(sights).map { record($0).executions() }
        for executions in all { #expect(executions == all[0]) }
        #expect(all[0].map(\.state) == [.failed, .complete])
        #expect(all[0].map(\.id) == ["k8s://c/n/workflows/u/node/attempts/1", "k8s://c/n/workflows/u/node"])
        #expect(all[0].map(\.start) == [at(0), at(60)])
        #expect(all[0].map(\.end) == [at(10), at(70)])
        #expect(all[0][0].customProperties["message"] == "no memory")
        #expect(all[0][1].customProperties["message"] == nil)
        // As long as it runs.
        for order in orders([failed, pod("p1", .failed, 1, 9), workflow(.running, 60, nil)]) {
            #expect(record(order).executions().map(\.state) == [.failed, .running])
        }
        // Only its pods are left.
        for order in orders([pod("p1", .failed, 1, 9), pod("p2", .running, 61, nil)]) {
            #expect(record(order).executions().map(\.state) == [.failed, .running])
        }
        // Of two clocks one may be behind: still one attempt.
        for order in orders([pod("p1", .failed, 0, 10), workflow(.running, 11, nil)]) {
            #expect(record(order).executions().map(\.state) == [.failed])
        }
        var odd = workflow(.complete, 100, 50)
        odd.end = at(50)
        #expect(record([odd, workflow(.running, 100, nil)]).executions().map(\.state) == [.complete])
    }

    @Test func anOlderSightTakesNothingBack() {
        var running = sight(.pod, .running)
        running.age = Age(time: 5000, version: 7)
        var pending = sight(.pod, .new)
        pending.age = Age(time: 5000, version: 6)
        for order in orders([running, pending]) { #expect(together(order).state == .running) }
        // A server that was restored counts versions anew, but the time goes on.
        pending.age = Age(time: 9000, version: 1)
        for order in orders([running, pending]) { #expect(together(order).state == .new) }
    }

    @Test func anObjectThatIsGoneWasCanceledUntilItIsSeenAgain() {
        let pod = sight(.pod, .running)
        var record = Record(pod)
        let origins = Set(pod.origins.values)
        let (first, second) = (record.note(gone: origins), record.note(gone: origins))
        #expect(first && !second)
        #expect(record.current.state == .canceled)
        #expect(record.current.conclusion?.reason == "its object is gone: nobody saw how the step ended")
        // Whoever saw the end.
        var done = sight(.workflow, .complete)
        done.end = at(9)
        record.add(done)
        #expect(record.current.state == .complete)
        #expect(record.current.conclusion == nil)
        var again = Record(pod)
        _ = again.note(gone: origins)
        again.add(pod, isLive: true)
        #expect(again.current.state == .running)
    }

    @Test func theWorkflowDecidesBetweenTwoEnds() {
        for order in orders([sight(.pod, .canceled), sight(.workflow, .complete)]) {
            #expect(together(order).state == .complete)
        }
    }

    @Test func neitherSightLosesAFact() {
        let pod = sight(.pod, .running, inputs: [use("data", "s3://b/d")])
        let workflow = sight(.workflow, .complete, outputs: [use("model", "s3://b/m")])
        for merged in orders([pod, workflow]).map(together) {
            #expect(merged.inputs.map(\.name) == ["data"])
            #expect(merged.outputs.map(\.name) == ["model"])
            #expect(Set(merged.origins.keys) == ["Pod", "Workflow"])
        }
    }

    @Test func aDeclaredArtifactAndAnInferredOneUnderTheSameURIAreOne() throws {
        let pod = sight(.pod, .complete, outputs: [use("MNIST", "s3a://b/m/", ArtifactUse.annotations)])
        let workflow = sight(.workflow, .complete, outputs: [use("train-model", "s3://b/m")])
        for merged in orders([pod, workflow]).map(together) {
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
        for order in orders([pod, workflow]) { #expect(together(order).outputs.map(\.artifact.uri) == ["s3://b/m"]) }
    }

    @Test func addingTheSameAgainChangesNothing() {
        let sights = [sight(.pod, .complete, inputs: [use("a", "s3://a")]), sight(.workflow, .complete)]
        #expect(record(sights + sights) == record(sights))
        var twice = record(sights)
        twice.add(record(sights))
        #expect(twice == record(sights))
    }

    @Test func whatServesStopsAndGoesOn() {
        func service(_ state: Execution.State, _ version: UInt64, start: Double? = nil, end: Double? = nil) -> Execution
        {
            var result = sight(.workflow, state)
            result.role = .service
            (result.start, result.end) = (start.map(at), end.map(at))
            result.age = Age(time: 100_000, version: version)
            return result
        }
        func state(_ sights: [Execution]) -> [Execution.State] {
            Set(orders(sights).map { together($0).state }).sorted { $0.rawValue < $1.rawValue }
        }
        // Not ready for a moment; stopped; going on; deleted after it ran, after it failed, before it ran.
        #expect(state([service(.running, 1, start: 5), service(.new, 2)]) == [.running])
        #expect(state([service(.running, 1, start: 5), service(.complete, 2, end: 9)]) == [.complete])
        #expect(
            state([service(.running, 1, start: 5), service(.complete, 2, end: 9), service(.running, 3, start: 20)]) == [
                .running
            ])
        #expect(state([service(.running, 1, start: 5), service(.canceled, 2, end: 9)]) == [.complete])
        #expect(state([service(.failed, 1, start: 5), service(.canceled, 2, end: 9)]) == [.failed])
        #expect(state([service(.new, 1), service(.canceled, 2, end: 9)]) == [.canceled])
        #expect(state([service(.new, 1), service(.complete, 2, end: 9)]) == [.complete])
        // Another revision took its place.
        var record = Record(service(.running, 1, start: 5))
        record.supersede(at: Age(time: 100_000, version: 2), time: at(50))
        #expect(record.current.state == .complete)
        #expect(record.current.end == at(50))
        record.add(service(.running, 3, start: 5))
        #expect(record.current.state == .running)
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
