import JSON
import Testing

@testable import Webhook

/// What is not as it should be: it is told, and stands in no pod's way.
@Suite struct HostileReviewTests {
    static let values: [JSONValue] = [
        nil, true, -1, 1.5, "text", [], [nil], ["x"], [1], [[]], [["name": 1]], [:], ["x": nil], ["name": ["a"]],
    ]
    static let paths = [
        [], ["metadata"], ["metadata", "labels"], ["metadata", "annotations"], ["metadata", "namespace"],
        ["metadata", "ownerReferences"], ["metadata", "annotations", "metadata.kubeflow.org/digest-paths"],
        ["metadata", "annotations", "metadata.kubeflow.org/report-path"], ["spec"], ["spec", "containers"],
        ["spec", "initContainers"], ["spec", "volumes"], ["spec", "os"], ["spec", "os", "name"],
        ["spec", "hostNetwork"], ["spec", "nodeSelector"], ["spec", "resources"],
    ]

    private static func setting(_ path: ArraySlice<String>, to new: JSONValue, in value: JSONValue) -> JSONValue {
        guard let key = path.first else { return new }
        var object = value.object ?? JSONObject()
        object[key] = setting(path.dropFirst(), to: new, in: object[key] ?? [:])
        return .object(object)
    }

    private static func check(_ pod: JSONValue) throws {
        let review = Reviews.review(nil)
        var members = try #require(review.object)
        members["request"] = setting(["object"], to: pod, in: try #require(review["request"]))
        let outcome = try MutationTests.answer(.object(members))
        #expect(outcome.response.denial == nil)
        // What is patched can be patched, and only where the pod is one.
        let patched = try PatchApplier.apply(outcome.response.patch.operations, to: pod)
        if PodShape(pod) == nil { #expect(patched == pod) } else { #expect(outcome.skip != .malformed) }
    }

    @Test(arguments: paths) func wrongKindsAreLeftAlone(_ path: [String]) throws {
        for pod in [Reviews.job, Reviews.bare] {
            for value in Self.values { try Self.check(Self.setting(path[...], to: value, in: pod)) }
        }
    }

    @Test(arguments: ["name", "volumeMounts", "resources", "env"]) func wrongKindsInContainers(_ key: String) throws {
        for value in Self.values {
            for list in ["containers", "initContainers"] {
                try Self.check(
                    Self.setting(
                        ["spec", list], to: [["name": "a", "image": "b"], .object(JSONObject([(key, value)]))],
                        in: Reviews.job))
            }
        }
    }

    @Test(arguments: ["name", "mountPath", "subPath", "subPathExpr"]) func wrongKindsInMounts(_ key: String) throws {
        for value in Self.values {
            let mount = Self.setting([key], to: value, in: ["name": "work", "mountPath": "/work"])
            try Self.check(
                Self.setting(
                    ["spec", "containers"], to: [["name": "a", "volumeMounts": [mount]]], in: Reviews.job))
        }
    }

    @Test func aPodWithoutContainersIsNone() throws {
        #expect(
            try MutationTests.answer(Reviews.review(Reviews.bare.merging(patch: ["spec": ["containers": []]]))).skip
                == .malformed)
        #expect(
            try MutationTests.answer(Reviews.review(Reviews.bare.merging(patch: ["spec": ["containers": "x"]]))).skip
                == .malformed)
        #expect(try MutationTests.answer(Reviews.review("no pod")).skip == .malformed)
    }

    // MARK: No reviews

    @Test(arguments: [
        "", "{", "null", "[]", "{}", #"{"kind":"AdmissionReview"}"#,
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}"#,
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#,
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":[]}"#,
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":""}}"#,
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","operation":"CREATE"}}"#,
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","operation":"CREATE","kind":"Pod"}}"#,
    ]) func whatIsNoReviewIsToldInALine(_ text: String) {
        let error = #expect(throws: AdmissionReview.Malformed.self) { try AdmissionReview(parsing: text.utf8) }
        #expect(error?.description.isEmpty == false)
        #expect(error?.description.contains("\n") == false)
    }

    @Test func depthAndNumberOfValuesHaveABudget() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(throws: AdmissionReview.Malformed.self) { try AdmissionReview(parsing: deep.utf8) }
        let many = "[" + String(repeating: "0,", count: 200_000) + "0]"
        #expect(throws: AdmissionReview.Malformed.self) { try AdmissionReview(parsing: many.utf8) }
    }

    @Test func warningsHaveABudget() {
        let response = AdmissionResponse(warnings: Array(repeating: String(repeating: "é", count: 500), count: 100))
        let warnings = response.json(uid: "u")["response"]?["warnings"]?.array ?? []
        #expect(warnings.count == 10)
        #expect(warnings.allSatisfy { ($0.string?.utf8.count ?? 0) <= 256 })
    }
}
