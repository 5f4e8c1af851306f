import Capture

/// The paths in a pod's main containers that its annotations ask the sidecar to read.
struct SidecarPaths: Sendable, Hashable {
    /// A path, and the annotation that has it.
    struct Path: Sendable, Hashable {
        var annotation: String
        var path: String
        /// Its names from the root on.
        var parts: [String]
    }

    private(set) var paths: [Path] = []
    private(set) var warnings: [String] = []

    init(_ annotations: [String: String]) {
        let digests = DigestPaths(annotations[DigestPaths.annotationKey])
        warnings = digests.problems
        for item in digests.items { add(item.path, DigestPaths.annotationKey) }
        if let text = annotations[SidecarReport.pathAnnotationKey], !text.isEmpty {
            add(text, SidecarReport.pathAnnotationKey)
        }
    }

    private mutating func add(_ path: String, _ annotation: String) {
        guard let parts = Self.parts(path) else {
            warnings.append("\(annotation): \(path.prefix(100)): should be an absolute path without ..")
            return
        }
        paths.append(Path(annotation: annotation, path: path, parts: parts))
    }

    /// The names of an absolute path; `nil` where it is none, or goes upwards.
    static func parts(_ path: String) -> [String]? {
        guard path.hasPrefix("/") else { return nil }
        let parts = path.split(separator: "/").map(String.init).filter { $0 != "." }
        return parts.contains("..") ? nil : parts
    }
}
