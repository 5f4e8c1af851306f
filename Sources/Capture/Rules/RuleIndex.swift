import JSON
public import Kubernetes
public import Lineage
import Synchronization

/// The rules that hold: of a file, and of custom resources as they are seen.
public final class RuleIndex: Sendable {
    private struct State {
        var rules: [String: MetadataRule] = [:]
        /// The objects that they were read of, by uid; a file's have none.
        var uids: [String: (uid: String, kind: String, namespace: String)] = [:]
        /// How often the rules for a kind changed.
        var generations: [String: Int] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Whether an object is a rule.
    static func isRule(_ object: KubernetesObject) -> Bool {
        isRule(apiVersion: object.apiVersion, kind: object.kind)
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
            state.withLock { state in
                state.rules[object.reference] = nil
                state.uids[object.reference] = nil
            }
            return []
        }
        do throws(MetadataRule.Malformed) {
            let rule = try MetadataRule(object)
            state.withLock { state in
                if !object.uid.isEmpty {
                    state.uids[rule.reference] = (object.uid, object.kind, object.namespace)
                }
                guard state.rules[rule.reference] != rule else { return }
                state.rules[rule.reference] = rule
                for kind in rule.kinds { state.generations[kind, default: 0] += 1 }
            }
            return []
        } catch {
            return error.problems
        }
    }

    /// Forgets rules that a whole list did not have: they went while nobody watched.
    func retain(_ kind: String, in namespace: String?, _ isPresent: (String) -> Bool) {
        state.withLock { state in
            for (reference, known) in state.uids
            where known.kind == kind && (namespace == nil || known.namespace == namespace) && !isPresent(known.uid) {
                state.rules[reference] = nil
                state.uids[reference] = nil
            }
        }
    }

    /// How often the rules for a kind changed: those of it that were seen before are to be read anew.
    public func generation(of kind: String) -> Int { state.withLock { $0.generations[kind] ?? 0 } }

    /// The rule for an object, and those that it outweighs.
    func rule(
        for object: KubernetesObject, owners: OwnerIndex
    ) -> (rule: MetadataRule, outweighed: [String])? {
        let all = state.withLock { $0.rules.isEmpty ? nil : Array($0.rules.values) }
        guard let all else { return nil }
        let chain = owners.chain(of: object)
        let matching = Self.inOrder(all.filter { $0.matches(object, owners: chain) })
        return matching.first.map { ($0, matching.dropFirst().map(\.reference)) }
    }

    /// The rule for an object of whose owners only the nearest is known; `nil` where one of another owner might outweigh
    /// it.
    func certainRule(for object: KubernetesObject) -> MetadataRule? {
        let all = state.withLock { Array($0.rules.values) }
        let possible = Self.inOrder(all.filter { $0.matches(object, owners: nil) }).first
        return possible?.reference == rule(for: object, owners: OwnerIndex())?.rule.reference ? possible : nil
    }

    private static func inOrder(_ rules: [MetadataRule]) -> [MetadataRule] {
        rules.sorted {
            $0.specificity != $1.specificity ? $0.specificity > $1.specificity : $0.reference < $1.reference
        }
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
