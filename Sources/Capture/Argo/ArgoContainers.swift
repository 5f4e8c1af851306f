import FoundationEssentials
import JSON
import Kubernetes
import Lineage

/// How far the containers of an Argo step's pod have come (operator.go, inferFailedReason, 3.0 to 4.1).
struct ArgoContainers {
    private let phase: String
    private let isDeleted: Bool
    /// Of the containers that do the work: of a container set there are several.
    private let mains: [JSONValue]
    private let mainCount: Int
    /// Of the container that saves outputs.
    private let executor: JSONValue?
    private let isDaemon: Bool
    private let sidecarsWereStopped: Bool
    private let hasMessage: Bool

    init(_ pod: KubernetesObject, template: JSONValue, isDeleted: Bool) {
        isDaemon = template["daemon"]?.bool == true
        phase = pod.raw["status"]?["phase"]?.string ?? ""
        self.isDeleted = isDeleted
        let set = (template["containerSet"]?["containers"]?.array ?? []).compactMap { $0["name"]?.string }
        let names = set.isEmpty ? ["main"] : set
        let statuses = pod.raw["status"]?["containerStatuses"]?.array ?? []
        let byName = Dictionary(statuses.map { ($0["name"]?.string ?? "", $0) }) { first, _ in first }
        func status(_ name: String) -> JSONValue? { byName[name] }
        mains = names.compactMap { status($0)?["state"] }
        mainCount = names.count
        executor = (status("wait") ?? status("supervisor"))?["state"]
        hasMessage = pod.raw["status"]?["message"]?.string?.isEmpty == false
        let known = Set(names + ["wait", "supervisor"])
        let others = statuses.filter { !known.contains($0["name"]?.string ?? "") }
        sidecarsWereStopped = others.allSatisfy { sidecar in
            [nil, 0, 137, 143].contains(sidecar["state"]?["terminated"]?["exitCode"]?.integer)
        }
    }

    private var ended: [JSONValue] { mains.compactMap { $0["terminated"] } }
    private var allEndedWell: Bool {
        ended.count == mainCount && ended.allSatisfy { $0["exitCode"]?.integer == 0 }
    }

    var state: Execution.State {
        // A daemon is stopped when those that it serves are done.
        let wasStopped = ended.allSatisfy { [137, 143].contains($0["exitCode"]?.integer ?? 0) }
        if isDaemon, ended.count == mainCount, wasStopped, phase == "Failed" || isDeleted { return .complete }
        switch phase {
        case "Succeeded": return .complete
        case "Failed":
            // Evicted, or past its deadline: the pod itself says why. A sidecar that was stopped when the work
            // was done is no failure, any other end of one is.
            let saved = executor.map { $0["terminated"]?["exitCode"]?.integer == 0 } ?? false
            return allEndedWell && saved && sidecarsWereStopped && !hasMessage ? .complete : .failed
        default: break
        }
        // A pod deleted the moment it ended may never be seen in a final phase. While outputs are being
        // saved the step goes on: it fails if that fails.
        let isSaving = executor?["running"] != nil
        if ended.count == mainCount, isDeleted || !isSaving { return allEndedWell ? .complete : .failed }
        if isDeleted { return .canceled }
        // Its node cannot be reached: it had started, and nobody knows more.
        return phase == "Running" || phase == "Unknown" && start != nil ? .running : .new
    }

    var start: Date? {
        mains.compactMap { ($0["terminated"] ?? $0["running"])?["startedAt"]?.string.flatMap(Timestamp.parse) }.min()
    }

    var end: Date? { ended.compactMap { $0["finishedAt"]?.string.flatMap(Timestamp.parse) }.max() }
}
