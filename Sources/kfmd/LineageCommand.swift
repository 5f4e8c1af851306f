import ArgumentParser
import FoundationEssentials
import MetadataAPI

struct Lineage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print where an artifact came from and what came of it.",
        discussion: """
              kfmd lineage 3 --store metadata.db
              kfmd lineage s3://bucket/model --metadata localhost:8080
            """)

    @Argument(help: ArgumentHelp("The artifact's id or uri.", valueName: "id|uri"))
    var artifact: String

    @OptionGroup var backend: BackendOptions

    func run() async throws {
        let wanted = artifact
        let text = try await backend.withBackend(writes: false) { backend in
            let artifact = try await Self.find(wanted, backend)
            let graph = try await backend.lineage(of: .artifact(artifact.id))
            var lines = ["\(artifact.title)  \(artifact.type)  \(artifact.uri)  (artifact \(artifact.id))"]
            lines += LineageText(graph).lines.map { "  " + $0 }
            return lines.joined(separator: "\n") + "\n"
        }
        StandardOutput.write(text)
    }

    private static func find(
        _ text: String, _ backend: any MetadataBackend
    ) async throws -> MlMetadata_Artifact {
        if let id = Int64(text) {
            var request = MlMetadata_GetArtifactsByIDRequest()
            request.artifactIds = [id]
            if let found = try await backend.getArtifactsByID(request).artifacts.first { return found }
            throw Failure.runtime("there is no artifact \(id)")
        }
        var request = MlMetadata_GetArtifactsByURIRequest()
        request.uris = [text]
        // Of several under the uri, the newest.
        if let found = try await backend.getArtifactsByURI(request).artifacts.last { return found }
        throw Failure.runtime("there is no artifact with the uri \(text)")
    }
}
