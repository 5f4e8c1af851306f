import Lineage
import MetadataAPI

extension BatchWriter {
    /// What the store has at a batch's locations, and what the batch is linked with.
    func storedArtifacts(
        _ executions: [Execution], events: some Sequence<MlMetadata_Event>, _ basis: inout Kfmd_V1_Basis, canAmend: Bool
    ) async throws -> [MlMetadata_Artifact] {
        let uses = executions.flatMap { execution in
            (execution.inputs + execution.outputs).map { (execution, $0.artifact) }
        }
        var result: [MlMetadata_Artifact] = []
        var uris = Set(uses.compactMap(\.1.uri))
        // Folders that somebody read, before what is in them was written.
        for output in executions.flatMap(\.outputs) {
            guard let uri = output.artifact.uri else { continue }
            uris.formUnion(Location.folders(of: uri, upTo: Location.maximumFolders))
        }
        if uris.isEmpty {
            // Nothing has a place.
        } else if canAmend {
            for piece in Self.pieces(of: uris.sorted()) {
                let response = try await backend.findAt(.with { $0.uris = piece })
                result += response.artifacts
                basis.newestArtifact = min(
                    response.newestArtifact, basis.hasNewestArtifact ? basis.newestArtifact : .max)
                basis.newestUpdate = min(response.newestUpdate, basis.hasNewestUpdate ? basis.newestUpdate : .max)
            }
            basis.locations = Set(uris.map(Location.key)).sorted()
        } else {
            for piece in Self.pieces(of: Set(uris.flatMap(Location.spellings)).sorted()) {
                result += try await backend.getArtifactsByURI(.with { $0.uris = piece }).artifacts
            }
        }
        // What has no uri is found by what it contains.
        let contents = uses.filter { $0.1.uri == nil }.flatMap { execution, artifact in
            [
                Identity.content(of: artifact, in: execution.place)
                    ?? Identity.unproduced(artifact, in: execution.place),
                Identity.formerContent(of: artifact) ?? Identity.formerUnproduced(artifact),
            ]
        }
        if !contents.isEmpty {
            do {
                result += try await backend.getArtifactsByExternalIds(
                    .with { $0.externalIds = Set(contents).sorted() }
                ).artifacts
            } catch let error as StatusError where error.code == .notFound {
                // None of them is known.
            }
        }
        let found = Set(result.map(\.id))
        let missing = Set(events.map(\.artifactID)).subtracting(found)
        if !missing.isEmpty {
            result += try await backend.getArtifactsByID(.with { $0.artifactIds = missing.sorted() }).artifacts
        }
        return result
    }

    /// Texts in pieces that every server takes as one message.
    private static func pieces(of texts: [String]) -> [[String]] {
        var result: [[String]] = [[]]
        var size = 0
        for text in texts {
            if size > 0, size + text.utf8.count > maximumPiece {
                result.append([])
                size = 0
            }
            result[result.count - 1].append(text)
            size += text.utf8.count
        }
        return result
    }

    /// In bytes; gRPC's own servers take 4 MiB.
    private static let maximumPiece = 2 << 20
}
