public import Kubernetes

extension Capture {
    /// What must be known before a kind is watched.
    public enum Stage: Int, Sendable, CaseIterable {
        /// Nothing: how others are read depends on it.
        case rules
        /// What nothing else owns that is read.
        case owners
        /// What those own, and what these own in turn: a trial's job, a JobSet's.
        case members, membersOfMembers
        /// What it belongs to.
        case owned
    }

    /// A kind that conventions know, in the versions in which clusters serve it, best first.
    public struct Kind: Sendable, Hashable {
        public var versions: [Resource]
        public var isClusterScoped = false
        public var stage = Stage.owners

        public var name: String { versions.first?.kind ?? "" }
        /// As a CustomResourceDefinition is named: `taskruns.tekton.dev`.
        public var definition: String {
            versions.first.map { $0.group.isEmpty ? $0.plural : "\($0.plural).\($0.group)" } ?? ""
        }

        init(
            _ group: String, _ versions: [String], _ plural: String, _ kind: String,
            isClusterScoped: Bool = false, stage: Stage = .owners
        ) {
            self.isClusterScoped = isClusterScoped
            self.stage = stage
            self.versions = versions.map { Resource(group: group, version: $0, plural: plural, kind: kind) }
        }
    }

    /// What is before the version in an `apiVersion`: `batch`, `kubeflow.org`; empty for the core group.
    static func group(of apiVersion: String) -> String {
        apiVersion.contains("/") ? String(apiVersion.prefix { $0 != "/" }) : ""
    }

    /// The kind beside pods that an object is of.
    static func kind(_ name: String, inGroupOf apiVersion: String) -> Kind? {
        let group = group(of: apiVersion)
        return kinds.first { $0.name == name && $0.versions.first?.group == group }
    }

    /// Pods, which run everything.
    public static let pods = Kind("", ["v1"], "pods", "Pod", stage: .owned)

    /// The kinds beside pods: those that tell of executions, and those that own pods.
    public static let kinds: [Kind] = [
        Kind(MetadataRule.apiGroup, ["v1alpha1"], "metadatarules", MetadataRule.kind, stage: .rules),
        Kind(
            MetadataRule.apiGroup, ["v1alpha1"], "clustermetadatarules", MetadataRule.clusterKind,
            isClusterScoped: true, stage: .rules),
        // Whose workspaces nobody else declares.
        Kind("", ["v1"], "namespaces", "Namespace", isClusterScoped: true, stage: .rules),
        Kind("argoproj.io", ["v1alpha1"], "workflows", "Workflow"),
        Kind("argoproj.io", ["v1alpha1"], "workflowtaskresults", "WorkflowTaskResult", stage: .owned),
        Kind("tekton.dev", ["v1", "v1beta1"], "pipelineruns", "PipelineRun"),
        Kind("tekton.dev", ["v1", "v1beta1"], "taskruns", "TaskRun", stage: .members),
        Kind("tekton.dev", ["v1beta1"], "customruns", "CustomRun", stage: .members),
        Kind("trainer.kubeflow.org", ["v1alpha1"], "trainjobs", "TrainJob"),
        Kind("kubeflow.org", ["v1"], "pytorchjobs", "PyTorchJob", stage: .membersOfMembers),
        Kind("kubeflow.org", ["v1"], "tfjobs", "TFJob", stage: .membersOfMembers),
        Kind("kubeflow.org", ["v2beta1", "v1"], "mpijobs", "MPIJob", stage: .membersOfMembers),
        Kind("kubeflow.org", ["v1"], "xgboostjobs", "XGBoostJob", stage: .membersOfMembers),
        Kind("kubeflow.org", ["v1"], "paddlejobs", "PaddleJob", stage: .membersOfMembers),
        Kind("kubeflow.org", ["v1"], "jaxjobs", "JAXJob", stage: .membersOfMembers),
        Kind("kubeflow.org", ["v1beta1"], "experiments", "Experiment"),
        Kind("kubeflow.org", ["v1beta1"], "trials", "Trial", stage: .members),
        Kind("sparkoperator.k8s.io", ["v1beta2"], "sparkapplications", "SparkApplication"),
        Kind("ray.io", ["v1", "v1alpha1"], "rayjobs", "RayJob"),
        Kind("ray.io", ["v1", "v1alpha1"], "rayclusters", "RayCluster", stage: .members),
        Kind("jobset.x-k8s.io", ["v1alpha2"], "jobsets", "JobSet", stage: .members),
        Kind("batch", ["v1"], "jobs", "Job", stage: .membersOfMembers),
        Kind("apps", ["v1"], "replicasets", "ReplicaSet", stage: .membersOfMembers),
        Kind("serving.kserve.io", ["v1beta1"], "inferenceservices", "InferenceService", stage: .owned),
        Kind("serving.kserve.io", ["v1alpha2", "v1alpha1"], "llminferenceservices", "LLMInferenceService"),
        Kind("serving.kserve.io", ["v1alpha1"], "trainedmodels", "TrainedModel"),
        Kind("mlops.seldon.io", ["v1alpha1"], "models", "Model"),
        Kind("machinelearning.seldon.io", ["v1"], "seldondeployments", "SeldonDeployment"),
    ]
}
