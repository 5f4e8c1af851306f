import Lineage
import MetadataAPI
import MetadataStore

/// All executions.
struct ExecutionList: Page {
    let paths = ["/executions"]

    func answer(_ request: PageRequest) async throws -> PageAnswer {
        await Self.view(of: nil, path: "/executions").answer(request, title: "Executions", section: .executions)
    }

    /// - Parameters:
    ///   - context: only its executions.
    ///   - path: the page that the list is on.
    static func view(of context: Int64?, path: String) -> ListView<MlMetadata_Execution> {
        ListView(
            path: path, kind: .execution, columns: columns,
            usual: ["name", "state", "type", "started", "took", "message"] + (context == nil ? ["run"] : []),
            states: ["NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED", "UNKNOWN"],
            stateColumn: "last_known_state", context: context,
            example: "custom_properties.exit_code.string_value = '137'",
            empty: "Nothing has run yet. Steps of pipelines, jobs and model servers are here as they start.",
            comparedAs: "executions"
        ) {
            try $0.executionSlice(
                $1.options, isBackward: $1.isBackward, inContext: $1.context, isCounted: true, seenBy: $1.visibility)
        }
    }

    static let columns: [Column<MlMetadata_Execution>] =
        [.name, .type] + Column.outcome { $0.outcome } + [
            Column(key: "run", title: "Run") { $0.runTitle },
            Column(key: "workspace", title: "Workspace") { $0.text(PropertyName.workspace, PropertyName.namespace) },
            Column(key: "pipeline", title: "Pipeline") { $0.text(PropertyName.pipelineName) },
            Column(key: "exit_code", title: "Exit code") { $0.text("exit_code") },
            Column(key: "pod", title: "Pod") { $0.text(PropertyName.podName, PropertyName.kfpPodName) },
            .created, .updated, .number, .externalID,
        ]
}
