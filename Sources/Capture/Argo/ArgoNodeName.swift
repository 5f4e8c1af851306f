/// What the name of a node tells: the item of a loop, the attempt, the hook (operator.go and steps.go, 2.12
/// to 4.1): `w.train(3:lr:0.01)(1)`, `w.train.onExit`, `w.train.hooks.failed`, `w.each(2:a).train`.
struct ArgoNodeName {
    /// Of the innermost loop.
    var loopIndex: Int64?
    /// As Argo prints it: exact only where the step has it as a parameter too.
    var loopItem: String?
    /// Of loops within loops, the outer first: `1/0`.
    var loopPath: String?
    /// Of the innermost part that was tried more than once.
    var attempt: Int64?
    var hook: String?

    /// The parts of a name between dots; items of loops, in parentheses, may have dots too.
    static func parts(_ name: Substring) -> [Substring] {
        var depth = 0
        return name.split { character in
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            return character == "." && depth == 0
        }
    }

    /// Where the parenthesis begins that ends a text; items may have some of their own.
    private static func opening(of text: Substring) -> Substring.Index? {
        guard text.hasSuffix(")") else { return nil }
        var depth = 0
        for index in text.indices.reversed() {
            if text[index] == ")" { depth += 1 }
            if text[index] == "(" { depth -= 1 }
            if depth == 0 { return index }
        }
        return text.lastIndex(of: "(")
    }

    /// - Parameter name: of a node, whole.
    init(_ name: String) {
        let parts = Self.parts(Substring(name))
        var indexes: [Int64] = []
        for (number, part) in parts.enumerated() {
            if number > 0, part.prefix(while: { !"([".contains($0) }) == "onExit" { hook = "onExit" }
            if number > 0, parts[number - 1] == "hooks" { hook = String(part.prefix { !"[(".contains($0) }) }
            // A group of steps has its number at the end: `loop(0:a)[1]`.
            var rest = part
            if rest.hasSuffix("]"), let open = rest.lastIndex(of: "["),
                Int(rest[rest.index(after: open)...].dropLast()) != nil
            {
                rest = rest[..<open]
            }
            var own: (index: Int64, item: String)?
            var tried: Int64?
            while let open = Self.opening(of: rest) {
                let inside = rest[rest.index(after: open)...].dropLast()
                if let number = Int64(inside) {
                    tried = tried ?? number
                } else if let colon = inside.firstIndex(of: ":"), let index = Int64(inside[..<colon]) {
                    own = (index, String(inside[inside.index(after: colon)...]))
                } else {
                    break
                }
                rest = rest[..<open]
            }
            attempt = tried ?? attempt
            if let own {
                (loopIndex, loopItem) = (own.index, own.item)
                indexes.append(own.index)
            }
        }
        if indexes.count > 1 { loopPath = indexes.map(String.init).joined(separator: "/") }
    }
}
