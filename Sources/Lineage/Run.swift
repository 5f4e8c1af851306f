/// The runs and workspaces that executions and artifacts belong to.

/// One run of a pipeline, or of a single job.
public struct Run: Sendable, Hashable, Codable {
    /// The name of its context type: ``TypeName/run`` or ``TypeName/kfpRun``.
    public var type: String
    /// A name that no other run of the type has.
    public var name: String
    /// The name that people gave it.
    public var displayName: String
    /// The pipeline that it is a run of, where its system keeps one (``TypeName/kfpPipeline``).
    public var pipeline: String?
    public var properties: [String: PropertyValue]
    public var customProperties: [String: PropertyValue]

    public init(
        type: String = TypeName.run, name: String, displayName: String,
        properties: [String: PropertyValue] = [:], customProperties: [String: PropertyValue] = [:]
    ) {
        self.type = type
        self.name = name
        self.displayName = displayName
        self.properties = properties
        self.customProperties = customProperties
    }
}

/// A group of runs: a project, a team, else a namespace.
public struct Workspace: Sendable, Hashable, Codable {
    public var name: String
    /// Whether somebody named it; else it is the namespace.
    public var isDeclared: Bool

    public init(name: String, isDeclared: Bool = false) {
        self.name = name
        self.isDeclared = isDeclared
    }
}
