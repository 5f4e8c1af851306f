import JSON
import Testing

@testable import Webhook

/// Rules before they are stored.
@Suite struct RuleReviewTests {
    private static func review(
        _ spec: JSONValue?, kind: String = "MetadataRule", operation: String = "CREATE", namespace: String = "ml"
    ) throws -> AdmissionReview {
        var rule = JSONObject([
            ("apiVersion", JSONValue.string("metadata.kubeflow.org/v1alpha1")), ("kind", .string(kind)),
            ("metadata", ["name": "train"] as JSONValue),
        ])
        rule["spec"] = spec
        let review = Reviews.review(
            operation == "DELETE" ? nil : .object(rule), operation: operation, namespace: namespace,
            ["kind": ["group": "metadata.kubeflow.org", "version": "v1alpha1", "kind": .string(kind)]])
        return try AdmissionReview(parsing: review.jsonBytes())
    }

    private static let good: JSONValue = [
        "selector": ["labels": ["app": "train"]], "outputs": [["type": "model", "uri": "s3://m"]],
    ]

    @Test(arguments: ["CREATE", "UPDATE"]) func aGoodRuleMayBeStored(_ operation: String) throws {
        #expect(try RuleReview.answer(Self.review(Self.good, operation: operation)) == AdmissionResponse())
        #expect(
            try RuleReview.answer(Self.review(Self.good, kind: "ClusterMetadataRule", namespace: ""))
                == AdmissionResponse())
    }

    @Test(arguments: ["CREATE", "UPDATE"]) func allMistakesAreNamedByField(_ operation: String) throws {
        let spec: JSONValue = [
            "selector": ["kinds": ["Podd"], "namespaces": ["x"], "labels": [], "color": "red"], "inputs": "s3://a",
            "output": [], "record": "yes",
        ]
        let response = try RuleReview.answer(Self.review(spec, operation: operation))
        let status = response.json(uid: "u")["response"]
        #expect(status?["allowed"] == false)
        #expect(status?["status"]?["code"] == 422)
        #expect(status?["status"]?["reason"] == "Invalid")
        let message = try #require(status?["status"]?["message"]?.string)
        #expect(message.hasPrefix("MetadataRule ml/train is invalid: "))
        let fields = (status?["status"]?["details"]?["causes"]?.array ?? []).compactMap { $0["field"]?.string }
        #expect(
            Set(fields) == [
                "spec.selector.kinds", "spec.selector.namespaces", "spec.selector.labels", "spec.selector.color",
                "spec.inputs", "spec.output", "spec.record",
            ])
        for field in fields { #expect(message.contains("\(field): ")) }
    }

    @Test func aRuleForEverythingIsRefused() throws {
        let response = try RuleReview.answer(Self.review(["inputs": []], kind: "ClusterMetadataRule", namespace: ""))
        #expect(response.denial?.causes.first?.field == "spec.selector")
        #expect(try RuleReview.answer(Self.review(nil)).denial?.causes.first?.field == "spec")
    }

    @Test func aThousandMistakesAreCut() throws {
        let spec = JSONValue.object(JSONObject((0..<1000).map { ("x\($0)", .null) }))
        let status = try RuleReview.answer(Self.review(spec)).json(uid: "u")["response"]?["status"]
        #expect(status?["details"]?["causes"]?.array?.count == 21)
        #expect(status?["message"]?.string?.contains("and 980 more problems") == true)
    }

    @Test func othersAreAllowed() throws {
        #expect(try RuleReview.answer(Self.review(nil, operation: "DELETE")) == AdmissionResponse())
        #expect(try RuleReview.answer(Self.review(nil, kind: "Other")) == AdmissionResponse())
        let pod = try AdmissionReview(parsing: Reviews.review(Reviews.job).jsonBytes())
        #expect(try RuleReview.answer(pod) == AdmissionResponse())
    }

    @Test func aRuleThatIsNoObjectIsMalformed() throws {
        for object in [JSONValue.null, "x", [:], ["metadata": 1]] as [JSONValue] {
            var review = try Self.review(Self.good)
            review.object = object.isNull ? nil : object
            #expect(throws: AdmissionReview.Malformed.self) { try RuleReview.answer(review) }
        }
    }
}
