import Lineage

/// The `{{name}}` of templates, as Argo Workflows replaces them: in one pass, so that what is put in is not looked at
/// again. (Replaced one after the other, thirty parameters that name each other twice make a billion copies.)
enum Placeholders {
    /// - Returns: the text with the values that are known; as far as the budget of a text goes.
    static func fill(_ text: String, _ values: [String: String]) -> String {
        var result = ""
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{") {
            // Names are short: a text of nothing but openings is looked at once.
            let start = open.upperBound
            let end = rest.utf8.index(start, offsetBy: longestName, limitedBy: rest.endIndex) ?? rest.endIndex
            let close = rest[start..<end].firstRange(of: "}}")
            let name = close.map { String(rest[start..<$0.lowerBound]) } ?? ""
            guard let close, let value = values[name], result.utf8.count + value.utf8.count <= limit else {
                // An opening that closes nothing may stand before one that does.
                result += rest[..<open.upperBound]
                rest = rest[open.upperBound...]
                continue
            }
            result += rest[..<open.lowerBound] + value
            rest = rest[close.upperBound...]
        }
        return result + rest
    }

    private static let longestName = 256
    /// Component specifications of Kubeflow Pipelines have hundreds of KiB.
    private static let limit = 1 << 20
}
