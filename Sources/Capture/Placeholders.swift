import Lineage

/// The `{{name}}` of templates, as Argo Workflows replaces them: in one pass, so that what is put in is not looked at
/// again. (Replaced one after the other, thirty parameters that name each other twice make a billion copies.)
enum Placeholders {
    /// - Returns: the text with the values that are known; as far as the budget of a text goes.
    static func fill(_ text: String, _ values: [String: String]) -> String {
        var result = ""
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            let name = String(rest[open.upperBound..<close.lowerBound])
            guard let value = values[name], result.utf8.count + value.utf8.count <= limit else {
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

    /// Component specifications of Kubeflow Pipelines have hundreds of KiB.
    private static let limit = 1 << 20
}
