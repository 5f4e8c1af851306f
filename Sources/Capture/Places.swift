import Lineage

extension Capture.Result {
    /// Cuts credentials out of all executions and the run, and places their artifacts.
    mutating func cutSecrets(cluster: String) {
        // Ten thousand steps have one run, with all its parameters: it is looked at once.
        var last: (written: Run, cut: Run)?
        func withoutSecrets(_ run: Run) -> Run {
            if let last, last.written == run { return last.cut }
            let cut = run.withoutSecrets
            last = (run, cut)
            return cut
        }
        for index in executions.indices {
            executions[index].placeArtifacts(cluster: cluster)
            executions[index].cutSecrets()
            executions[index].run = withoutSecrets(executions[index].run)
        }
        guard var whole = run else { return }
        whole.cutSecrets()
        whole.run = withoutSecrets(whole.run)
        run = whole
    }
}

extension Run {
    fileprivate var withoutSecrets: Run {
        var result = self
        result.name = Secrets.cut(from: name)
        result.displayName = Secrets.cut(from: displayName)
        result.pipeline = pipeline.map(Secrets.cut)
        result.properties = properties.mapValues(\.withoutSecrets)
        result.customProperties = customProperties.mapValues(\.withoutSecrets)
        return result
    }
}

extension Execution {
    /// Writes the locations of all artifacts as they are kept, and says within what they mean one place. Every
    /// convention passes here.
    fileprivate mutating func placeArtifacts(cluster: String) {
        let namespace = mainOrigin?.namespace ?? ""
        for index in inputs.indices { inputs[index].artifact.place(cluster: cluster, namespace: namespace) }
        for index in outputs.indices { outputs[index].artifact.place(cluster: cluster, namespace: namespace) }
    }

    /// Cuts credentials out of all texts that are kept, shown or logged, but those of the run.
    fileprivate mutating func cutSecrets() {
        name = Secrets.cut(from: name)
        workspace.name = Secrets.cut(from: workspace.name)
        if let reason = conclusion?.reason { conclusion?.reason = Secrets.cut(from: reason) }
        for index in parameters.indices {
            parameters[index].name = Secrets.cut(from: parameters[index].name)
            parameters[index].value = Secrets.cut(from: parameters[index].value)
        }
        properties = properties.mapValues(\.withoutSecrets)
        customProperties = customProperties.mapValues(\.withoutSecrets)
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
