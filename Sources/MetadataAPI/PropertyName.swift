import Lineage

/// Names of properties that readers look for, and those that this recorder needs itself.
public enum PropertyName {
    /// Read by the UIs of Kubeflow Pipelines 0.x to 2.x and Kubeflow Metadata.
    public static let name = "name"
    public static let displayName = "display_name"
    public static let runID = "run_id"
    public static let pipelineName = "pipeline_name"
    public static let podName = "pod_name"
    public static let kfpPodName = "kfp_pod_name"
    public static let namespace = "namespace"
    public static let workspace = "__kf_workspace__"
    public static let run = "__kf_run__"
    public static let createTime = "create_time"
    public static let version = "version"
    public static let digest = "digest"

    /// How far a run has come: the name of an MLMD execution state.
    public static let state = "state"
    /// What a system says of how something ended.
    public static let message = "message"
    /// RFC 3339 times of an execution or a run, in UTC.
    public static let startTime = "start_time"
    public static let endTime = "end_time"
    /// When an artifact was written, in RFC 3339; what an input's time is compared with.
    public static let producedTime = "produced_time"
    /// On an artifact that was read before anybody was seen to write it: when it was first read.
    public static let readTime = "__kfmd_first_read__"
    /// 1 on what serves until it is stopped, so that an index finds it.
    public static let serving = "serving"
    /// The evidence and the problems of an execution, a line each.
    public static let evidence = "__kfmd_evidence__"
    public static let problems = "__kfmd_problems__"
    /// On executions and runs: all that was seen of them (`Record`); on artifacts: what executions say of them
    /// (`ArtifactStatements`). Compressed, for the recorder alone.
    public static let sights = "__kfmd_sights__"
    public static let statements = "__kfmd_statements__"
    /// What is not for people.
    public static let recordersOwn: Set<String> = [sights, statements]
    /// On an artifact of a store whose types cannot be changed: the type that was declared too late.
    public static let declaredType = "declared_type"
    /// The uri as it was written, where another spelling of it is the artifact's.
    public static let writtenURI = "written_uri"
    /// The prefix of a step's parameters, as Kubeflow Pipelines v1 wrote them.
    public static let parameterPrefix = "input:"
    /// That of what a step or a run came to.
    public static let resultPrefix = "output:"
    /// That of what was measured, on metrics.
    public static let measuredPrefix = "values."
    /// That of what training was given, on models (Kubeflow Metadata's `hyperparameters`).
    public static let hyperparameterPrefix = "hyperparameters."
}
