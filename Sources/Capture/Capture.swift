public import Kubernetes
public import Lineage

/// What an object says about executions: pure functions, a file a convention.
public struct Capture: Sendable {
    /// The name of the cluster within identities: the uid of its namespace `kube-system`.
    public var cluster: String
    /// The artifact repositories of Argo Workflows, by namespace, from ConfigMaps.
    public var artifactRepositories: ArtifactRepositories

    public init(cluster: String, artifactRepositories: ArtifactRepositories = .init()) {
        self.cluster = cluster
        self.artifactRepositories = artifactRepositories
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
        switch object.kind {
        case "Pod": return pod(object, isDeleted: isDeleted)
        case "Workflow" where object.apiVersion.hasPrefix("argoproj.io/"):
            return workflow(object, isDeleted: isDeleted)
        case ArgoTaskResult.kind where object.apiVersion.hasPrefix("argoproj.io/"):
            return ArgoTaskResult(object, capture: self).result()
        default:
            return Result(ignored: ["\(object.reference): no convention knows \(object.apiVersion) \(object.kind)"])
        }
    }

    private func pod(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        let pod = PodFacts(object, isDeleted: isDeleted)
        if KubeflowPipelinesV1.isVersion2(object) {
            return Result(ignored: ["\(object.reference): a step of Kubeflow Pipelines v2, which its launcher records"])
        }
        if ArgoPod.matches(object) {
            if let reason = ArgoPod.reasonNotAStep(object) { return Result(ignored: ["\(object.reference): \(reason)"]) }
            var step = ArgoPod(pod, capture: self).execution()
            var convention = ArgoWorkflow.convention
            if KubeflowPipelinesV1.matches(object) {
                KubeflowPipelinesV1.decorate(&step, pod: pod)
                convention = KubeflowPipelinesV1.convention
            }
            Annotations(pod, runID: step.execution.run.name).decorate(&step.execution)
            return Result(convention: convention, executions: [step.execution])
        }
        guard Annotations.matches(object) else {
            return Result(ignored: [
                "\(object.reference): no convention matches, and it has no annotation of \(Annotations.prefix)"
            ])
        }
        return Result(convention: Annotations.convention, executions: [AnnotatedPod(pod, capture: self).execution()])
    }

    private func workflow(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        if KubeflowPipelinesV1.isVersion2(object) {
            return Result(ignored: ["\(object.reference): a run of Kubeflow Pipelines v2, which its launcher records"])
        }
        let workflow = ArgoWorkflow(object, capture: self)
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
