import Lineage

/// What readers show of the nodes of MLMD, whoever wrote them.
extension MlMetadata_Artifact {
    /// The name that people gave it: `display_name`, `name`, the node's name, the end of the uri.
    public var title: String {
        let names = [
            customProperties[PropertyName.displayName]?.text, properties[PropertyName.name]?.text,
            customProperties[PropertyName.name]?.text, name, uri.split(separator: "/").last.map(String.init),
        ]
        return names.compactMap { $0 }.first { !$0.isEmpty } ?? "artifact \(id)"
    }

    public var runName: String { text(PropertyName.run, PropertyName.runID, PropertyName.pipelineName) }
    public var workspaceName: String { text(PropertyName.workspace) }
    public var version: String { text(PropertyName.version) }

    private func text(_ names: String...) -> String {
        for name in names {
            if let value = customProperties[name] ?? properties[name] { return value.text }
        }
        return ""
    }
}

extension MlMetadata_Execution {
    /// The name that people gave it.
    public var title: String {
        let names = [
            customProperties[PropertyName.displayName]?.text, customProperties["task_name"]?.text,
            properties[PropertyName.name]?.text, properties["component_id"]?.text, name,
            customProperties[PropertyName.kfpPodName]?.text,
        ]
        return names.compactMap { $0 }.first { !$0.isEmpty } ?? "execution \(id)"
    }

    public var runName: String {
        for name in [PropertyName.run, PropertyName.runID, PropertyName.pipelineName] {
            if let value = customProperties[name] ?? properties[name] { return value.text }
        }
        return ""
    }

    /// The run's readable name.
    public var runTitle: String {
        customProperties[PropertyName.pipelineName]?.text ?? runName
    }

    /// The state in a word: `complete`.
    public var stateName: String {
        switch lastKnownState {
        case .unknown: "unknown"
        case .new: "new"
        case .running: "running"
        case .complete: "complete"
        case .failed: "failed"
        case .cached: "cached"
        case .canceled: "canceled"
        }
    }
}

extension MlMetadata_Event {
    /// Whether nobody said so: a folder contains what an execution wrote.
    public var isInferred: Bool { type == .internalOutput || type == .internalInput }

    /// Whether the artifact went into the execution.
    public var isInput: Bool {
        switch type {
        case .input, .declaredInput, .internalInput: true
        default: false
        }
    }
}
