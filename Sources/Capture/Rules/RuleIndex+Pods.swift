public import Kubernetes

extension RuleIndex {
    /// The annotations that the rule for a pod gives and the pod lacks, by their whole keys.
    ///
    /// Of the pod's owners only the one that it names itself is known: where a rule for a farther one might outweigh,
    /// nothing is given, for on the pod it would outweigh that rule. The workspace is left out: on the pod itself it would
    /// not say that it is a rule's, which alone may name another namespace.
    public func annotations(missingOn pod: KubernetesObject) -> [String: String] {
        guard let rule = certainRule(for: pod) else { return [:] }
        var all = pod.annotations
        Annotations.inherit(rule.annotations, into: &all)
        return all.filter { pod.annotations[$0.key] == nil && $0.key != Annotations.workspace }
    }
}

extension Capture {
    /// The kinds of rules: those of a namespace, those of the cluster.
    public static let ruleKinds = kinds.flatMap(\.versions).filter {
        RuleIndex.isRule(apiVersion: $0.apiVersion, kind: $0.kind)
    }
}
