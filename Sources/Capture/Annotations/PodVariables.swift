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
    private let spent = Spent()

    /// What was spent on this object, and what is worked out once.
    private final class Spent {
        var replacements = 0
        var length = 0
        var message: Result<JSONValue, JSONError>?
    }

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
            let members = object.compactMap { member -> (String, JSONValue)? in
                let resolved = resolve(member.value, isFinal: isFinal, &problems)
                return !resolved.isNull || member.value.isNull ? (member.key, resolved) : nil
            }
            return .object(JSONObject(members))
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
                throw Unresolved(
                    variable: String(rest[open.upperBound...]).cut(to: 200), reason: "is never closed")
            }
            output += before
            let variable = String(rest[open.upperBound..<close])
            let value = try value(of: variable)
            output += value
            rest = rest[rest.index(after: close)...]
            try spend(value, in: output, variable)
        }
        return .string(output + rest)
    }

    private func spend(_ value: String, in text: String, _ variable: String) throws(Unresolved) {
        spent.replacements += 1
        spent.length += value.utf8.count
        guard text.utf8.count <= Budget.textLength else {
            throw Unresolved(variable: variable, reason: "makes a text longer than \(Budget.textLength >> 10) KiB")
        }
        guard spent.replacements <= Budget.replacements, spent.length <= Budget.textsLength else {
            throw Unresolved(
                variable: variable,
                reason: "is one too many: an object's variables are replaced \(Budget.replacements) times, "
                    + "with \(Budget.textsLength >> 20) MiB in sum")
        }
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

    private func message(_ text: String) -> Result<JSONValue, JSONError> {
        if let message = spent.message { return message }
        let message = Result<JSONValue, JSONError> { () throws(JSONError) in try JSONValue(parsing: text) }
        spent.message = message
        return message
    }

    /// A field of the JSON that the main container left as its termination message.
    private func result(_ path: String) throws(Unresolved) -> JSONValue {
        let variable = "result.\(path)"
        guard let text = pod.terminationMessage else {
            throw Unresolved(variable: variable, reason: "the main container left no termination message")
        }
        var value: JSONValue
        do {
            value = try message(text).get()
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
