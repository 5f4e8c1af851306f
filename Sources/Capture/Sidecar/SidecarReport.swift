public import FoundationEssentials
public import JSON
import Lineage

/// What a sidecar found beside the containers of its pod: the files that they left, and what they said themselves.
///
/// It is written to the store by the sidecar, and stands in its termination message, which is in the pod's status, for
/// a recorder of the cluster. Both make the same of it.
public struct SidecarReport: Sendable, Hashable {
    /// A file or folder where an output was to be.
    public struct Digest: Sendable, Hashable {
        /// The name of the output, as the annotation says it.
        public var name: String
        public var path: String
        /// In bytes; of a folder, of all files together.
        public var size: Int64
        /// In hexadecimal; `nil` where there was no time for it. Of a folder, that of the lines `HASH  PATH` of its
        /// files, sorted by path, as `sha256sum` writes them.
        public var sha256: String?
        /// How many files a folder has; `nil` of a file.
        public var files: Int?

        public init(name: String, path: String, size: Int64, sha256: String?, files: Int? = nil) {
            (self.name, self.path, self.size, self.sha256, self.files) = (name, path, size, sha256, files)
        }
    }

    /// The most bytes of a termination message (Kubernetes 1.6 and later, `containers[*].terminationMessagePath`).
    public static let messageLength = 4096
    /// Those of all containers of a pod together, of which the kubelet keeps each its share (kuberuntime's and status
    /// manager's MaxPodTerminationMessageLogLength).
    private static let messagesLength = 12 << 10

    /// The most bytes of the message of one of so many containers, init containers among them.
    public static func messageLength(ofContainers count: Int) -> Int {
        min(messageLength, messagesLength / max(1, count))
    }

    /// When the containers were seen to have ended.
    public var time: Date?
    public var digests: [Digest] = []
    /// Artifacts as annotations have them.
    public var inputs: [JSONValue] = []
    public var outputs: [JSONValue] = []
    /// Numbers by name.
    public var metrics: [(name: String, value: JSONValue)] = []
    public var parameters: [(name: String, value: JSONValue)] = []
    /// What could not be read, or had no time.
    public var problems: [String] = []
    /// Whether there was more than a message holds.
    public var isCut = false

    public init() {}

    /// The same without what looks like a secret in its texts: the message stands where many may read it.
    public var withoutSecrets: SidecarReport {
        func cut(_ value: JSONValue) -> JSONValue {
            switch value {
            case .string(let text): .string(Secrets.cut(from: text))
            case .array(let elements): .array(elements.map(cut))
            case .object(let object): .object(JSONObject(object.members.map { ($0.key, cut($0.value)) }))
            default: value
            }
        }
        var result = self
        (result.inputs, result.outputs) = (inputs.map(cut), outputs.map(cut))
        result.metrics = metrics.map { ($0.name, cut($0.value)) }
        result.parameters = parameters.map { ($0.name, cut($0.value)) }
        result.problems = problems.map(Secrets.cut)
        return result
    }

    /// Whether there is anything to say.
    public var isEmpty: Bool {
        digests.isEmpty && inputs.isEmpty && outputs.isEmpty && metrics.isEmpty && parameters.isEmpty
            && problems.isEmpty
    }

    public static func == (left: SidecarReport, right: SidecarReport) -> Bool { left.json == right.json }
    public func hash(into hasher: inout Hasher) { hasher.combine(json) }

    // MARK: JSON

    /// The version of the format.
    public static let version: Int64 = 1

    public var json: JSONValue {
        var object = JSONObject([("kfmd", .integer(Self.version))])
        object["time"] = time.map { .string(Timestamp.format($0)) }
        func set(_ key: String, _ values: [JSONValue]) { object[key] = values.isEmpty ? nil : .array(values) }
        func set(_ key: String, _ values: [(name: String, value: JSONValue)]) {
            object[key] = values.isEmpty ? nil : .object(JSONObject(values.map { ($0.name, $0.value) }))
        }
        set("digests", digests.map(\.json))
        set("outputs", outputs)
        set("inputs", inputs)
        set("metrics", metrics)
        set("parameters", parameters)
        set("problems", problems.map { .string($0) })
        if isCut { object["cut"] = .bool(true) }
        return .object(object)
    }

    /// - Returns: `nil` where the text is no report.
    public init?(parsing text: String) {
        guard text.utf8.count <= 2 * Self.messageLength, text.utf8.first == UInt8(ascii: "{"),
            let value = try? JSONValue(parsing: text)
        else { return nil }
        self.init(value)
    }

    /// - Returns: `nil` where the value is no report of this version.
    public init?(_ value: JSONValue) {
        guard value["kfmd"]?.integer == Self.version else { return nil }
        func members(_ key: String) -> [(name: String, value: JSONValue)] {
            (value[key]?.object?.members ?? []).map { ($0.key, $0.value) }
        }
        time = value["time"]?.string.flatMap(Timestamp.parse)
        digests = (value["digests"]?.array ?? []).compactMap(Digest.init)
        inputs = value["inputs"]?.array ?? []
        outputs = value["outputs"]?.array ?? []
        (metrics, parameters) = (members("metrics"), members("parameters"))
        problems = (value["problems"]?.array ?? []).compactMap(\.string)
        isCut = value["cut"]?.bool ?? false
    }

    /// The report as a termination message: what is most needed first, as far as it goes.
    /// - Parameter limit: in bytes.
    public func message(upTo limit: Int = messageLength) -> String {
        let whole = json.jsonText()
        if whole.utf8.count <= limit { return whole }
        var cut = SidecarReport()
        (cut.time, cut.isCut) = (time, true)
        // Room is reckoned by the pieces; the message that comes of it is counted.
        var room = limit - cut.json.jsonText().utf8.count - 100
        func fits(_ value: JSONValue, _ name: String = "") -> Bool {
            let length = value.jsonText().utf8.count + name.utf8.count + 8
            guard length <= room else { return false }
            room -= length
            return true
        }
        cut.digests = digests.filter { fits($0.json) }
        cut.outputs = outputs.filter { fits($0) }
        cut.inputs = inputs.filter { fits($0) }
        cut.metrics = metrics.filter { fits($0.value, $0.name) }
        cut.parameters = parameters.filter { fits($0.value, $0.name) }
        cut.problems = problems.filter { fits(.string($0)) }
        let text = cut.json.jsonText()
        // Names that escape to more than was reckoned.
        guard text.utf8.count > limit else { return text }
        var last = SidecarReport()
        (last.time, last.isCut) = (time, true)
        return last.json.jsonText()
    }
}

extension SidecarReport.Digest {
    fileprivate var json: JSONValue {
        var object = JSONObject([("name", .string(name)), ("path", .string(path)), ("size", .integer(size))])
        object["sha256"] = sha256.map { .string($0) }
        object["files"] = files.map { .integer(Int64($0)) }
        return .object(object)
    }

    fileprivate init?(_ value: JSONValue) {
        guard let name = value["name"]?.string, let size = value["size"]?.integer, size >= 0 else { return nil }
        let sha256 = value["sha256"]?.string.flatMap { $0.utf8.count == 64 ? $0 : nil }
        self.init(
            name: name, path: value["path"]?.string ?? "", size: size, sha256: sha256,
            files: value["files"]?.integer.flatMap { Int(exactly: $0) })
    }
}
