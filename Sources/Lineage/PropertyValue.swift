/// The value of a property of an execution, an artifact or a run.
public enum PropertyValue: Sendable, Hashable, Codable {
    case int(Int64)
    case double(Double)
    case string(String)
    case bool(Bool)
    /// A JSON object as text; MLMD keeps it as a struct.
    case structure(String)

    /// The value as a person would read it.
    public var text: String {
        switch self {
        case .int(let value): String(value)
        case .double(let value): String(value)
        case .string(let value): value
        case .bool(let value): value ? "true" : "false"
        case .structure(let text): text
        }
    }
}

extension PropertyValue: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
}
