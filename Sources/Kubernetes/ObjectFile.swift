import JSON

/// Objects in a file: what `kubectl get -o json` or `-o yaml` prints, a List, several documents,
/// JSON lines, or the lines of a watch.
public enum ObjectFile {
    /// An object of the file, or why there is none.
    public enum Item: Sendable {
        case object(KubernetesObject, isDeleted: Bool)
        /// Where in the file, and what is wrong there.
        case malformed(String)
    }

    /// Reads all objects of a file. A mistake costs only the object that it is in.
    /// - Parameters:
    ///   - bytes: the file's content, JSON or YAML.
    ///   - body: gets one object after the other.
    public static func read(_ bytes: [UInt8], _ body: (Item) throws -> Void) rethrows {
        var reader = ObjectReader()
        var rest = bytes[...]
        repeat {
            let chunk = Array(rest.prefix(65_536))
            rest = rest.dropFirst(chunk.count)
            try reader.read(chunk, isLast: rest.isEmpty, body)
        } while !rest.isEmpty
    }

    static func unpack(_ value: JSONValue, _ place: String, _ body: (Item) throws -> Void) rethrows {
        if let elements = value.array {
            for element in elements { try unpack(element, place, body) }
            return
        }
        // A line of a watch.
        if let type = value["type"]?.string, let object = value["object"], value["metadata"] == nil {
            if type == "BOOKMARK" || type == "ERROR" { return }
            try make(object, nil, isDeleted: type == "DELETED", place, body)
            return
        }
        if let kind = value["kind"]?.string, kind.hasSuffix("List"), let items = value["items"]?.array {
            let resource = Resource(
                group: "", version: value["apiVersion"]?.string ?? "", plural: "",
                kind: String(kind.dropLast("List".count)))
            for (index, item) in items.enumerated() {
                try make(item, resource, isDeleted: false, "item \(index) of the \(kind): ", body)
            }
            return
        }
        try make(value, nil, isDeleted: false, place, body)
    }

    static func make(
        _ value: JSONValue, _ resource: Resource?, isDeleted: Bool, _ place: String,
        _ body: (Item) throws -> Void
    ) rethrows {
        let item: Item
        do throws(KubernetesObject.Malformed) {
            item = .object(try KubernetesObject(value, resource: resource), isDeleted: isDeleted)
        } catch {
            item = .malformed(place + error.description)
        }
        try body(item)
    }
}
