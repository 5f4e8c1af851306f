import Capture
import JSON
import Kubernetes

/// Whether a MetadataRule or ClusterMetadataRule may be stored: not one that would be ignored later for a mistake.
enum RuleReview {
    /// - Returns: allowed for whatever is no rule, or is being deleted.
    /// - Throws: ``AdmissionReview/Malformed`` where the rule is no object at all.
    static func answer(_ review: AdmissionReview) throws(AdmissionReview.Malformed) -> AdmissionResponse {
        let resource = Resource(
            group: review.group, version: review.version, plural: "", kind: review.objectKind)
        guard RuleIndex.isRule(apiVersion: resource.apiVersion, kind: resource.kind), review.subresource.isEmpty,
            review.operation == "CREATE" || review.operation == "UPDATE"
        else { return AdmissionResponse() }
        guard let value = review.placedObject else {
            throw AdmissionReview.Malformed(description: "request.object: is missing")
        }
        var rule: KubernetesObject
        do throws(KubernetesObject.Malformed) {
            rule = try KubernetesObject(value, resource: resource)
        } catch {
            throw AdmissionReview.Malformed(description: "request.object: \(error.description)")
        }
        if rule.name.isEmpty { rule.name = value["metadata"]?["generateName"]?.string ?? "" }
        let problems = RuleIndex.problems(ofRule: rule)
        guard !problems.isEmpty else { return AdmissionResponse() }
        return AdmissionResponse(
            denial: .init(
                object: rule.reference, causes: problems.map { .init(field: $0.field, reason: $0.reason) }))
    }
}
