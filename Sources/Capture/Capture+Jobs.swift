import Kubernetes
import Lineage

extension Capture {
    /// Objects that stand for one execution and run in pods of theirs.
    func job(_ original: KubernetesObject, isDeleted: Bool) -> Result? {
        var object = original
        let chain = owners.chain(of: object)
        // What owners say holds for their jobs too; the nearest outweighs.
        for owner in chain { Annotations.inherit(owner.annotations, into: &object.annotations) }
        if object.annotations[Annotations.record] == "false" {
            return ignored(object, "\(Annotations.record) is \"false\"")
        }
        let found: (convention: String, execution: Execution?)
        switch (object.apiVersion.prefix { $0 != "/" }, object.kind) {
        case ("trainer.kubeflow.org", "TrainJob"):
            found = (TrainJob.convention, TrainJob.execution(object, isDeleted: isDeleted, capture: self))
        case ("kubeflow.org", "Trial"):
            found = (Katib.convention, Katib.trial(object, isDeleted: isDeleted, capture: self))
        case ("kubeflow.org", "Experiment"):
            return Katib.experiment(object, capture: self)
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
            guard Annotations.matches(object) || Self.collective(chain) != nil else {
                return ignored(object, "it has no annotation of \(Annotations.prefix)")
            }
            found = (JobSet.convention, JobSet.execution(object, isDeleted: isDeleted, capture: self))
        case ("batch", "Job"):
            var result = ignored(object, "its pods tell of it, with its annotations")
            result.run = BatchJob.status(object, chain: chain, capture: self)
            if result.run != nil { result.convention = BatchJob.convention }
            return result
        case ("kubeflow.org", "Suggestion"): return ignored(object, "the trials that it suggests tell of it")
        case ("batch", "CronJob"): return ignored(object, "its Jobs' pods tell of it")
        default: return nil
        }
        // Of a job within a job the outer one is the execution.
        if let outer = Self.collective(chain) {
            var result = ignored(object, "belongs to \(outer.kind) \(outer.name)")
            result.convention = found.convention
            if object.kind == "JobSet", outer.kind == "TrainJob" {
                result.executions = TrainJob.fragment(original, of: outer, capture: self).map { [$0] } ?? []
            }
            return result
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
}
