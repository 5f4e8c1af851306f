import Lineage
import MetadataAPI
import MetadataStore

/// The runs.
struct RunList: Page {
    let paths = ["/runs"]
    /// The types of contexts that are runs: ours, and those of Kubeflow Pipelines and TFX.
    static let types: Set<String> = [
        TypeName.run, TypeName.kfpRun, TypeName.kfpPipelineRun, "pipeline_run", "run",
    ]

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        await Self.view.answer(request, title: "Runs", section: .runs)
    }

    static let view = ListView<MlMetadata_Context>(
        path: "/runs", kind: .context, columns: columns,
        usual: ["name", "state", "pipeline", "started", "took", "workspace", "created"],
        always: "type IN (\(types.sorted().map(NodeList.quoted).joined(separator: ", ")))", types: types,
        example: "executions_e.last_known_state = FAILED",
        empty: "No run is recorded yet. A run is made by the first step of it that is seen.", comparedAs: "runs"
    ) { try $0.contextSlice($1.options, isBackward: $1.isBackward, isCounted: true, seenBy: $1.visibility) }

    static let columns: [Column<MlMetadata_Context>] =
        [.name, .type] + Column.outcome { $0.outcome } + [
            Column(key: "pipeline", title: "Pipeline") { $0.pipeline },
            Column(key: "workspace", title: "Workspace") { $0.workspaceName },
            .created, .updated, .number, .externalID,
        ]
}
