import JSON
import YAML

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
        let first = bytes.first { !($0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            for value in JSONSequence(bytes) {
                switch value {
                case .success(let value): try unpack(value, "", body)
                case .failure(let error): try body(.malformed("\(error)"))
                }
            }
            return
        }
        for (line, document) in documents(bytes) {
            switch parse(document) {
            case .success(let value): if !value.isNull { try unpack(value, "", body) }
            case .failure(var error):
                error.line += line
                try body(.malformed("\(error)"))
            }
        }
    }

    private static func parse(_ document: [UInt8]) -> Result<JSONValue, YAMLError> {
        do throws(YAMLError) {
            return .success(try YAML.documents(in: document).first ?? .null)
        } catch {
            return .failure(error)
        }
    }

    /// The documents of a YAML stream, each with the number of lines before it, so that a mistake in
    /// one leaves the others readable.
    private static func documents(_ bytes: [UInt8]) -> [(line: Int, bytes: [UInt8])] {
        var result: [(Int, [UInt8])] = []
        var current: [UInt8] = []
        var (line, start) = (0, 0)
        for text in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let isSeparator =
                text.starts(with: [0x2D, 0x2D, 0x2D]) && (text.count == 3 || text[text.startIndex + 3] <= 0x20)
            if isSeparator {
                result.append((start, current))
                current = []
                start = line + 1
            } else {
                current += text
                current.append(UInt8(ascii: "\n"))
            }
            line += 1
        }
        result.append((start, current))
        return result.filter { !$0.1.allSatisfy { $0 <= 0x20 } }
    }

    private static func unpack(_ value: JSONValue, _ place: String, _ body: (Item) throws -> Void) rethrows {
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

    private static func make(
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
