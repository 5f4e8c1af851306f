import JSON
public import Kubernetes
public import Lineage
import Synchronization

/// The rules that hold: of a file, and of custom resources as they are seen.
public final class RuleIndex: Sendable {
    private let rules = Mutex<[String: MetadataRule]>([:])

    public init() {}

    /// Whether an object is a rule.
    static func isRule(_ object: KubernetesObject) -> Bool {
        object.apiVersion.hasPrefix(MetadataRule.apiGroup + "/")
            && (object.kind == MetadataRule.kind || object.kind == MetadataRule.clusterKind)
    }

    /// Takes in a rule, or its deletion. One that is wrong takes the place of none.
    /// - Returns: what is wrong with it.
    @discardableResult
    public func add(_ object: KubernetesObject, isDeleted: Bool = false) -> [Problem] {
        guard Self.isRule(object) else {
            return [
                Problem(
                    object: object.reference, field: "kind",
                    reason:
                        "should be \(MetadataRule.kind) or \(MetadataRule.clusterKind) of \(MetadataRule.apiGroup)/v1alpha1"
                )
            ]
        }
        if isDeleted {
            rules.withLock { $0[object.reference] = nil }
            return []
        }
        do throws(MetadataRule.Malformed) {
            let rule = try MetadataRule(object)
            rules.withLock { $0[rule.reference] = rule }
            return []
        } catch {
            return error.problems
        }
    }

    /// The rule for an object, and those that it outweighs.
    func rule(
        for object: KubernetesObject, owners: OwnerIndex
    ) -> (rule: MetadataRule, outweighed: [String])? {
        let all = rules.withLock { $0.isEmpty ? nil : Array($0.values) }
        guard let all else { return nil }
        let chain = owners.chain(of: object)
        let matching = all.filter { $0.matches(object, owners: chain) }.sorted {
            $0.specificity != $1.specificity ? $0.specificity > $1.specificity : $0.reference < $1.reference
        }
        return matching.first.map { ($0, matching.dropFirst().map(\.reference)) }
    }
}

extension Capture.Result {
    /// Says of facts that a rule's annotations told that the rule did.
    mutating func attribute(to rule: MetadataRule, keys: Set<String>) {
        func renamed(_ field: String) -> String? {
            for key in keys {
                let place = "metadata.annotations[\"\(key)\"]"
                guard field.hasPrefix(place) else { continue }
                return
                    "\(rule.reference), spec.\(key.dropFirst(Annotations.prefix.count))\(field.dropFirst(place.count))"
            }
            return nil
        }
        for index in executions.indices {
            for number in executions[index].evidence.indices {
                guard let field = renamed(executions[index].evidence[number].field) else { continue }
                executions[index].evidence[number].field = field
                executions[index].evidence[number].convention = "rule"
            }
            for number in executions[index].problems.indices {
                if let field = renamed(executions[index].problems[number].field) {
                    executions[index].problems[number].field = field
                }
            }
        }
    }
}
