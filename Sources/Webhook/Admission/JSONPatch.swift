import FoundationEssentials
import JSON

/// A JSON Patch (RFC 6902) that only adds: whatever is there stays as it is.
struct JSONPatch: Sendable, Hashable {
    private(set) var operations: [JSONValue] = []

    var isEmpty: Bool { operations.isEmpty }

    /// As an AdmissionResponse has it.
    var base64: String { Data(JSONValue.array(operations).jsonBytes()).base64EncodedString() }

    /// Sets a member, or puts an element into a list.
    mutating func add(_ value: JSONValue, at path: [String]) {
        operations.append(["op": "add", "path": .string(Self.pointer(path)), "value": value])
    }

    /// Puts elements at the end of a list, which is made where there is none.
    /// - Parameter list: what is there now.
    mutating func append(_ elements: [JSONValue], to list: JSONValue?, at path: [String]) {
        guard list?.array != nil else { return add(.array(elements), at: path) }
        for element in elements { add(element, at: path + ["-"]) }
    }

    /// Sets members of an object, which is made where there is none.
    /// - Parameter object: what is there now.
    mutating func set(_ members: [(String, JSONValue)], in object: JSONValue?, at path: [String]) {
        guard object?.object != nil else { return add(.object(JSONObject(members)), at: path) }
        for (key, value) in members { add(value, at: path + [key]) }
    }

    /// A JSON Pointer (RFC 6901).
    private static func pointer(_ path: [String]) -> String {
        path.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
    }
}
