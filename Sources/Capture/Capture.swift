public import FoundationEssentials
public import Kubernetes
public import Lineage

/// What an object says about executions: pure functions, a file a convention.
public struct Capture: Sendable {
    /// The name of the cluster within identities: the uid of its namespace `kube-system`.
    public var cluster: String
    /// The artifact repositories of Argo Workflows, by namespace, from ConfigMaps.
    public let artifactRepositories: ArtifactRepositories

    /// The objects that own others, as far as they were seen.
    public let owners: OwnerIndex
    /// What serves for services whose status does not tell.
    let services = ServiceIndex()
    /// Rules for what nobody annotated.
    public let rules: RuleIndex
    let namespaces = Namespaces()
    let late = LateRelatives()
    /// Whether archived logs are artifacts too.
    public var includesLogs = true

    public init(
        cluster: String, artifactRepositories: ArtifactRepositories = .init(), owners: OwnerIndex = OwnerIndex(),
        rules: RuleIndex = RuleIndex()
    ) {
        self.cluster = cluster
        self.artifactRepositories = artifactRepositories
        self.owners = owners
        self.rules = rules
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
        /// How old the sight is that says so.
        public var age = Age()
    }

    /// Nodes of a Workflow that are in the controller's database.
    public struct Offloaded: Sendable {
        /// Another one for each state of the nodes.
        public var version: String
        /// What there is to say where they cannot be fetched.
        public var problem: Problem
    }

    /// What was found in an object.
    public struct Result: Sendable {
        /// The convention that matched; `nil` when none did.
        public var convention: String?
        public var executions: [Execution]
        /// Of an object that stands for a run: how far that has come (``Execution/Role/run``).
        public var run: Execution?
        /// Of a Workflow whose nodes are not in the object: what names their state.
        public var offloaded: Offloaded?
        /// Facts that were seen and left out, each with the reason.
        public var ignored: [String]
        /// What could not be understood of the object as a whole; each execution has its own.
        public var problems: [Problem]
        /// Of an object that serves: which revisions go on.
        public var serving: Serving?

        /// Of an object that serves.
        /// - Parameter isReplaced: whether these revisions have taken the place of all others.
        static func serving(
            _ object: KubernetesObject, _ plural: String, convention: String, _ executions: [Execution],
            isReplaced: Bool, end: Date?, capture: Capture
        ) -> Result {
            var executions = executions
            if isReplaced { for index in executions.indices { executions[index].replacement = .init(time: end) } }
            var result = Result(convention: convention, executions: executions)
            result.serving = Serving(
                prefix: Identity.execution(
                    cluster: capture.cluster, namespace: object.namespace, kind: plural, uid: "\(object.uid)/"),
                live: executions.map(\.id), isReplaced: isReplaced, end: end)
            return result
        }

        /// Problems of the object: kept on its execution, where it is one.
        mutating func add(_ problems: [Problem]) {
            if problems.isEmpty { return }
            let known = Set(self.problems + executions.flatMap(\.problems))
            let new = problems.filter { !known.contains($0) }
            let own = executions.indices.filter { !executions[$0].isFragment }
            if own.count == 1 { executions[own[0]].problems += new } else { self.problems += new }
        }

        /// The executions and the run.
        public var everything: [Execution] { executions + (run.map { [$0] } ?? []) }

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

    /// Takes in what other objects are read with: owners, rules, artifact repositories.
    /// - Returns: what could not be understood.
    @discardableResult
    public func learn(_ object: KubernetesObject, isDeleted: Bool = false) -> [Problem] {
        learned(object, isDeleted: isDeleted).problems
    }

    /// - Returns: also the service of which a ReplicaSet tells something new.
    private func learned(
        _ object: KubernetesObject, isDeleted: Bool
    ) -> (problems: [Problem], service: KubernetesObject?) {
        if owners.add(object, isDeleted: isDeleted) {
            late.known(object.uid)
            if let owner = object.controller { late.known(LateRelatives.members(of: owner.uid)) }
        }
        namespaces.add(object, isDeleted: isDeleted)
        let service = services.add(object, isDeleted: isDeleted)
        if RuleIndex.isRule(object) { return (rules.add(object, isDeleted: isDeleted), nil) }
        return (isDeleted ? [] : artifactRepositories.add(object), service)
    }

    /// Forgets objects that a whole list of their kind did not have. Single events tell of each that goes, but none of
    /// those that went while a watch was expired.
    /// - Parameters:
    ///   - namespace: `nil` for all.
    ///   - isPresent: whether the list had an object with this uid.
    public func retain(_ kind: String, in namespace: String?, _ isPresent: (String) -> Bool) {
        owners.retain(kind, in: namespace, isPresent)
        late.retain(kind, in: namespace, isPresent)
        rules.retain(kind, in: namespace, isPresent)
        services.retain(kind, in: namespace, isPresent)
        namespaces.retain(kind, isPresent)
    }

    /// The executions that an object speaks of.
    /// - Parameter isDeleted: the object is gone; nothing more will happen to it.
    public func callAsFunction(_ object: KubernetesObject, isDeleted: Bool = false) -> Result {
        var object = ArgoWorkflow.named(object)
        // It would be the same as any other such object.
        if object.uid.isEmpty, object.name.isEmpty {
            return Result(problems: [
                Problem(object: object.reference, field: "metadata", reason: "has neither uid nor name")
            ])
        }
        var unnamed: [Problem] = []
        if object.uid.isEmpty, !RuleIndex.isRule(object) {
            let created = object.raw["metadata"]?["creationTimestamp"]?.string ?? ""
            // As kfmd 0.1 told them apart, but for the time.
            object.uid = created.isEmpty ? object.name : "\(object.name)@\(created)"
            unnamed.append(
                Problem(
                    object: object.reference, field: "metadata.uid",
                    reason: "is missing: another of this name"
                        + "\(created.isEmpty ? "" : ", made at the same time,") would be taken for the same"))
        }
        let (problems, service) = learned(object, isDeleted: isDeleted)
        // What its ReplicaSet says, the service is told by.
        if let service { return read(service, isDeleted: false, []) }
        var result = read(object, isDeleted: isDeleted, problems)
        if !result.everything.isEmpty { result.add(unnamed) }
        late.keep(
            object, isDeleted: isDeleted,
            until: result.convention == nil ? [] : awaited(by: object, isDeleted: isDeleted))
        return result
    }

    /// What an object would be read otherwise with. Pods and others that are listed last are told of again as they
    /// go on.
    private func awaited(by object: KubernetesObject, isDeleted: Bool) -> [String] {
        var keys: [String] = []
        if let kind = Self.kind(object.kind, inGroupOf: object.apiVersion), kind.stage != .owned,
            let owner = owners.missing(of: object)
        {
            keys.append(owner.uid)
        }
        // One that is gone gets no more trials.
        if !isDeleted, object.kind == "Experiment", Katib.best(of: object) != nil {
            keys.append(LateRelatives.members(of: object.uid))
        }
        return keys
    }

    /// The objects that were read before all was known that they are read with, and are to be read again now.
    public func due() -> [(object: KubernetesObject, isDeleted: Bool)] {
        late.takeDue().map { ($0.object, $0.isDeleted) }
    }

    private func read(_ object: KubernetesObject, isDeleted: Bool, _ problems: [Problem]) -> Result {
        if RuleIndex.isRule(object) {
            return Result(convention: "rule", problems: problems)
        }
        if object.kind == "ConfigMap", ArtifactRepositories.configMapNames.contains(object.name) {
            var result = ignored(object, "where Argo Workflows keeps artifacts")
            result.problems = problems
            return result
        }
        var ruled = object
        let found = rules.rule(for: object, owners: owners)
        if let found { Annotations.inherit(found.rule.annotations, into: &ruled.annotations) }
        var result = capture(ruled, isDeleted: isDeleted)
        let isOfCluster = found?.rule.reference.hasPrefix(MetadataRule.clusterKind) == true
        result.keepOutOfOthers(
            namespaces, of: object, allowed: isOfCluster ? found?.rule.annotations[Annotations.workspace] : nil)
        if !includesLogs { result.removeLogs() }
        if result.convention != nil || result.run != nil { result.add(Shapes.problems(of: object)) }
        if let (rule, outweighed) = found {
            result.attribute(to: rule, keys: Set(rule.annotations.keys).subtracting(object.annotations.keys))
            result.ignored += outweighed.map {
                "\(object.reference): \($0) fits too; \(rule.reference) outweighs it"
            }
        }
        if result.run?.state.isFinal == false, isDeleted { result.run?.state = .canceled }
        // Most objects tell of nothing.
        if !result.everything.isEmpty || result.serving != nil {
            let age = age(of: object, isDeleted: isDeleted)
            for index in result.executions.indices {
                result.executions[index].age = age
                if result.executions[index].state.isFinal { result.executions[index].endSeenIn = [object.kind] }
            }
            result.run?.age = age
            result.serving?.age = age
        }
        result.cutSecrets(cluster: cluster)
        for index in result.problems.indices {
            result.problems[index].reason = Secrets.cut(from: result.problems[index].reason)
        }
        result.ignored = result.ignored.map(Secrets.cut)
        result.fitBudget(object.reference)
        return result
    }

    private func capture(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        if object.annotations[Annotations.record] == "false" {
            return Result(ignored: ["\(object.reference): \(Annotations.record) is \"false\""])
        }
        switch (Self.group(of: object.apiVersion), object.kind) {
        case ("", "Pod"): return pod(object, isDeleted: isDeleted)
        case ("", "Namespace"): return ignored(object, "has a workspace of its name")
        case ("argoproj.io", "Workflow"): return workflow(object, isDeleted: isDeleted)
        case ("argoproj.io", "CronWorkflow"), ("argoproj.io", "WorkflowTaskSet"), ("argoproj.io", "WorkflowTemplate"),
            ("argoproj.io", "ClusterWorkflowTemplate"):
            return ignored(object, "the Workflows that it is of tell of it")
        case ("", ""):
            return ignored(object, "has neither apiVersion nor kind; kubectl get tells them")
        case ("argoproj.io", ArgoTaskResult.kind): return ArgoTaskResult(object, capture: self).result()
        case ("tekton.dev", "TaskRun"), ("tekton.dev", "CustomRun"), ("tekton.dev", "Run"),
            ("tekton.dev", "PipelineRun"):
            return Tekton(object, isDeleted: isDeleted, capture: self).result()
        case ("serving.kserve.io", let kind) where InferenceService.plurals[kind] != nil,
            // As it was called in 0.5 and 0.6.
            ("serving.kubeflow.org", let kind) where InferenceService.plurals[kind] != nil:
            return InferenceService(object, isDeleted: isDeleted, capture: self).result()
        case ("serving.kserve.io", "TrainedModel"):
            return TrainedModel.result(object, isDeleted: isDeleted, capture: self)
        case ("mlops.seldon.io", "Model"): return SeldonModel.result(object, isDeleted: isDeleted, capture: self)
        case ("machinelearning.seldon.io", "SeldonDeployment"):
            return SeldonDeployment.result(object, isDeleted: isDeleted, capture: self)
        case ("apps", "ReplicaSet"):
            if let reason = InferenceService.reasonNotAStep(object) ?? SeldonDeployment.reasonNotAStep(object) {
                return ignored(object, reason)
            }
            guard let execution = DeploymentRevision.execution(object, isDeleted: isDeleted, capture: self) else {
                return ignored(object, "it has no annotation of \(Annotations.prefix), or no Deployment")
            }
            return Result(convention: DeploymentRevision.convention, executions: [execution])
        default:
            return job(object, isDeleted: isDeleted)
                ?? ignored(object, "no convention knows \(object.apiVersion) \(object.kind)")
        }
    }

    func ignored(_ object: KubernetesObject, _ reason: String) -> Result {
        Result(ignored: ["\(object.reference): \(reason)"])
    }

    private func workflow(_ object: KubernetesObject, isDeleted: Bool) -> Result {
        let workflow = ArgoWorkflow(object, capture: self)
        if KubeflowPipelinesV2.matches(object) {
            return KubeflowPipelinesV2.result(workflow: workflow, isDeleted: isDeleted, capture: self)
        }
        let isPipeline = KubeflowPipelinesV1.matches(object)
        var result = Result(
            convention: isPipeline ? KubeflowPipelinesV1.convention : ArgoWorkflow.convention)
        result.run = workflow.status(
            of: isPipeline ? KubeflowPipelinesV1.run(of: object) : workflow.run,
            convention: result.convention ?? ArgoWorkflow.convention)
        switch workflow.nodes() {
        case .failure(let problem):
            result.problems.append(problem)
            result.offloaded = workflow.offloadedVersion.map { Offloaded(version: $0, problem: problem) }
        case .success(let nodes):
            if nodes.isEmpty { result.ignored.append("\(object.reference), status: has no nodes") }
            for node in nodes {
                if isPipeline, let reason = KubeflowPipelinesV1.reasonNotAStep(node, of: workflow) {
                    result.ignored.append("\(node.field): \(reason)")
                    continue
                }
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
