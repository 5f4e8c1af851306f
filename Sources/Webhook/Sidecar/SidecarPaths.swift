import JSON
import Lineage
import YAML

/// The paths in a pod's main containers that its annotations ask the sidecar to read.
struct SidecarPaths: Sendable, Hashable {
    /// A path, and the annotation that has it.
    struct Path: Sendable, Hashable {
        var annotation: String
        var path: String
        /// Its names from the root on.
        var parts: [String]
    }

    /// Of one annotation: more than a pod has outputs.
    private static let maximum = 100
    /// Linux' PATH_MAX, in bytes.
    private static let maximumLength = 4096

    private(set) var paths: [Path] = []
    private(set) var warnings: [String] = []

    init(_ annotations: [String: String]) {
        if let text = annotations[Sidecar.digestPathsKey], !text.isEmpty {
            for item in list(text, Sidecar.digestPathsKey) { add(item.string, Sidecar.digestPathsKey) }
        }
        if let text = annotations[Sidecar.reportPathKey], !text.isEmpty { add(text, Sidecar.reportPathKey) }
    }

    /// The elements of a list, or the values of an object.
    private mutating func list(_ text: String, _ annotation: String) -> ArraySlice<JSONValue> {
        guard text.utf8.count <= Budget.textLength else {
            warnings.append("\(annotation): is longer than \(Budget.textLength >> 10) KiB; not read")
            return []
        }
        do throws(YAMLError) {
            let value = try YAML.parse(text, rejectsDuplicates: true)
            let items = value.array ?? value.object.map { $0.map(\.value) } ?? [value]
            if items.count > Self.maximum {
                warnings.append(
                    "\(annotation): has \(items.count) paths; those after the first \(Self.maximum) are left out")
            }
            return items.prefix(Self.maximum)
        } catch {
            warnings.append("\(annotation): \(error)")
            return []
        }
    }

    private mutating func add(_ text: String?, _ annotation: String) {
        guard let text, text.utf8.count <= Self.maximumLength, let parts = Self.parts(text) else {
            warnings.append(
                "\(annotation): \(text?.prefix(100) ?? "what is no text"): should be an absolute path without ..")
            return
        }
        paths.append(Path(annotation: annotation, path: text, parts: parts))
    }

    /// The names of an absolute path; `nil` where it is none, or goes upwards.
    static func parts(_ path: String) -> [String]? {
        guard path.hasPrefix("/") else { return nil }
        let parts = path.split(separator: "/").map(String.init).filter { $0 != "." }
        return parts.contains("..") ? nil : parts
    }
}
