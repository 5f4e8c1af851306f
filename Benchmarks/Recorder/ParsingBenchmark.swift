import ArgumentParser
import Capture
import FoundationEssentials
import JSON
import Kubernetes

/// How fast a list of pods is read, by Foundation's decoder and by ours, on one core.
struct ParsingBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "parsing", abstract: "Read a list of pods, MB/s.")

    @Option(help: "How many pods.") var pods = 2000

    /// What a typed client would decode of a pod.
    private struct Pod: Decodable {
        struct Metadata: Decodable {
            var name: String
            var namespace: String
            var uid: String
            var labels: [String: String]
            var annotations: [String: String]
        }
        struct Spec: Decodable {
            struct Container: Decodable {
                struct Variable: Decodable {
                    var name: String
                    var value: String?
                }
                var name: String
                var env: [Variable]
            }
            var containers: [Container]
            var initContainers: [Container]
        }
        struct Status: Decodable { var phase: String }
        var metadata: Metadata
        var spec: Spec
        var status: Status
    }
    private struct PodList: Decodable { var items: [Pod] }

    func run() throws {
        let items = (0..<pods).map { BenchPod(number: $0).object() }
        let bytes = JSONValue.object(JSONObject([("kind", "PodList"), ("items", .array(items))])).jsonBytes()
        let size = Double(bytes.count) / 1e6
        print("\(pods) pods, \(bytes.count / pods) bytes each")
        func measure(_ name: String, _ body: () throws -> Int) throws -> Double {
            var best = Duration.seconds(3600)
            for _ in 0..<5 {
                let time = try ContinuousClock().measure {
                    guard try body() == pods else { throw ValidationError("\(name): not all pods were read") }
                }
                best = min(best, time)
            }
            let rate = size / (best / .seconds(1))
            print("\(name): \(Int(rate)) MB/s")
            return rate
        }
        let data = Data(bytes)
        let foundation = try measure("JSONDecoder, the same fields") {
            try JSONDecoder().decode(PodList.self, from: data).items.count
        }
        _ = try measure("everything") { try JSONValue(parsing: bytes)["items"]?.array?.count ?? 0 }
        let fields = Capture.fields(of: .pods)
        let ours = try measure("what Capture wants, as it arrives in 64 KB") {
            var reader = JSONListReader(list: "items", element: fields)
            var count = 0
            var rest = bytes[...]
            while !rest.isEmpty {
                let chunk = rest.prefix(65536)
                rest = rest.dropFirst(chunk.count)
                count += try reader.read(chunk, isLast: rest.isEmpty).count
            }
            return count
        }
        _ = try measure("read and captured") {
            var reader = JSONListReader(list: "items", element: fields)
            let capture = Capture(cluster: "bench")
            return try reader.read(bytes, isLast: true).reduce(0) {
                $0 + capture(try KubernetesObject($1, resource: .pods)).executions.count
            }
        }
        print("ours to JSONDecoder: \(Int(ours / foundation)).\(Int(ours / foundation * 10) % 10)")
    }
}
