/// Type names that clients know.
public enum TypeName {
    /// Kubeflow Metadata (schema/alpha of v0.x): the four predefined types and the workspace.
    public static let dataSet = "kubeflow.org/alpha/data_set"
    public static let model = "kubeflow.org/alpha/model"
    public static let metrics = "kubeflow.org/alpha/metrics"
    public static let execution = "kubeflow.org/alpha/execution"
    public static let workspace = "kubeflow.org/alpha/workspace"
    /// The context type of a run that is not of Kubeflow Pipelines.
    public static let run = "kubeflow.org/alpha/run"
    /// The context type of a run of Kubeflow Pipelines v1 (backend/metadata_writer, 1.8).
    public static let kfpRun = "KfpRun"
    /// The context types of a run and a pipeline of Kubeflow Pipelines v2 (backend/src/v2/metadata, 2.0).
    public static let kfpPipelineRun = "system.PipelineRun"
    public static let kfpPipeline = "system.Pipeline"
    /// The artifact type of an undeclared output of Kubeflow Pipelines v1 (metadata_writer, 1.8).
    public static let kfpUntyped = "NoType"
    /// A step, an artifact and an archived log of Argo Workflows.
    public static let argoStep = "argo.Step"
    public static let argoArtifact = "argo.Artifact"
    public static let argoLog = "argo.Log"
}

/// The predefined types of Kubeflow Metadata and their properties, all of them text.
public struct PredefinedType: Sendable {
    public var name: String
    public var properties: [String]

    /// The text property in which Kubeflow Metadata's clients keep a whole entity as JSON.
    public static let allMeta = "__ALL_META__"

    public static let artifacts = [
        PredefinedType(
            name: TypeName.dataSet,
            properties: ["create_time", "description", "name", "owner", "query", "version", allMeta]),
        PredefinedType(
            name: TypeName.metrics,
            properties: [
                "create_time", "data_set_id", "description", "metrics_type", "model_id", "name",
                "owner", "version", allMeta,
            ]),
        PredefinedType(
            name: TypeName.model,
            properties: [
                "create_time", "description", "model_type", "name", "owner", "version", allMeta,
            ]),
    ]

    public static let executions = [
        PredefinedType(
            name: TypeName.execution,
            properties: ["create_time", "description", "executable_id", "name", "owner", allMeta])
    ]

    /// `labels` holds JSON.
    public static let contexts = [
        PredefinedType(name: TypeName.workspace, properties: ["description", "labels"])
    ]
}
