import JSON
import YAML

/// Where outputs are on shared volumes, as `metadata.kubeflow.org/digest-paths` says it: `{model: /outputs/model.pkl}`, or a
/// list of paths, of which each is the output of its last part's name.
struct DigestPaths: Sendable, Equatable {
    struct Item: Sendable, Hashable {
        var name: String
        var path: String
    }

    /// Paths of one pod.
    static let most = 100

    var items: [Item] = []
    /// What of it could not be read.
    var problems: [String] = []

    init(_ text: String?) {
        guard let text, !text.isEmpty else { return }
        let value: JSONValue
        do throws(YAMLError) {
            value = try YAML.parse(text, rejectsDuplicates: true)
        } catch {
            problems.append("digest-paths: \(error.description)")
            return
        }
        func add(_ name: String?, _ path: JSONValue, _ place: String) {
            guard let path = path.string, path.hasPrefix("/") else {
                problems.append("digest-paths\(place): should be an absolute path")
                return
            }
            let last = String(path.split(separator: "/").last ?? "")
            guard !last.isEmpty, last != "..", last != "." else {
                problems.append("digest-paths\(place): \(path) names no file")
                return
            }
            guard items.count < Self.most else {
                if items.count == Self.most { problems.append("digest-paths: more than \(Self.most) are left out") }
                return
            }
            items.append(Item(name: name ?? last, path: path))
        }
        switch value {
        case .object(let object): for member in object { add(member.key, member.value, ".\(member.key)") }
        case .array(let array): for (index, path) in array.enumerated() { add(nil, path, "[\(index)]") }
        case .string: add(nil, value, "")
        default: problems.append("digest-paths: \(value.kindName) where paths should be")
        }
    }
}
