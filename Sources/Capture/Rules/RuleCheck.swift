public import Kubernetes
public import Lineage

extension RuleIndex {
    /// Whether a kind is that of rules.
    public static func isRule(apiVersion: String, kind: String) -> Bool {
        apiVersion.hasPrefix(MetadataRule.apiGroup + "/")
            && (kind == MetadataRule.kind || kind == MetadataRule.clusterKind)
    }

    /// What is wrong with a rule, by field, before anybody keeps it: for whoever is asked whether it may be stored.
    /// - Returns: nothing where the object is a rule that would hold.
    public static func problems(ofRule object: KubernetesObject) -> [Problem] { RuleIndex().add(object) }
}
