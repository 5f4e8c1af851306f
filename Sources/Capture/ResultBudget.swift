import Lineage

extension Capture.Result {
    /// Sets aside what goes over the budget of one object, and says so.
    mutating func fitBudget(_ object: String) {
        if executions.count > Budget.executions {
            problems.append(
                Problem(
                    object: object, field: "(all)",
                    reason: "tells of \(executions.count) executions; only the first \(Budget.executions) are recorded")
            )
            executions.removeLast(executions.count - Budget.executions)
        }
        for index in executions.indices { executions[index].fitBudget() }
        run?.fitBudget()
        problems = Self.fit(problems)
    }

    /// The first of many problems, and how many more there are.
    fileprivate static func fit(_ problems: [Problem]) -> [Problem] {
        var result = problems.prefix(Budget.problems).map { problem in
            var problem = problem
            problem.field = problem.field.cut(to: Budget.problemLength)
            problem.reason = problem.reason.cut(to: Budget.problemLength)
            return problem
        }
        if problems.count > Budget.problems, let first = problems.first {
            result.append(
                Problem(
                    object: first.object, field: "(all)",
                    reason: "and \(problems.count - Budget.problems) more problems"))
        }
        return result
    }
}

extension Execution {
    fileprivate mutating func fitBudget() {
        var over: [Problem] = []
        let object = mainOrigin?.description ?? id
        func tell(_ field: String, _ reason: String) {
            over.append(Problem(object: object, field: field.cut(to: 200), reason: reason))
        }
        Self.fit(&inputs, "inputs", tell)
        Self.fit(&outputs, "outputs", tell)
        Self.fit(&properties, tell)
        Self.fit(&customProperties, tell)
        Self.fit(&run.properties, tell)
        Self.fit(&run.customProperties, in: Budget.runLength, tell)
        parameters.removeAll { parameter in
            let isTooLong =
                parameter.name.utf8.count > Budget.nameLength || parameter.value.utf8.count > Budget.valueLength
            if isTooLong { tell("parameter \(parameter.name)", "is too long, and is set aside") }
            return isTooLong
        }
        if parameters.count > Budget.properties {
            tell("parameters", "are \(parameters.count); only the first \(Budget.properties) are recorded")
            parameters.removeLast(parameters.count - Budget.properties)
        }
        if type.utf8.count > Budget.nameLength { type = type.cut(to: Budget.nameLength / 2) }
        if name.utf8.count > Budget.nameLength { name = name.cut(to: Budget.nameLength / 2) }
        let evidenceLimit = 4 * Budget.uses
        if evidence.count > evidenceLimit { evidence.removeLast(evidence.count - evidenceLimit) }
        if problems.isEmpty, over.isEmpty { return }
        problems = Capture.Result.fit(over + problems)
    }

    private static func fit(_ uses: inout [ArtifactUse], _ field: String, _ tell: (String, String) -> Void) {
        if uses.count > Budget.uses {
            tell(field, "are \(uses.count); a step has at most \(Budget.uses), the others are set aside")
            uses.removeLast(uses.count - Budget.uses)
        }
        uses.removeAll { use in
            let artifact = use.artifact
            let names = [artifact.type, artifact.name ?? "", artifact.version ?? "", artifact.digest ?? ""]
            let isTooLong =
                (artifact.uri?.utf8.count ?? 0) > Budget.uriLength
                || names.contains { $0.utf8.count > Budget.nameLength }
            if isTooLong {
                tell(
                    "\(field) \(use.name)",
                    "has a uri longer than \(Budget.uriLength >> 10) KiB, or a name, type, version or digest longer than "
                        + "\(Budget.nameLength >> 10) KiB, and is set aside")
            }
            return isTooLong
        }
        for index in uses.indices {
            // Where nothing has a name, the uri is it.
            if uses[index].name.utf8.count > Budget.nameLength { uses[index].name = Identity.bounded(uses[index].name) }
            fit(&uses[index].artifact.properties, tell)
            fit(&uses[index].artifact.customProperties, tell)
        }
    }

    private static func fit(
        _ properties: inout [String: PropertyValue], in sum: Int = .max, _ tell: (String, String) -> Void
    ) {
        func length(_ key: String, _ value: PropertyValue) -> Int { key.utf8.count + value.text.utf8.count }
        let isWithin =
            properties.count <= Budget.properties
            && properties.allSatisfy {
                $0.key.utf8.count <= Budget.nameLength && length($0.key, $0.value) <= Budget.valueLength
            }
        if isWithin, sum == .max || properties.reduce(0, { $0 + length($1.key, $1.value) }) <= sum { return }
        var kept: [String: PropertyValue] = [:]
        var total = 0
        var setAside: [String] = []
        // In an order of their own, so that the same are kept at each sight.
        for (key, value) in properties.sorted(by: { $0.key < $1.key }) {
            let size = length(key, value)
            let fits =
                kept.count < Budget.properties && key.utf8.count <= Budget.nameLength && size <= Budget.valueLength
                && total + size <= sum
            if fits {
                kept[key] = value
                total += size
            } else {
                setAside.append(key)
            }
        }
        tell(
            "property \(setAside.first ?? "")",
            "is too long or one too many, and is set aside"
                + (setAside.count > 1 ? ", as are \(setAside.count - 1) others" : ""))
        properties = kept
    }
}
