import JSON

/// A question of the API server: the `request` of an AdmissionReview (`admission.k8s.io/v1`).
struct AdmissionReview: Sendable, Hashable {
    /// Why a body is no review.
    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    static let apiVersion = "admission.k8s.io/v1"
    static let kind = "AdmissionReview"
    /// A value of two bytes takes dozens in memory; the largest pods have some thousands.
    private static let maximumValues = 100_000

    /// What the answer must repeat.
    var uid: String
    /// Of the object, as the webhook asked for it.
    var group: String
    var version: String
    var objectKind: String
    /// Empty for the object itself: `status`, `ephemeralcontainers`.
    var subresource: String
    /// CREATE, UPDATE, DELETE or CONNECT.
    var operation: String
    /// Empty for kinds of the cluster.
    var namespace: String
    /// `nil` in a DELETE, whose object is the old one.
    var object: JSONValue?
    /// Whether nothing will be stored. Reviews here have no side effects, so that the answer is the same.
    var isDryRun: Bool

    /// - Throws: ``Malformed`` that names the field.
    init(parsing body: some Sequence<UInt8>) throws(Malformed) {
        let review: JSONValue
        do throws(JSONError) {
            review = try JSONValue(parsing: body, maximumValues: Self.maximumValues)
        } catch {
            throw Malformed(description: "the body is no JSON: \(error)")
        }
        guard review["kind"]?.string == Self.kind, review["apiVersion"]?.string == Self.apiVersion else {
            throw Malformed(description: "kind, apiVersion: should be \(Self.kind) of \(Self.apiVersion)")
        }
        guard let request = review["request"], request.object != nil else {
            throw Malformed(description: "request: should be an object")
        }
        func text(_ path: String, _ value: JSONValue?) throws(Malformed) -> String {
            guard let text = value?.string, !text.isEmpty else {
                throw Malformed(description: "request.\(path): should be text")
            }
            return text
        }
        uid = try text("uid", request["uid"])
        operation = try text("operation", request["operation"])
        objectKind = try text("kind.kind", request["kind"]?["kind"])
        version = try text("kind.version", request["kind"]?["version"])
        // The core group has no name.
        group = request["kind"]?["group"]?.string ?? ""
        subresource = request["subResource"]?.string ?? ""
        namespace = request["namespace"]?.string ?? ""
        isDryRun = request["dryRun"]?.bool ?? false
        object = request["object"].flatMap { $0.isNull ? Optional.none : $0 }
    }

    /// The object with the namespace that the request has: one that is being created may lack it.
    var placedObject: JSONValue? {
        guard var members = object?.object, var metadata = members["metadata"]?.object else { return object }
        guard !namespace.isEmpty, metadata["namespace"]?.string?.isEmpty != false else { return object }
        metadata["namespace"] = .string(namespace)
        members["metadata"] = .object(metadata)
        return .object(members)
    }
}
