import Lineage
import MetadataAPI
import MetadataStore

/// The artifact store: all artifacts, the front page.
struct ArtifactList: Page {
    let paths = ["/", "/artifacts"]

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        await Self.view.answer(request, title: "Artifacts", section: .artifacts)
    }

    static let view = ListView<MlMetadata_Artifact>(
        path: "/", kind: .artifact, columns: columns,
        usual: ["name", "version", "type", "uri", "run", "workspace", "written"],
        states: ["LIVE", "PENDING", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE", "UNKNOWN"],
        stateColumn: "state", example: "uri LIKE '%iris%' AND contexts_r.name = 'train-7'",
        empty: "Nothing is recorded yet. As soon as a step of a pipeline has read or written something, it is here.",
        comparedAs: "artifacts"
    ) {
        try $0.artifactSlice(
            $1.options, isBackward: $1.isBackward, inContext: $1.context, isCounted: true, seenBy: $1.visibility)
    }

    static let columns: [Column<MlMetadata_Artifact>] = [
        .name, .type,
        Column(key: "version", title: "Version", style: "nowrap") { $0.version.cut(to: 60) },
        Column(key: "state", title: "State") { $0.stateName },
        Column(key: "uri", title: "URI", style: "uri") { $0.uri },
        Column(key: "run", title: "Run") { RunName.short($0.runName) },
        Column(key: "workspace", title: "Workspace") { $0.workspaceName },
        Column(key: "pipeline", title: "Pipeline") { $0.text(PropertyName.pipelineName) },
        // What says nothing of it was written by who recorded it.
        Column(key: "written", title: "Written", style: "nowrap") {
            Timestamp.format($0.written ?? Timestamp.date(milliseconds: $0.createTimeSinceEpoch))
        } html: {
            $1.time($0.written ?? Timestamp.date(milliseconds: $0.createTimeSinceEpoch))
        },
        .created, .updated, .number, .externalID,
    ]
}
