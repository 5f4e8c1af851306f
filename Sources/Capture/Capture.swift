public import FoundationEssentials
public import Kubernetes
public import Lineage

/// What an object says about executions: pure functions, a file a convention.
public struct Capture: Sendable {
    /// The name of the cluster within identities: the uid of its namespace `kube-system`.
    public var cluster: String
    /// The artifact repositories of Argo Workflows, by namespace, from ConfigMaps.
    public var artifactRepositories: ArtifactRepositories

    /// The objects that own others, as far as they were seen.
    public var owners: OwnerIndex

    public init(
        cluster: String, artifactRepositories: ArtifactRepositories = .init(), owners: OwnerIndex = OwnerIndex()
    ) {
        self.cluster = cluster
        self.artifactRepositories = artifactRepositories
        self.owners = owners
    }

    /// What an object that serves says of its other revisions.
    public struct Serving: Sendable {
        /// What the identities of all its revisions begin with.
        public var prefix: String
        /// The revisions that the object shows.
        public var live: [String]
        /// Whether these have taken the place of all others.
        public var isReplaced: Bool
        /// When they did.
        public var end: Date?
    }

    /// What was found in an object.
    public struct Result: Sendable {
        /// The convention that matched; `nil` when none did.
        public var convention: String?
        public var executions: [Execution]
        /// Facts that were seen and left out, each with the reason.
        public var ignored: [String]
        /// What could not be understood of the object as a whole; each execution has its own.
        public var problems: [Problem]
        /// Of an object that serves: which revisions go on.
        public var serving: Serving?

        init(
            convention: String? = nil, executions: [Execution] = [], ignored: [String] = [],
            problems: [Problem] = []
        ) {
            self.convention = convention
            self.executions = executions
            self.ignored = ignored
            self.problems = problems
        }
    }

    /// The executions that an object speaks of.
    /// - Parameter isDeleted: the object is gone; nothing more will happen to it.
    public func callAsFunction(_ object: KubernetesObject, isDeleted: Bool = false) -> Result {
        var result = capture(object, isDeleted: isDeleted)
        for index in result.executions.indices where result.executions[index].state.isFinal {
            result.executions[index].endSeenIn = [object.kind]
        }
        return result
    }

    private func capture(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        if object.annotations[Annotations.record] == "false" {
            return Result(ignored: ["\(object.reference): \(Annotations.record) is \"false\""])
        }
        owners.add(object, isDeleted: isDeleted)
        // `batch`, `kubeflow.org`; what is before the version.
        let group = object.apiVersion.contains("/") ? String(object.apiVersion.prefix { $0 != "/" }) : ""
        switch (group, object.kind) {
        case ("", "Pod"): return pod(object, isDeleted: isDeleted)
        case ("argoproj.io", "Workflow"): return workflow(object, isDeleted: isDeleted)
        case ("argoproj.io", ArgoTaskResult.kind): return ArgoTaskResult(object, capture: self).result()
        case ("tekton.dev", "TaskRun"), ("tekton.dev", "CustomRun"), ("tekton.dev", "Run"),
            ("tekton.dev", "PipelineRun"):
            return Tekton(object, isDeleted: isDeleted, capture: self).result()
        case ("serving.kserve.io", let kind) where InferenceService.plurals[kind] != nil:
            return InferenceService(object, isDeleted: isDeleted, capture: self).result()
        case ("machinelearning.seldon.io", "SeldonDeployment"):
            return SeldonDeployment.result(object, isDeleted: isDeleted, capture: self)
        case ("apps", "ReplicaSet"):
            if let reason = InferenceService.reasonNotAStep(object) { return ignored(object, reason) }
            guard let execution = DeploymentRevision.execution(object, isDeleted: isDeleted, capture: self) else {
                return ignored(object, "it has no annotation of \(Annotations.prefix), or no Deployment")
            }
            return Result(convention: DeploymentRevision.convention, executions: [execution])
        default:
            return job(object, isDeleted: isDeleted)
                ?? ignored(object, "no convention knows \(object.apiVersion) \(object.kind)")
        }
    }

    private func ignored(_ object: KubernetesObject, _ reason: String) -> Result {
        Result(ignored: ["\(object.reference): \(reason)"])
    }

    /// Objects that stand for one execution and run in pods of theirs.
    private func job(_ object: KubernetesObject, isDeleted: Bool) -> Result? {
        let found: (convention: String, execution: Execution?)
        switch (object.apiVersion.prefix { $0 != "/" }, object.kind) {
        case ("trainer.kubeflow.org", "TrainJob"):
            found = (TrainJob.convention, TrainJob.execution(object, isDeleted: isDeleted, capture: self))
        case ("kubeflow.org", "Trial"):
            found = (Katib.convention, Katib.trial(object, isDeleted: isDeleted, capture: self))
        case ("kubeflow.org", "Experiment"):
            return Result(convention: Katib.convention, ignored: ["\(object.reference): its trials tell of it"])
        case ("kubeflow.org", let kind) where TrainingOperatorJob.kinds[kind] != nil:
            found = (
                TrainingOperatorJob.convention,
                TrainingOperatorJob.execution(object, isDeleted: isDeleted, capture: self)
            )
        case ("sparkoperator.k8s.io", "SparkApplication"):
            found = (
                SparkApplication.convention, SparkApplication.execution(object, isDeleted: isDeleted, capture: self)
            )
        case ("ray.io", "RayJob"):
            found = (RayJob.convention, RayJob.execution(object, isDeleted: isDeleted, capture: self))
        case ("ray.io", "RayCluster"): return ignored(object, "its RayJob tells of it, if it has one")
        case ("jobset.x-k8s.io", "JobSet"):
            guard Annotations.matches(object) else {
                return ignored(object, "it has no annotation of \(Annotations.prefix)")
            }
            found = (JobSet.convention, JobSet.execution(object, isDeleted: isDeleted, capture: self))
        case ("batch", "Job"): return ignored(object, "its pods tell of it, with its annotations")
        case ("batch", "CronJob"): return ignored(object, "its Jobs' pods tell of it")
        default: return nil
        }
        // Of a job within a job the outer one is the execution.
        if let outer = Self.collective(owners.chain(of: object)) {
            return Result(convention: found.convention, ignored: ["\(object.reference): belongs to \(outer.kind) \(outer.name)"])
        }
        return Result(convention: found.convention, executions: found.execution.map { [$0] } ?? [])
    }

    /// The outermost owner that is one execution for all that it owns.
    static func collective(_ chain: [OwnerIndex.Owner]) -> OwnerIndex.Owner? {
        chain.last { owner in
            switch (owner.group, owner.kind) {
            case ("trainer.kubeflow.org", "TrainJob"), ("kubeflow.org", "Trial"), ("ray.io", "RayJob"),
                ("sparkoperator.k8s.io", "SparkApplication"):
                true
            case ("kubeflow.org", let kind): TrainingOperatorJob.kinds[kind] != nil
            case ("jobset.x-k8s.io", "JobSet"): !owner.annotations.isEmpty
            default: false
            }
        }
    }

    private func pod(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        if let found = KubeflowPipelinesV2.result(pod: object, isDeleted: isDeleted, capture: self) { return found }
        if ArgoPod.matches(object) {
            if let reason = ArgoPod.reasonNotAStep(object) { return ignored(object, reason) }
            let pod = PodFacts(object, isDeleted: isDeleted)
            var step = ArgoPod(pod, capture: self).execution()
            var convention = ArgoWorkflow.convention
            if KubeflowPipelinesV1.matches(object) {
                KubeflowPipelinesV1.decorate(&step, pod: pod)
                convention = KubeflowPipelinesV1.convention
            }
            Annotations(pod, runID: step.execution.run.name).decorate(&step.execution)
            return Result(convention: convention, executions: [step.execution])
        }
        if let reason = Tekton.reasonNotAStep(object) ?? InferenceService.reasonNotAStep(object) {
            return ignored(object, reason)
        }
        if let name = object.labels["seldon-deployment-id"] { return ignored(object, "belongs to SeldonDeployment \(name)") }
        let chain = owners.chain(of: object)
        if let outer = Self.collective(chain) {
            return ignored(object, "belongs to \(outer.kind) \(outer.name), which tells of it")
        }
        if chain.first?.kind == "ReplicaSet", chain.count > 1, chain.first?.annotations.isEmpty == false {
            return ignored(object, "belongs to a revision of Deployment \(chain[1].name), which tells of it")
        }
        // What owners say holds for their pods; the nearest outweighs.
        var annotated = object
        for owner in chain { annotated.annotations.merge(owner.annotations) { own, _ in own } }
        guard Annotations.matches(annotated), annotated.annotations[Annotations.record] != "false" else {
            return ignored(object, "no convention matches, and it has no annotation of \(Annotations.prefix)")
        }
        let pod = PodFacts(annotated, isDeleted: isDeleted)
        return Result(
            convention: Annotations.convention, executions: [AnnotatedPod(pod, chain: chain, capture: self).execution()])
    }

    private func workflow(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        let workflow = ArgoWorkflow(object, capture: self)
        if KubeflowPipelinesV2.matches(object) {
            return KubeflowPipelinesV2.result(workflow: workflow, isDeleted: isDeleted, capture: self)
        }
        let isPipeline = KubeflowPipelinesV1.matches(object)
        var result = Result(
            convention: isPipeline ? KubeflowPipelinesV1.convention : ArgoWorkflow.convention)
        switch workflow.nodes() {
        case .failure(let problem): result.problems.append(problem)
        case .success(let nodes):
            for node in nodes {
                guard var step = workflow.step(of: node, ignored: &result.ignored) else { continue }
                if isPipeline { KubeflowPipelinesV1.decorate(&step, workflow: workflow, node: node) }
                // Nobody will go on with the steps of a workflow that is gone.
                if isDeleted, !step.execution.state.isFinal { step.execution.state = .canceled }
                result.executions.append(step.execution)
            }
        }
        return result
    }
}
