import JSON
import Kubernetes

/// Which objects a request asks for, by labels and fields.
struct Selector {
    private enum Requirement {
        case exists(String)
        case absent(String)
        case isIn(String, Set<String>)
        case isNotIn(String, Set<String>)
    }

    private var labels: [Requirement] = []
    private var fields: [Requirement] = []
    var isEmpty: Bool { labels.isEmpty && fields.isEmpty }

    init(labels: String?, fields: String?) throws(ReplayStatus) {
        self.labels = try Self.parse(labels ?? "")
        self.fields = try Self.parse(fields ?? "")
        for field in self.fields {
            let name = Self.name(field)
            guard name == "metadata.name" || name == "metadata.namespace" else {
                throw .badRequest("field label not supported: \(name)")
            }
        }
    }

    private static func name(_ requirement: Requirement) -> String {
        switch requirement {
        case .exists(let name), .absent(let name), .isIn(let name, _), .isNotIn(let name, _): name
        }
    }

    private static func parse(_ text: String) throws(ReplayStatus) -> [Requirement] {
        var result: [Requirement] = []
        for part in split(text) {
            let part = trim(part)
            if part.isEmpty { continue }
            if let open = part.firstIndex(of: "("), part.hasSuffix(")") {
                let words = part[..<open].split(separator: " ").map(String.init)
                let values = Set(part[part.index(after: open)...].dropLast().split(separator: ",").map { trim($0) })
                guard words.count == 2 else { throw .badRequest("unable to parse requirement: \(part)") }
                result.append(words[1] == "notin" ? .isNotIn(words[0], values) : .isIn(words[0], values))
            } else if let range = part.firstRange(of: "!=") {
                result.append(.isNotIn(trim(part[..<range.lowerBound]), [trim(part[range.upperBound...])]))
            } else if let equal = part.firstIndex(of: "=") {
                var value = part[part.index(after: equal)...]
                if value.hasPrefix("=") { value = value.dropFirst() }
                guard !value.contains("=") else {
                    throw .badRequest("unable to parse requirement: found '=', expected: identifier")
                }
                result.append(.isIn(trim(part[..<equal]), [trim(value)]))
            } else if part.hasPrefix("!") {
                result.append(.absent(trim(part.dropFirst())))
            } else {
                result.append(.exists(part))
            }
        }
        return result
    }

    /// Cuts at commas that are not within parentheses.
    private static func split(_ text: String) -> [Substring] {
        var depth = 0
        return text.split { character in
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            return character == "," && depth == 0
        }
    }

    private static func trim(_ text: some StringProtocol) -> String {
        text.split(separator: " ").joined(separator: " ")
    }

    func matches(_ object: JSONValue) -> Bool {
        let own = object["metadata"]?["labels"]?.object?.strings ?? [:]
        let metadata = [
            "metadata.name": object["metadata"]?["name"]?.string ?? "",
            "metadata.namespace": object["metadata"]?["namespace"]?.string ?? "",
        ]
        return labels.allSatisfy { Self.holds($0, own) } && fields.allSatisfy { Self.holds($0, metadata) }
    }

    private static func holds(_ requirement: Requirement, _ values: [String: String]) -> Bool {
        switch requirement {
        case .exists(let name): values[name] != nil
        case .absent(let name): values[name] == nil
        case .isIn(let name, let set): values[name].map { set.contains($0) } ?? false
        case .isNotIn(let name, let set): values[name].map { !set.contains($0) } ?? true
        }
    }
}
