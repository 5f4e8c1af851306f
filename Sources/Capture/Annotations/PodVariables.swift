import JSON
import Lineage

/// The variables of annotations: `$(env.NAME)`, `$(arg.--flag)`, `$(label.KEY)`, `$(annotation.KEY)`,
/// `$(pod.name)`, `$(pod.namespace)`, `$(pod.uid)`, `$(run.id)`, `$(result.PATH)`; `$$(` is `$(`.
struct PodVariables {
    /// A variable without a value.
    struct Unresolved: Error, CustomStringConvertible {
        var variable: String
        var reason: String

        var description: String { "$(\(variable)): \(reason)" }
    }

    private let pod: PodFacts
    private let runID: String

    init(_ pod: PodFacts, runID: String) {
        self.pod = pod
        self.runID = runID
    }

    /// A value with all texts in it resolved. A member that cannot be is left out.
    /// - Parameters:
    ///   - isFinal: whether the step has ended; before, a result that is not there is no problem.
    ///   - problems: gets a line for each variable without a value.
    func resolve(_ value: JSONValue, isFinal: Bool, _ problems: inout [String]) -> JSONValue {
        switch value {
        case .object(let object):
            var result = JSONObject()
            for member in object {
                let resolved = resolve(member.value, isFinal: isFinal, &problems)
                if !resolved.isNull || member.value.isNull { result[member.key] = resolved }
            }
            return .object(result)
        case .array(let elements):
            return .array(elements.map { resolve($0, isFinal: isFinal, &problems) })
        case .string(let text):
            do {
                return try resolve(text)
            } catch {
                if isFinal || !error.variable.hasPrefix("result.") { problems.append(error.description) }
                return .null
            }
        default: return value
        }
    }

    /// A text with its variables replaced; one that is a single result keeps the result's kind.
    func resolve(_ text: String) throws(Unresolved) -> JSONValue {
        guard text.contains("$(") else { return .string(text) }
        if text.hasPrefix("$(result."), text.hasSuffix(")"), text.firstIndex(of: ")") == text.indices.last {
            return try result(String(text.dropFirst("$(result.".count).dropLast()))
        }
        var output = ""
        var rest = Substring(text)
        while let open = rest.firstRange(of: "$(") {
            let before = rest[..<open.lowerBound]
            if before.hasSuffix("$") {
                output += before.dropLast() + "$("
                rest = rest[open.upperBound...]
                continue
            }
            guard let close = rest[open.upperBound...].firstIndex(of: ")") else {
                throw Unresolved(variable: String(rest[open.upperBound...]), reason: "is never closed")
            }
            output += before
            output += try value(of: String(rest[open.upperBound..<close]))
            rest = rest[rest.index(after: close)...]
        }
        return .string(output + rest)
    }

    private func value(of variable: String) throws(Unresolved) -> String {
        func required(_ value: String?, _ reason: String) throws(Unresolved) -> String {
            guard let value else { throw Unresolved(variable: variable, reason: reason) }
            return value
        }
        let dot = variable.firstIndex(of: ".") ?? variable.endIndex
        let key = dot < variable.endIndex ? String(variable[variable.index(after: dot)...]) : ""
        let object = pod.object
        switch (variable[..<dot], key) {
        case ("env", _):
            return try required(
                pod.environment(key), "the main container has no variable \(key) with a value in the pod")
        case ("arg", _): return try required(pod.argument(key), "the main container has no argument \(key)")
        case ("label", _): return try required(object.labels[key], "the pod has no label \(key)")
        case ("annotation", _): return try required(object.annotations[key], "the pod has no annotation \(key)")
        case ("pod", "name"): return object.name
        case ("pod", "namespace"): return object.namespace
        case ("pod", "uid"): return object.uid
        case ("run", "id"): return runID
        case ("result", _):
            let value = try result(key)
            return value.scalarText ?? value.jsonText()
        default: throw Unresolved(variable: variable, reason: "no such variable")
        }
    }

    /// A field of the JSON that the main container left as its termination message.
    private func result(_ path: String) throws(Unresolved) -> JSONValue {
        let variable = "result.\(path)"
        guard let message = pod.terminationMessage else {
            throw Unresolved(variable: variable, reason: "the main container left no termination message")
        }
        var value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: message)
        } catch {
            throw Unresolved(variable: variable, reason: "the termination message is no JSON: \(error)")
        }
        for key in path.split(separator: ".") {
            let next = Int(key).flatMap { index in
                value.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
            guard let next = next ?? value[String(key)] else {
                throw Unresolved(variable: variable, reason: "the termination message has no field \(path)")
            }
            value = next
        }
        return value
    }
}
