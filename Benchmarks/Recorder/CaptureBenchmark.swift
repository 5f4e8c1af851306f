import ArgumentParser
import Capture
import FoundationEssentials
import JSON
import Kubernetes

/// How many events of each convention one core reads and captures in a second.
struct CaptureBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capture", abstract: "Read and capture events, convention by convention.")

    @Argument(help: "The folder with a folder of objects for each convention.")
    var folder: String

    func run() throws {
        let manager = FileManager.default
        for convention in try manager.contentsOfDirectory(atPath: folder).sorted() {
            let files = try manager.contentsOfDirectory(atPath: "\(folder)/\(convention)").filter {
                $0.hasSuffix(".json")
            }
            var objects: [KubernetesObject] = []
            for file in files.sorted() {
                guard let data = manager.contents(atPath: "\(folder)/\(convention)/\(file)") else { continue }
                ObjectFile.read(Array(data)) { if case .object(let object, _) = $0 { objects.append(object) } }
            }
            if objects.isEmpty { continue }
            measure(convention, objects)
        }
    }

    private func measure(_ convention: String, _ objects: [KubernetesObject]) {
        let capture = Capture(cluster: "bench")
        for object in objects { capture.learn(object) }
        // ConfigMaps are read once, and not watched.
        let lines = objects.filter { $0.kind != "ConfigMap" }.map { object -> (bytes: [UInt8], resource: Resource) in
            let version = object.apiVersion.split(separator: "/")
            let resource = Resource(
                group: version.count > 1 ? String(version[0]) : "", version: String(version.last ?? ""), plural: "",
                kind: object.kind)
            return (JSONValue.object(JSONObject([("type", "MODIFIED"), ("object", object.raw)])).jsonBytes(), resource)
        }
        let size = lines.reduce(0) { $0 + $1.bytes.count } / lines.count
        var count = 0
        let began = ContinuousClock.now
        while ContinuousClock.now - began < .milliseconds(500) {
            for (bytes, resource) in lines {
                let fields = Capture.fields(of: resource)
                guard let event = try? JSONValue(parsing: bytes, only: ["type": .everything, "object": fields]),
                    let object = try? KubernetesObject(event["object"] ?? .null, resource: resource)
                else { continue }
                _ = capture(object)
                count += 1
            }
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        print("\(convention): \(Int(Double(count) / seconds)) events/s of \(size) bytes")
    }
}
