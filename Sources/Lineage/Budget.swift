/// What one object may cost, whoever wrote it: beyond these a part of it is set aside, told and counted, and the rest
/// is recorded. All of them are in docs/operations.md.
public enum Budget {
    /// Inputs of an execution, and outputs.
    public static let uses = 1_000
    /// Executions that one object tells of.
    public static let executions = 10_000
    /// Problems of an object that are told one by one.
    public static let problems = 20
    /// A problem's text, in bytes.
    public static let problemLength = 1_000
    /// Properties of a node of the store, and parameters of a step.
    public static let properties = 1_000
    /// A value of a property or parameter, in bytes.
    public static let valueLength = 256 << 10
    /// All properties of a run together, in bytes: each of its steps carries them.
    public static let runLength = 64 << 10
    /// Objects that tell of one step, of which sights are kept; the newest are.
    public static let sources = 32
    /// Writers, and readers that add something, whose statements are kept with an artifact; the first are.
    public static let statements = 32
    /// Executions whose inputs are resolved anew for what one batch wrote.
    public static let visitors = 1_000
    /// Files that are linked to a folder that was read.
    public static let files = 20
    /// What is kept of an execution in the store, in bytes; of one with more its inputs, outputs and parameters are not.
    public static let keptLength = 1 << 20
    /// A uri, in bytes.
    public static let uriLength = 64 << 10
    /// A name, of a type too, in bytes.
    public static let nameLength = 4 << 10
    /// A text in which variables are replaced, in bytes, and all of an object together.
    public static let textLength = 64 << 10
    public static let textsLength = 1 << 20
    /// Variables that are replaced in an object.
    public static let replacements = 10_000
    /// The environment of a container with its variables replaced, in bytes.
    public static let environmentLength = 1 << 20
    /// What compressed nodes of a Workflow unpack to, in bytes, and how many values that has.
    public static let nodesLength = 32 << 20
    public static let nodesValues = 2_000_000
}

extension String {
    /// The text up to so many bytes, cut between characters and marked.
    public func cut(to bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end > startIndex, String.Index(end, within: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end]) + "…"
    }
}
