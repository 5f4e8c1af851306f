import JSON
import Lineage

/// The answer to an ``AdmissionReview``.
struct AdmissionResponse: Sendable, Hashable {
    /// Why an object may not be stored.
    struct Denial: Sendable, Hashable {
        /// The field, and what is wrong there.
        struct Cause: Sendable, Hashable {
            var field: String
            var reason: String
        }

        /// `MetadataRule ml/train`.
        var object: String
        var causes: [Cause]
    }

    var patch = JSONPatch()
    /// What the user is shown, a line each.
    var warnings: [String] = []
    /// `nil` allows.
    var denial: Denial?

    /// The API server cuts a warning that is longer, in bytes, and drops those beyond 4096 bytes together
    /// (`k8s.io/apiserver/pkg/endpoints/filters/warning.go`).
    private static let warningLength = 256
    private static let maximumWarnings = 10

    /// The whole review that is the answer.
    func json(uid: String) -> JSONValue {
        var response = JSONObject([("uid", .string(uid)), ("allowed", .bool(denial == nil))])
        if denial == nil, !patch.isEmpty {
            response["patchType"] = "JSONPatch"
            response["patch"] = .string(patch.base64)
        }
        if !warnings.isEmpty {
            response["warnings"] = .array(
                warnings.prefix(Self.maximumWarnings).map { .string($0.cut(to: Self.warningLength - 3)) })
        }
        response["status"] = denial?.status
        return [
            "apiVersion": .string(AdmissionReview.apiVersion), "kind": .string(AdmissionReview.kind),
            "response": .object(response),
        ]
    }
}

extension AdmissionResponse.Denial {
    /// As the API server says it of what it finds wrong itself: a Status of reason Invalid, with a cause a field.
    fileprivate var status: JSONValue {
        var shown = causes.prefix(Budget.problems).map {
            (field: $0.field.cut(to: Budget.problemLength), reason: $0.reason.cut(to: Budget.problemLength))
        }
        if causes.count > shown.count { shown.append(("", "and \(causes.count - shown.count) more problems")) }
        let lines = shown.map { $0.field.isEmpty ? $0.reason : "\($0.field): \($0.reason)" }
        return [
            "code": 422, "reason": "Invalid",
            "message": .string("\(object) is invalid: \(lines.joined(separator: "; "))"),
            // Without these kubectl shows "The request is invalid".
            "details": [
                "group": "metadata.kubeflow.org", "kind": .string(String(object.prefix { $0 != " " })),
                "name": .string(String(object.split(separator: "/").last ?? "")),
                "causes": .array(
                    shown.map {
                        ["reason": "FieldValueInvalid", "message": .string($0.reason), "field": .string($0.field)]
                    }),
            ],
        ]
    }
}
