/// What kept facts are packed with: the words that they have most, the likeliest last. The packed data names the dictionary
/// by its checksum, so one that was ever used stays in ``all``.
enum FactsDictionary {
    static let current = Array(words.utf8)
    static let all = [current]

    /// Changing a letter of it makes stored facts unreadable: the test `whatIsKeptCanBeReadForEver` holds its checksum.
    private static let words = """
        Model system.Model system.Dataset system.Artifact katib sklearn framework xgboost layers archive_loc\
        ation NoType create_time run_id task_name parent_task_id pipeline_name kubeflow-pipelines-v2 system.\
        ContainerExecution executor-logs text where an object should be|storageUri|spec.predictor.model.stor\
        ageUri|deployment_mode|modelFormat|revision|kserve.InferenceService|InferenceService|status.conditio\
        ns[Ready]|seldon|spark|SparkApplication|RayJob|TrainJob|PyTorchJob|MPIJob|Experiment|Trial|JobSet|De\
        ployment|ReplicaSet|tekton.TaskRun|TaskRun|PipelineRun|tekton.Artifact|task_run|pipeline|tekton|stat\
        us.conditions[Succeeded]|status.taskResults|results|digest|sha256:|exit_code|reason|message|attempt|\
        hook|loop_index|loop_item|values.accuracy|accuracy|epochs|metrics|image|display_name|__ALL_META__|an\
        notations|metadata.annotations["metadata.kubeflow.org/outputs"]|metadata.annotations["metadata.kubef\
        low.org/inputs"]|metadata.labels["workflows.argoproj.io/workflow"]|status.containerStatuses[0].state\
        .terminated|status.startTime|https://|hdfs://|pvc://|gs://|minio://|/artifacts/pipeline/|.tgz|minio.\
        kubeflow:9000|default/minio.kubeflow|resource_name|container|pods|Pod|pods/|kubeflow.org/alpha/execu\
        tion|kubeflow.org/alpha/workspace|kubeflow.org/alpha/metrics|kubeflow.org/alpha/data_set|kubeflow.or\
        g/alpha/model|k8s://default/kubeflow/|output |input |outputs.artifacts[0]|inputs.artifacts[0]|output\
        s.parameters|inputs.parameters|status.nodes["|"].outputs.artifacts[0]|"].inputs.artifacts[0]|"].phas\
        e|main-logs|argo.Log|argo.Artifact|name|state new|state canceled|state running|state failed|state co\
        mplete|status.phase|canceled|failed|running|serving|complete|endpoint|location_scope|s3://|kind|vers\
        ion|namespace|template|pod_name|kfp_pod_name|node_name|node_id|argo-workflows|live|uid-|kubeflow.org\
        /alpha/run|argo.Step|Workflow|k8s://default/|/workflows/
        """
}
