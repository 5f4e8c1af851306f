/// The three kinds of nodes and where their rows stand.
public enum NodeKind: Int64, Sendable, CaseIterable {
    case execution = 0
    case artifact = 1
    case context = 2

    var table: String {
        switch self {
        case .execution: "Execution"
        case .artifact: "Artifact"
        case .context: "Context"
        }
    }

    /// The table of its properties, and the column there that holds its id.
    var propertyTable: String { table + "Property" }
    var propertyKey: String { word + "_id" }

    /// Its name within messages.
    public var word: String {
        switch self {
        case .execution: "execution"
        case .artifact: "artifact"
        case .context: "context"
        }
    }

    /// The table that links it to contexts.
    var contextLink: String? {
        switch self {
        case .execution: "Association"
        case .artifact: "Attribution"
        case .context: nil
        }
    }
}
