import Lineage

extension Execution {
    /// Writes the locations of all artifacts as they are kept, and says within what they mean one place. Every
    /// convention passes here.
    mutating func placeArtifacts(cluster: String) {
        let namespace = mainOrigin?.namespace ?? ""
        for index in inputs.indices { inputs[index].artifact.place(cluster: cluster, namespace: namespace) }
        for index in outputs.indices { outputs[index].artifact.place(cluster: cluster, namespace: namespace) }
    }

    /// Cuts credentials out of all texts that are kept, shown or logged.
    mutating func cutSecrets() {
        name = Secrets.cut(from: name)
        workspace.name = Secrets.cut(from: workspace.name)
        run.name = Secrets.cut(from: run.name)
        run.displayName = Secrets.cut(from: run.displayName)
        run.pipeline = run.pipeline.map(Secrets.cut)
        if let reason = conclusion?.reason { conclusion?.reason = Secrets.cut(from: reason) }
        for index in parameters.indices {
            parameters[index].name = Secrets.cut(from: parameters[index].name)
            parameters[index].value = Secrets.cut(from: parameters[index].value)
        }
        properties = properties.mapValues(\.withoutSecrets)
        customProperties = customProperties.mapValues(\.withoutSecrets)
        run.properties = run.properties.mapValues(\.withoutSecrets)
        run.customProperties = run.customProperties.mapValues(\.withoutSecrets)
        for index in problems.indices { problems[index].reason = Secrets.cut(from: problems[index].reason) }
        for index in evidence.indices { evidence[index].fact = Secrets.cut(from: evidence[index].fact) }
        for index in inputs.indices { inputs[index].cutSecrets() }
        for index in outputs.indices { outputs[index].cutSecrets() }
    }
}

extension ArtifactUse {
    fileprivate mutating func cutSecrets() {
        name = Secrets.cut(from: name)
        artifact.name = artifact.name.map(Secrets.cut)
        artifact.digest = artifact.digest.map(Secrets.cut)
        artifact.version = artifact.version.map(Secrets.cut)
        artifact.properties = artifact.properties.mapValues(\.withoutSecrets)
        artifact.customProperties = artifact.customProperties.mapValues(\.withoutSecrets)
    }
}

extension PropertyValue {
    fileprivate var withoutSecrets: PropertyValue {
        switch self {
        case .string(let text): .string(Secrets.cut(from: text))
        case .structure(let text): .structure(Secrets.cut(from: text))
        default: self
        }
    }
}

extension Artifact {
    /// The custom property in which Argo's conventions keep the endpoint of S3 and OSS.
    private static let endpoint = "endpoint"
    /// The custom property that has the uri as it was written, where another spelling of it is kept.
    private static let writtenURI = "written_uri"

    fileprivate mutating func place(cluster: String, namespace: String) {
        guard let written = uri, !written.isEmpty else { return }
        let tidied = Location.tidy(written)
        if tidied != written {
            uri = tidied
            let shown = Secrets.cut(from: written)
            // Of what differs by more than a credential.
            if shown != tidied { customProperties[Self.writtenURI] = .string(shown) }
        }
        let scope = Location.scope(
            of: tidied, endpoint: customProperties[Self.endpoint]?.text, cluster: cluster, namespace: namespace)
        if let scope { customProperties[Self.scopeProperty] = .string(scope) }
    }
}
