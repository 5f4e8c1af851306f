import FoundationEssentials
import Kubernetes
import Lineage
import Synchronization

/// What serves for InferenceServices of KServe in Standard mode (RawDeployment before 0.16): their status says only
/// that something does, and stays so while another revision is rolled out, or fails. Filled as objects are seen.
public final class ServiceIndex: Sendable {
    /// A revision of a service's Deployment.
    struct ReplicaSet: Sendable, Hashable {
        var name: String
        /// The model that its pods load.
        var uri: String
        var isReady: Bool
        /// Of the Deployment; one that is rolled back to gets a new number.
        var revision: Int
        var created: Date?
        /// When it was scaled last.
        var scaled: Date?
        /// Its `resourceVersion`.
        var version: UInt64
    }

    private struct Entry {
        var service: KubernetesObject?
        var sets: [String: ReplicaSet] = [:]
        /// What its pods load, by uid.
        var uris: [String: String] = [:]

        var isEmpty: Bool { service == nil && sets.isEmpty && uris.isEmpty }
    }

    private static let label = "serving.kserve.io/inferenceservice"
    /// The controller writes it on the pod template (pkg/constants, 0.9 to 0.20).
    private static let sourceURI = "internal.serving.kserve.io/storage-initializer-sourceuri"
    private let entries = Mutex<[String: Entry]>([:])

    public init() {}

    /// Takes in a service or a ReplicaSet of one; other objects say nothing.
    /// - Returns: the service of which a ReplicaSet tells something new.
    func add(_ object: KubernetesObject, isDeleted: Bool) -> KubernetesObject? {
        if object.apiVersion.hasPrefix("serving.kserve.io/"), object.kind == "InferenceService" {
            let key = "\(object.namespace)/\(object.name)"
            entries.withLock { entries in
                if isDeleted { entries[key]?.service = nil } else { entries[key, default: Entry()].service = object }
            }
            return nil
        }
        if object.kind == "Pod" { return addPod(object, isDeleted: isDeleted) }
        guard object.apiVersion == "apps/v1", object.kind == "ReplicaSet", let name = object.labels[Self.label],
            object.labels["component"] == "predictor",
            let uri = object.raw["spec"]?["template"]?["metadata"]?["annotations"]?[Self.sourceURI]?.string
        else { return nil }
        let found = ReplicaSet(
            name: object.name, uri: uri, isReady: object.raw["status"]?["readyReplicas"]?.integer ?? 0 > 0,
            revision: object.annotations["deployment.kubernetes.io/revision"].flatMap { Int($0) } ?? 0,
            created: ObjectExecution.created(object), scaled: object.scaledTime.flatMap(Timestamp.parse),
            version: UInt64(object.resourceVersion) ?? 0)
        return entries.withLock { entries in
            var entry = entries["\(object.namespace)/\(name)"] ?? Entry()
            let old = entry.sets[object.uid]
            entry.sets[object.uid] = isDeleted ? nil : found
            entries["\(object.namespace)/\(name)"] = entry.isEmpty ? nil : entry
            return old?.isReady != entry.sets[object.uid]?.isReady ? entry.service : nil
        }
    }

    /// A predictor's pod: its init container loads the model.
    private func addPod(_ pod: KubernetesObject, isDeleted: Bool) -> KubernetesObject? {
        guard let name = pod.labels[Self.label], pod.labels["component"] == "predictor" else { return nil }
        let initializer = pod.raw["spec"]?["initContainers"]?.array?.first {
            $0["name"]?.string == "storage-initializer"
        }
        guard let uri = initializer?["args"]?.array?.first?.string, uri.contains("://") else { return nil }
        return entries.withLock { entries in
            var entry = entries["\(pod.namespace)/\(name)"] ?? Entry()
            let isNew = !entry.uris.values.contains(uri)
            entry.uris[pod.uid] = isDeleted ? nil : uri
            entries["\(pod.namespace)/\(name)"] = entry.isEmpty ? nil : entry
            // Only what names its model by key is told by its pods.
            return isNew && !isDeleted && entry.service?.raw["spec"]?["predictor"]?["model"]?["storage"] != nil
                ? entry.service : nil
        }
    }

    /// Forgets what a whole list did not have: it went while nobody watched.
    func retain(_ kind: String, in namespace: String?, _ isPresent: (String) -> Bool) {
        entries.withLock { entries in
            for (key, entry) in entries where namespace.map({ key.hasPrefix("\($0)/") }) ?? true {
                var kept = entry
                switch kind {
                case "InferenceService":
                    if let service = kept.service, !isPresent(service.uid) { kept.service = nil }
                case "ReplicaSet": kept.sets = kept.sets.filter { isPresent($0.key) }
                case "Pod": kept.uris = kept.uris.filter { isPresent($0.key) }
                default: continue
                }
                entries[key] = kept.isEmpty ? nil : kept
            }
        }
    }

    /// What pods of a service load.
    func storageURIs(of service: KubernetesObject) -> [String] {
        entries.withLock { entries in
            Set((entries["\(service.namespace)/\(service.name)"]?.uris ?? [:]).values).sorted()
        }
    }

    /// How old what is known of a service's ReplicaSets is; `nil` for what is no service or has none.
    func age(of object: KubernetesObject) -> Age? {
        guard object.kind == "InferenceService" else { return nil }
        let sets = sets(of: object)
        guard !sets.isEmpty else { return nil }
        let times = sets.flatMap { [$0.created, $0.scaled] }.compactMap { $0 }
        return Age(
            time: times.max().map(Timestamp.milliseconds) ?? 0, version: sets.map(\.version).max() ?? 0)
    }

    /// The ReplicaSets of a service.
    func sets(of service: KubernetesObject) -> [ReplicaSet] {
        entries.withLock { entries in
            (entries["\(service.namespace)/\(service.name)"]?.sets.values).map { $0.sorted { $0.name < $1.name } } ?? []
        }
    }
}
