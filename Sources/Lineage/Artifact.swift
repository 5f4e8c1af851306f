/// Something that executions read and write: a data set, a model, metrics, a file.
public struct Artifact: Sendable, Hashable, Codable {
    /// Whether the artifact is there.
    public enum State: String, Sendable, Hashable, Codable {
        case live, deleted
    }

    /// The full name of its type, such as ``TypeName/model``.
    public var type: String
    /// Whether a person declared the type; a declared type outweighs an inferred one.
    public var isTypeDeclared: Bool
    public var name: String?
    public var uri: String?
    public var version: String?
    /// A digest of the content with its algorithm: `sha256:…`.
    public var digest: String?
    public var state: State
    /// Properties that its type names.
    public var properties: [String: PropertyValue]
    /// All other properties.
    public var customProperties: [String: PropertyValue]

    public init(
        type: String, isTypeDeclared: Bool = false, name: String? = nil, uri: String? = nil,
        version: String? = nil, digest: String? = nil, state: State = .live,
        properties: [String: PropertyValue] = [:],
        customProperties: [String: PropertyValue] = [:]
    ) {
        self.type = type
        self.isTypeDeclared = isTypeDeclared
        self.name = name
        self.uri = uri
        self.version = version
        self.digest = digest
        self.state = state
        self.properties = properties
        self.customProperties = customProperties
    }
}

extension Artifact {
    /// The custom property that says within what a location means one place (``Location/scope(of:endpoint:cluster:namespace:)``).
    public static let scopeProperty = "location_scope"

    public var scope: String? { customProperties[Self.scopeProperty]?.text }
}

/// An artifact as the input or output of an execution.
public struct ArtifactUse: Sendable, Hashable, Codable {
    /// The input's or output's own name; the path of the event in the store.
    public var name: String
    /// The convention that found it; sights of one convention name a use the same.
    public var convention: String
    public var artifact: Artifact

    public init(name: String, convention: String, artifact: Artifact) {
        self.name = name
        self.convention = convention
        self.artifact = artifact
    }
}
