import JSON

/// The flags of Kubeflow Pipelines' launcher, in a container's command or arguments (2.0 to 2.18 and later).
struct LauncherFlags {
    /// Who writes the metadata of a step.
    enum Recorder {
        /// The launcher itself, as this flag shows.
        case launcher(String)
        /// Nobody: from the release that follows 2.18 on.
        case nobody
        case unknown
    }

    private var flags: [String: String] = [:]

    subscript(name: String) -> String? { flags[name] }

    /// - Returns: `nil` where the container does not run the launcher.
    init?(container: JSONValue) {
        let command = (container["command"]?.array ?? []).compactMap(\.scalarText)
        let arguments = (container["args"]?.array ?? []).compactMap(\.scalarText)
        // Argo puts its emissary before it; the user's own words follow the next `--`.
        if let start = command.firstIndex(where: { $0.hasSuffix("/kfp-launcher/launch") }) {
            read(command[(start + 1)...].prefix { $0 != "--" })
        } else {
            // The importer is the launcher as the main container.
            read(arguments[...])
            guard flags["executor_type"] == "importer" else { return nil }
        }
    }

    private mutating func read(_ words: ArraySlice<String>) {
        var index = words.startIndex
        while index < words.endIndex {
            let word = words[index]
            index += 1
            guard word.hasPrefix("--") else { continue }
            let name = word.dropFirst(2)
            if let equal = name.firstIndex(of: "=") {
                flags[String(name[..<equal])] = String(name[name.index(after: equal)...])
            } else if index < words.endIndex, !words[index].hasPrefix("--") {
                flags[String(name)] = words[index]
                index += 1
            } else {
                flags[String(name)] = ""
            }
        }
    }

    /// Told by flags alone: versions, images and environment variables say nothing sure.
    var recorder: Recorder {
        for name in ["mlmd_server_address", "execution_id", "parent_dag_id"] where flags[name] != nil {
            return .launcher("--\(name)")
        }
        // The importer has no --ml_pipeline_server_address (backend/src/v2/compiler/argocompiler/importer.go).
        return flags["parent_task_id"] != nil ? .nobody : .unknown
    }

    var isImporter: Bool { flags["executor_type"] == "importer" }
}
