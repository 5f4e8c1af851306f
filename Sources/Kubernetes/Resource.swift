/// A kind of object, as its API paths name it.
public struct Resource: Sendable, Hashable {
    /// The API group; empty for the core group.
    public var group: String
    public var version: String
    /// The name in paths: `pods`.
    public var plural: String
    public var kind: String

    public init(group: String, version: String, plural: String, kind: String) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
    }

    public static let pods = Resource(group: "", version: "v1", plural: "pods", kind: "Pod")
    public static let namespaces = Resource(
        group: "", version: "v1", plural: "namespaces", kind: "Namespace")
    public static let events = Resource(group: "", version: "v1", plural: "events", kind: "Event")
    public static let configMaps = Resource(
        group: "", version: "v1", plural: "configmaps", kind: "ConfigMap")
    public static let customResourceDefinitions = Resource(
        group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions",
        kind: "CustomResourceDefinition")
    public static let leases = Resource(
        group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease")
    /// Argo Workflows.
    public static let workflows = Resource(
        group: "argoproj.io", version: "v1alpha1", plural: "workflows", kind: "Workflow")

    public static let workflowTaskResults = Resource(
        group: "argoproj.io", version: "v1alpha1", plural: "workflowtaskresults", kind: "WorkflowTaskResult")

    /// `v1`, `argoproj.io/v1alpha1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The path of the collection, or of one object in it.
    public func path(namespace: String? = nil, name: String? = nil) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if let namespace { path += "/namespaces/\(Self.encode(namespace))" }
        path += "/\(plural)"
        if let name { path += "/\(Self.encode(name))" }
        return path
    }

    /// Undoes percent-encoding.
    public static func decode(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Percent-encodes everything that a path segment or query value may not hold as it is.
    public static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(UnicodeScalar(byte))
            default:
                result += byte < 16 ? "%0" : "%"
                result += String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
