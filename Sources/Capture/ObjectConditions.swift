import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// `status.conditions` of an object.
struct ObjectConditions {
    private let conditions: [JSONValue]

    init(_ object: KubernetesObject) { conditions = object.raw["status"]?["conditions"]?.array ?? [] }

    subscript(type: String) -> JSONValue? { conditions.last { $0["type"]?.string == type } }

    func isTrue(_ type: String) -> Bool { self[type]?["status"]?.string == "True" }
    func isFalse(_ type: String) -> Bool { self[type]?["status"]?.string == "False" }

    /// When it became so.
    func time(_ type: String) -> Date? { self[type]?["lastTransitionTime"]?.string.flatMap(Timestamp.parse) }

    /// Its reason and message, for people.
    func text(_ type: String) -> String? {
        guard let condition = self[type] else { return nil }
        let parts = [condition["reason"]?.string, condition["message"]?.string].compactMap { $0 }.filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: ": ")
    }
}
