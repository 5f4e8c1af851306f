import JSON
import Kubernetes

/// The volume mounts of the main containers in which paths lie, as the sidecar gets them: at the same place, to read.
///
/// A mount that might keep the sidecar's container from being made is left out and told: a native sidecar that does not
/// start holds up the whole pod.
struct SharedMounts: Sendable, Hashable {
    private(set) var mounts: [JSONValue] = []
    private(set) var warnings: [String] = []
    private var taken: [[String]] = []

    private struct Candidate {
        var mount: JSONValue
        var path: String
        var parts: [String]
    }

    init(_ wanted: SidecarPaths, in shape: PodShape) {
        warnings = wanted.warnings
        let secret = Set(shape.volumes.filter(Self.hasSecrets).compactMap { $0["name"]?.string })
        let candidates = shape.containers.flatMap { $0["volumeMounts"]?.array ?? [] }.compactMap(Self.candidate)
        for path in wanted.paths {
            // Of mounts within each other the innermost has the file. Of several containers' the first counts.
            let holding = candidates.filter { path.parts.starts(with: $0.parts) }
            guard let depth = holding.map(\.parts.count).max() else {
                warnings.append("\(path.annotation): \(path.path): is in no volume of the main containers; not seen")
                continue
            }
            let innermost = holding.filter { $0.parts.count == depth }
            guard let first = innermost.first else { continue }
            if innermost.contains(where: { Self.content($0.mount) != Self.content(first.mount) }) {
                warnings.append(
                    "\(path.annotation): \(path.path): containers have different volumes there; the first one's is read"
                )
            }
            if let reason = refusal(of: first, secret) {
                warnings.append("\(path.annotation): \(path.path): not seen: \(first.path) \(reason)")
            } else if !taken.contains(first.parts) {
                taken.append(first.parts)
                mounts.append(Self.readOnly(first.mount))
            }
        }
    }

    private static func candidate(_ mount: JSONValue) -> Candidate? {
        guard let path = mount["mountPath"]?.string, let parts = SidecarPaths.parts(path), !parts.isEmpty else {
            return nil
        }
        return Candidate(mount: mount, path: path, parts: parts)
    }

    /// What makes two mounts the same files.
    private static func content(_ mount: JSONValue) -> [JSONValue?] {
        [mount["name"], mount["subPath"], mount["subPathExpr"]]
    }

    private static func readOnly(_ mount: JSONValue) -> JSONValue {
        var result = JSONObject()
        for key in ["name", "mountPath", "subPath"] { result[key] = mount[key] }
        result["readOnly"] = true
        return .object(result)
    }

    /// Why a mount is not shared.
    private func refusal(of candidate: Candidate, _ secret: Set<String>) -> String? {
        if candidate.mount["subPathExpr"]?.string?.isEmpty == false {
            return "has a subPathExpr, whose variables the sidecar does not have"
        }
        guard let volume = candidate.mount["name"]?.string else { return "has no volume" }
        if secret.contains(volume) { return "has secrets" }
        if Self.isOfSystem(candidate.parts) { return "would hide what the sidecar runs on" }
        // Within a volume that can only be read nobody can make the folder for another one.
        if let other = taken.first(where: { $0 != candidate.parts && Self.areNested($0, candidate.parts) }) {
            return "and /\(other.joined(separator: "/")), which is mounted too, are within each other"
        }
        return nil
    }

    private static func hasSecrets(_ volume: JSONValue) -> Bool {
        let sources = [volume] + (volume["projected"]?["sources"]?.array ?? [])
        return sources.contains { $0["secret"] != nil || $0["serviceAccountToken"] != nil }
    }

    private static func areNested(_ one: [String], _ other: [String]) -> Bool {
        one.starts(with: other) || other.starts(with: one)
    }

    /// The sidecar's own mounts.
    private static let own = [Sidecar.podFolder, ClusterConfiguration.serviceAccountFolder].compactMap(
        SidecarPaths.parts)
    /// Where nothing can be mounted, or the loader and its libraries are.
    private static let system: Set<String> = ["proc", "sys", "bin", "sbin", "lib", "lib64"]
    /// Folders above or of the program and its libraries.
    private static let program: Set<[String]> = [
        ["dev"], ["etc"], ["usr"], ["usr", "bin"], ["usr", "sbin"], ["usr", "lib"], ["usr", "lib64"], ["usr", "local"],
        ["usr", "local", "bin"], ["usr", "local", "lib"],
    ]

    private static func isOfSystem(_ parts: [String]) -> Bool {
        // In most images one is a link to the other.
        let parts = parts.first == "run" ? ["var"] + parts : parts
        if let first = parts.first, system.contains(first) { return true }
        return program.contains(parts) || own.contains { areNested($0, parts) }
    }
}
