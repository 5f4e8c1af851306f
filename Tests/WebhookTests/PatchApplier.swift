import FoundationEssentials
import JSON

/// Applies a JSON Patch of nothing but “add” (RFC 6902), as strictly as the API server does.
enum PatchApplier {
    struct Failed: Error {
        var reason: String
    }

    static func apply(_ patch: [JSONValue], to value: JSONValue) throws -> JSONValue {
        try patch.reduce(value) { value, operation in
            guard operation["op"] == "add", let path = operation["path"]?.string, let new = operation["value"] else {
                throw Failed(reason: "operation \(operation)")
            }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
                String($0).replacing("~1", with: "/").replacing("~0", with: "~")
            }
            return try add(new, Array(parts)[...], to: value, path)
        }
    }

    private static func add(
        _ new: JSONValue, _ path: ArraySlice<String>, to value: JSONValue, _ whole: String
    ) throws -> JSONValue {
        guard let key = path.first else { return new }
        let rest = path.dropFirst()
        switch value {
        case .object(var object):
            guard rest.isEmpty || object[key] != nil else { throw Failed(reason: "\(whole): no member \(key)") }
            object[key] = rest.isEmpty ? new : try add(new, rest, to: object[key]!, whole)
            return .object(object)
        case .array(var list):
            if rest.isEmpty {
                guard let index = key == "-" ? list.count : Int(key), index <= list.count else {
                    throw Failed(reason: "\(whole): index \(key)")
                }
                list.insert(new, at: index)
            } else {
                guard let index = Int(key), index < list.count else { throw Failed(reason: "\(whole): index \(key)") }
                list[index] = try add(new, rest, to: list[index], whole)
            }
            return .array(list)
        default: throw Failed(reason: "\(whole): neither object nor list")
        }
    }

    /// The patch in the response of a review; empty where there is none.
    static func patch(in review: JSONValue) throws -> [JSONValue] {
        guard let text = review["response"]?["patch"]?.string else { return [] }
        guard review["response"]?["patchType"] == "JSONPatch", let data = Data(base64Encoded: text) else {
            throw Failed(reason: "patch")
        }
        return try JSONValue(parsing: data).array ?? []
    }
}
