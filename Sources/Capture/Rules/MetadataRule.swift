import JSON
import Kubernetes
import Lineage

/// A rule for what nobody annotated: which objects it is for, and the annotations that they are read with.
///
/// `kind: MetadataRule` of `metadata.kubeflow.org/v1alpha1` holds in its namespace, `ClusterMetadataRule`
/// everywhere. An object's own annotations outweigh it, key by key.
struct MetadataRule: Sendable, Hashable {
    static let apiGroup = "metadata.kubeflow.org"
    static let kind = "MetadataRule"
    static let clusterKind = "ClusterMetadataRule"

    /// The kinds that are executions and read annotations.
    private static let knownKinds: Set<String> = Set(
        ["Pod", "TaskRun", "CustomRun", "PipelineRun", "TrainJob", "Trial", "SparkApplication", "RayJob", "JobSet"]
            + [
                "Workflow", "Experiment", "Job", "Run", "ReplicaSet", "InferenceService", "LLMInferenceService",
                "TrainedModel", "SeldonDeployment", "Model",
            ]
            + TrainingOperatorJob.kinds.keys)

    private struct Owner: Sendable, Hashable {
        var kind: String?
        var name: String?
    }

    /// `MetadataRule ml/train`, for messages.
    let reference: String
    /// `nil` for all that ``namespaces`` allows.
    private let namespace: String?
    private(set) var kinds: Set<String> = ["Pod"]
    private var namespaces: [String] = []
    private var labels: [String: String] = [:]
    private var images: [String] = []
    private var owners: [Owner] = []
    private var conditions = 0
    /// By their whole keys.
    private(set) var annotations: [String: String] = [:]

    // MARK: Reading

    /// Why a rule is not one.
    struct Malformed: Error {
        var problems: [Problem]
    }

    /// - Throws: ``Malformed`` with all mistakes.
    init(_ object: KubernetesObject) throws(Malformed) {
        reference = object.reference
        namespace = object.kind == Self.kind && !object.namespace.isEmpty ? object.namespace : nil
        var problems: [Problem] = []
        func wrong(_ field: String, _ reason: String) {
            problems.append(Problem(object: object.reference, field: field, reason: reason))
        }
        func texts(_ value: JSONValue?, _ field: String) -> [String] {
            guard let value, !value.isNull else { return [] }
            guard let list = value.array ?? value.string.map({ [.string($0)] }) else {
                wrong(field, "\(value.kindName) where a list of text should be")
                return []
            }
            return list.enumerated().compactMap { index, element in
                if element.string == nil { wrong("\(field)[\(index)]", "\(element.kindName) where text should be") }
                return element.string
            }
        }
        guard let spec = object.raw["spec"]?.object else {
            throw Malformed(problems: [Problem(object: object.reference, field: "spec", reason: "is missing")])
        }
        for member in spec {
            let field = "spec.\(member.key)"
            switch member.key {
            case "selector": continue
            case "inputs", "outputs":
                if member.value.array == nil, member.value.object == nil {
                    wrong(field, "\(member.value.kindName) where an artifact or a list of them should be")
                } else {
                    annotations[Annotations.prefix + member.key] = member.value.jsonText()
                }
            case "workspace", "run", "execution", "description", "owner":
                if let text = member.value.scalarText {
                    annotations[Annotations.prefix + member.key] = text
                } else {
                    wrong(field, "\(member.value.kindName) where text should be")
                }
            case "record":
                let text = member.value.scalarText
                if text != "true", text != "false" { wrong(field, "should be \"true\" or \"false\"") }
                annotations[Annotations.record] = text
            default:
                wrong(
                    field,
                    "is not known; should be selector, inputs, outputs, workspace, run, execution, description, owner or record"
                )
            }
        }
        // A rule without anything else says that what it selects is recorded.
        if annotations.isEmpty { annotations[Annotations.record] = "true" }
        for member in spec["selector"]?.object ?? JSONObject() {
            let field = "spec.selector.\(member.key)"
            switch member.key {
            case "kinds":
                let found = texts(member.value, field)
                for kind in found where !Self.knownKinds.contains(kind) {
                    wrong(
                        field,
                        "\(kind) is no kind of execution; should be of \(Self.knownKinds.sorted().joined(separator: ", "))"
                    )
                }
                if !found.isEmpty { kinds = Set(found) }
            case "namespaces":
                namespaces = texts(member.value, field)
                if namespace != nil {
                    wrong(field, "a MetadataRule holds in its own namespace; ClusterMetadataRule in others")
                }
            case "labels":
                guard let object = member.value.object else {
                    wrong(field, "\(member.value.kindName) where an object should be")
                    continue
                }
                for label in object {
                    if let text = label.value.scalarText {
                        labels[label.key] = text
                    } else {
                        wrong("\(field).\(label.key)", "\(label.value.kindName) where text should be")
                    }
                }
            case "images": images = texts(member.value, field)
            case "owners":
                for (index, owner) in (member.value.array ?? []).enumerated() {
                    guard owner.object != nil else {
                        wrong("\(field)[\(index)]", "\(owner.kindName) where {kind, name} should be")
                        continue
                    }
                    owners.append(Owner(kind: owner["kind"]?.string, name: owner["name"]?.string))
                }
                if member.value.array == nil { wrong(field, "\(member.value.kindName) where a list should be") }
            default: wrong(field, "is not known; should be kinds, namespaces, labels, images or owners")
            }
        }
        conditions = labels.count + (images.isEmpty ? 0 : 1) + (owners.isEmpty ? 0 : 1) + (namespaces.isEmpty ? 0 : 1)
        if conditions == 0, namespace == nil {
            wrong("spec.selector", "selects everything; name labels, images, owners or namespaces")
        }
        if !problems.isEmpty { throw Malformed(problems: problems) }
    }

    // MARK: Matching

    /// How much it asks for; of two rules the more specific counts. One of the namespace outweighs one of
    /// the cluster that asks for as much.
    var specificity: (Int, Int) { (conditions, namespace == nil ? 0 : 1) }

    /// - Parameter chain: the object's owners; `nil` where they are not known, and any may fit.
    func matches(_ object: KubernetesObject, owners chain: [OwnerIndex.Owner]?) -> Bool {
        guard kinds.contains(object.kind) else { return false }
        if let namespace, namespace != object.namespace { return false }
        if !namespaces.isEmpty, !namespaces.contains(where: { Self.fits(object.namespace, $0) }) { return false }
        for (key, value) in labels where !(object.labels[key].map { Self.fits($0, value) } ?? false) { return false }
        if !images.isEmpty,
            !Self.images(of: object).contains(where: { image in images.contains { Self.fits(image, $0) } })
        {
            return false
        }
        guard let chain, !owners.isEmpty else { return true }
        return owners.contains { wanted in
            chain.contains { owner in
                (wanted.kind == nil || owner.kind == wanted.kind)
                    && (wanted.name.map { Self.fits(owner.name, $0) } ?? true)
            }
        }
    }

    private static func images(of object: KubernetesObject) -> [String] {
        let spec = object.raw["spec"]
        let containers = spec?["containers"] ?? spec?["template"]?["spec"]?["containers"]
        return (containers?.array ?? []).compactMap { $0["image"]?.string }
    }

    /// Whether a text fits a pattern, in which `*` is any text.
    static func fits(_ text: String, _ pattern: String) -> Bool {
        // Whoever may write rules may make each object a search: names of Kubernetes and of images are shorter.
        guard text.utf8.count <= 1024, pattern.utf8.count <= 256 else { return false }
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return text == pattern }
        guard text.hasPrefix(first), text.hasSuffix(last), text.count >= first.count + last.count else { return false }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}
