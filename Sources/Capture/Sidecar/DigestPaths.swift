import JSON
import Lineage
import YAML

/// Where outputs are on shared volumes, as `metadata.kubeflow.org/digest-paths` says it: `{model: /outputs/model.pkl}`, or a
/// list of paths, of which each is the output of its last part's name.
public struct DigestPaths: Sendable, Equatable {
    public static let annotationKey = Annotations.prefix + "digest-paths"

    /// An output, and where it is.
    public struct Item: Sendable, Hashable {
        public var name: String
        public var path: String

        public init(name: String, path: String) { (self.name, self.path) = (name, path) }
    }

    /// Paths of one pod.
    public static let most = 100
    /// Linux' PATH_MAX, in bytes.
    private static let longest = 4096

    public private(set) var items: [Item] = []
    /// What of it could not be read.
    public private(set) var problems: [String] = []

    /// - Parameter text: the annotation's value.
    public init(_ text: String?) {
        guard let text, !text.isEmpty else { return }
        guard text.utf8.count <= Budget.textLength else {
            problems.append("digest-paths: is longer than \(Budget.textLength >> 10) KiB; not read")
            return
        }
        let value: JSONValue
        do throws(YAMLError) {
            value = try YAML.parse(text, rejectsDuplicates: true)
        } catch {
            problems.append("digest-paths: \(error.description)")
            return
        }
        func add(_ name: String?, _ path: JSONValue, _ place: String) {
            guard let path = path.string, path.hasPrefix("/"), path.utf8.count <= Self.longest else {
                problems.append("digest-paths\(place): should be an absolute path")
                return
            }
            let last = String(path.split(separator: "/").last ?? "")
            guard !last.isEmpty, last != "..", last != "." else {
                problems.append("digest-paths\(place): \(path) names no file")
                return
            }
            let name = name ?? last
            guard !items.contains(where: { $0.name == name }) else {
                problems.append(
                    "digest-paths\(place): there are two of the name \(name.prefix(100)); give each its own: {NAME: PATH}"
                )
                return
            }
            items.append(Item(name: name, path: path))
        }
        let count = value.array?.count ?? value.object?.count ?? 1
        if count > Self.most {
            problems.append("digest-paths: has \(count) paths; those after the first \(Self.most) are left out")
        }
        switch value {
        case .object(let object):
            for member in object.members.prefix(Self.most) {
                add(member.key, member.value, ".\(member.key.prefix(100))")
            }
        case .array(let array):
            for (index, path) in array.prefix(Self.most).enumerated() { add(nil, path, "[\(index)]") }
        case .string: add(nil, value, "")
        default: problems.append("digest-paths: \(value.kindName) where paths should be")
        }
    }
}
