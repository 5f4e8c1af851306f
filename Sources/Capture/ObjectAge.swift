import JSON
import Kubernetes
import Lineage

extension Capture {
    /// How old a sight of an object is, by the object's own times and version.
    func age(of object: KubernetesObject, isDeleted: Bool) -> Age {
        var latest = ""
        // Neither annotations, which may have any time, nor deletionTimestamp, which is in the future and moved back when
        // the grace period ends early.
        Self.note(object.raw["metadata"]?["creationTimestamp"]?.string ?? "", &latest)
        Self.findTimes(in: object.raw["status"] ?? .null, depth: 0, &latest)
        for time in [object.specChangedTime, object.scaledTime] { Self.note(time ?? "", &latest) }
        var age = Age(
            time: Timestamp.parse(latest).map(Timestamp.milliseconds) ?? 0,
            version: UInt64(object.resourceVersion) ?? 0,
            isDeleted: isDeleted)
        // A service is also told by what serves for it, whose versions are of the same count.
        if let sets = services.age(of: object) {
            age.time = max(age.time, sets.time)
            age.version = max(age.version, sets.version)
        }
        return age
    }

    /// Where Kubernetes' objects say when something happened to them: `finishedAt`, `completionTime`,
    /// `lastUpdateTimestamp`. What users wrote into parameters has other keys.
    private static func isTime(_ key: String) -> Bool {
        // Probes are not what happened.
        if key == "lastProbeTime" || key == "lastHeartbeatTime" { return false }
        return key.hasSuffix("At") || key.hasSuffix("Time") || key.hasSuffix("Timestamp")
    }

    /// Parts of a status that are of others, or no times of its own.
    private static let parts: Set<String> = [
        "storedTemplates", "storedWorkflowTemplateSpec", "taskRuns", "runs", "pipelineSpec", "taskSpec",
    ]

    private static func findTimes(in value: JSONValue, depth: Int, _ latest: inout String) {
        guard depth < 8 else { return }
        switch value {
        case .object(let object):
            for member in object {
                if case .string(let text) = member.value {
                    if isTime(member.key) { note(text, &latest) }
                } else if !parts.contains(member.key) {
                    findTimes(in: member.value, depth: depth + 1, &latest)
                }
            }
        case .array(let elements):
            for element in elements { findTimes(in: element, depth: depth + 1, &latest) }
        default: break
        }
    }

    /// Times in UTC, to the second or finer, compare as texts; Kubernetes writes no others.
    private static func note(_ text: String, _ latest: inout String) {
        let utf8 = text.utf8
        guard utf8.count >= 20, utf8.count <= 40, utf8.prefix(4).allSatisfy(isDigit) else { return }
        if utf8.last != UInt8(ascii: "Z") || utf8[utf8.index(utf8.startIndex, offsetBy: 10)] != UInt8(ascii: "T") {
            // Of files that were written anew.
            guard let time = Timestamp.parse(text) else { return }
            return note(Timestamp.format(time), &latest)
        }
        guard text.prefix(19) > latest.prefix(19) else { return }
        let time = "\(text.prefix(19))Z"
        if Timestamp.parse(time) != nil { latest = time }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
