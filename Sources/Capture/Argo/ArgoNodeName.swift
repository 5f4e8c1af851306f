/// What the name of a node tells: the item of a loop, the attempt, the hook (operator.go and steps.go, 2.12
/// to 4.1): `train(3:lr:0.01)(1)`, `train.onExit`, `train.hooks.failed`.
struct ArgoNodeName {
    var loopIndex: Int64?
    /// As Argo prints it: exact only where the step has it as a parameter too.
    var loopItem: String?
    var attempt: Int64?
    var hook: String?

    /// The name after `.hooks.`; items of loops, in parentheses, may look the same.
    private static func hook(in name: Substring) -> String? {
        var depth = 0
        for index in name.indices {
            if name[index] == "(" { depth += 1 }
            if name[index] == ")" { depth -= 1 }
            guard depth == 0, name[index...].hasPrefix(".hooks.") else { continue }
            return String(name[index...].dropFirst(".hooks.".count).prefix { !".[(".contains($0) })
        }
        return nil
    }

    /// - Parameter displayName: the last part of a node's name.
    init(_ displayName: String) {
        var rest = Substring(displayName)
        if rest.hasSuffix(".onExit") {
            hook = "onExit"
            rest = rest.dropLast(".onExit".count)
        } else if let name = Self.hook(in: rest) {
            hook = name
        }
        while rest.hasSuffix(")"), let open = rest.lastIndex(of: "(") {
            let inside = rest[rest.index(after: open)...].dropLast()
            if let number = Int64(inside) {
                attempt = attempt ?? number
            } else if let colon = inside.firstIndex(of: ":"), let index = Int64(inside[..<colon]) {
                (loopIndex, loopItem) = (index, String(inside[inside.index(after: colon)...]))
            } else {
                return
            }
            rest = rest[..<open]
        }
    }
}
