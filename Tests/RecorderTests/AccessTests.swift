import Capture
import ClusterReplay
import FoundationEssentials
import JSON
import Kubernetes
import MetadataStore
@testable import Recorder
import Testing
import YAML

/// The rights that manifests give are those that are needed, and no others.
@Suite struct AccessTests {
    private static let root = String(#filePath.dropLast("Tests/RecorderTests/AccessTests.swift".count))

    /// A right by itself: one verb on one resource.
    private static func rights(_ rules: [JSONValue]) -> Set<String> {
        var rights: Set<String> = []
        for rule in rules {
            let names = (rule["resourceNames"]?.array ?? []).compactMap(\.string).sorted().joined(separator: ",")
            for group in rule["apiGroups"]?.array ?? [] {
                for resource in rule["resources"]?.array ?? [] {
                    for verb in rule["verbs"]?.array ?? [] {
                        rights.insert(
                            "\(verb.string ?? "") \(resource.string ?? "").\(group.string ?? "") \(names)")
                    }
                }
            }
        }
        return rights
    }

    private static func documents(_ path: String) throws -> [JSONValue] {
        let bytes = try #require(FileManager.default.contents(atPath: root + path))
        // Documents are separated by lines; none of these has such a line in a text.
        return try String(decoding: bytes, as: UTF8.self).split(separator: "\n---\n").map { try YAML.parse(String($0)) }
    }

    private static func rules(_ objects: [JSONValue], _ kind: String) -> [JSONValue] {
        objects.filter { $0["kind"]?.string == kind }.flatMap { $0["rules"]?.array ?? [] }
    }

    @Test func theManifestsGiveWhatIsNeeded() throws {
        let account = (name: "metadata-recorder", namespace: "kubeflow")
        let needed = AccessRules().objects(namespaces: [], account: account)
        let given = try Self.documents("manifests/metadata/base/rights/recorder.yaml")
        #expect(Self.rights(Self.rules(given, "ClusterRole")) == Self.rights(Self.rules(needed, "ClusterRole")))
        // Replicas are an option of the same Deployment.
        var uses = AccessRules.Uses()
        uses.elects = true
        let own = try Self.documents("manifests/metadata/base/recorder/account.yaml")
        let elected = AccessRules(uses: uses).objects(namespaces: [], account: account)
        #expect(Self.rights(Self.rules(own, "Role")) == Self.rights(Self.rules(elected, "Role")))
    }

    @Test func rightsAreForWhatIsAsked() throws {
        let account = (name: "r", namespace: "n")
        func rights(_ rules: AccessRules, _ namespaces: [String] = ["team-a"]) -> Set<String> {
            Self.rights(Self.rules(rules.objects(namespaces: namespaces, account: account), "Role"))
        }
        let few = rights(AccessRules(kinds: ["TaskRun"]))
        #expect(
            few == [
                "list pods. ", "watch pods. ", "list taskruns.tekton.dev ", "watch taskruns.tekton.dev ",
                "create events. ",
            ])
        var uses = AccessRules.Uses()
        uses.writesBack = true
        #expect(rights(AccessRules(kinds: ["TaskRun"], uses: uses)).subtracting(few) == ["patch pods. "])
        (uses.writesBack, uses.holdsPods) = (false, true)
        #expect(
            rights(AccessRules(kinds: ["TaskRun"], uses: uses)).subtracting(few) == ["patch pods. ", "get pods. "])
        let objects = AccessRules().objects(namespaces: ["team-a", "team-b"], account: account)
        #expect(objects.count == 4 && objects.allSatisfy { $0["kind"]?.string?.hasPrefix("Role") == true })
        #expect(objects[1]["subjects"]?.array?.first?["namespace"]?.string == "n")
    }

    /// What a recorder asks for, against what its rules allow: nothing that is not allowed, and nothing allowed for naught.
    @Test func allThatIsAskedForIsAllowedAndUsed() async throws {
        let resources =
            (Capture.kinds + [Capture.pods]).compactMap(\.versions.first)
            + [.namespaces, .events, .configMaps, .customResourceDefinitions]
        let cluster = ReplayCluster(resources: Array(Set(resources)))
        let tests = RecorderTests()
        await cluster.apply("ADDED", tests.pod("a", "Succeeded", inputs: "[{"))
        let metrics = RecorderMetrics()
        try await withStore { store in
            try await tests.recording(cluster, try Journal(path: ":memory:"), store, metrics: metrics) {
                try await expectEventually { metrics.isReady }
                try await expectEventually { await cluster.all(.events).count == 1 }
            }
        }
        let rules = AccessRules()
        var allowed: Set<String> = []
        for rule in rules.cluster + rules.namespaced {
            for resource in rule.resources { for verb in rule.verbs { allowed.insert("\(verb) \(resource)") } }
        }
        let asked = Set(await cluster.requests.keys).filter { !$0.hasPrefix("discovery") && !$0.hasPrefix("bookmark") }
        #expect(asked.isSubset(of: allowed), "\(asked.subtracting(allowed))")
        // The command asks for the cluster's name and for artifact repositories before it records; the Argo server asks
        // for what it is asked.
        let elsewhere: Set<String> = [
            "get namespaces", "list configmaps", "get workflows", "get workflowtaskresults",
        ]
        #expect(allowed.subtracting(asked).subtracting(elsewhere).isEmpty, "\(allowed.subtracting(asked))")
    }
}
