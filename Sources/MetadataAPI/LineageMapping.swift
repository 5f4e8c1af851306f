public import FoundationEssentials
public import Lineage
import SwiftProtobuf

/// Lineage values as nodes and types of MLMD.
public enum LineageMapping {
    /// A property's name and type.
    public typealias Properties = [String: MlMetadata_PropertyType]

    // MARK: Types

    public static func properties(ofExecution execution: Execution) -> Properties {
        predefined(execution.type, in: PredefinedType.executions)
            .merging(execution.properties.mapValues(\.propertyType)) { first, _ in first }
    }

    public static func properties(ofArtifact artifact: Artifact) -> Properties {
        predefined(artifact.type, in: PredefinedType.artifacts)
            .merging(artifact.properties.mapValues(\.propertyType)) { first, _ in first }
    }

    public static func properties(ofRun run: Run) -> Properties {
        run.properties.mapValues(\.propertyType)
    }

    public static var workspaceProperties: Properties {
        predefined(TypeName.workspace, in: PredefinedType.contexts)
    }

    private static func predefined(_ name: String, in types: [PredefinedType]) -> Properties {
        let names = types.first { $0.name == name }?.properties ?? []
        return Dictionary(uniqueKeysWithValues: names.map { ($0, .string) })
    }

    // MARK: Contexts

    public static func context(of run: Run, in workspace: Workspace, typeID: Int64) -> MlMetadata_Context {
        var context = MlMetadata_Context()
        context.typeID = typeID
        context.name = Identity.bounded(run.name)
        context.properties = run.properties.mapValues(MlMetadata_Value.init)
        var custom = run.customProperties
        // A run of Kubeflow Pipelines v1 has no custom properties of its own recorder.
        custom[PropertyName.displayName] = .string(run.displayName)
        custom[PropertyName.workspace] = .string(workspace.name)
        context.customProperties = custom.mapValues(MlMetadata_Value.init)
        return context
    }

    /// The context of a run with how far it has come, over what the store has.
    /// - Parameters:
    ///   - status: of the role ``Execution/Role/run``.
    ///   - isNewest: whether it is what the cluster says now; of files, an older one takes nothing back.
    public static func context(
        of status: Execution, over stored: MlMetadata_Context, isNewest: Bool
    ) -> MlMetadata_Context {
        var context = stored
        let known = stored.customProperties
        let hasEnded = known[PropertyName.endTime] != nil
        if hasEnded, !isNewest, !status.state.isFinal, !began(status, after: known) { return stored }
        // A pod may have told of it first, and knows less.
        var custom = status.run.customProperties.merging(status.customProperties) { $1 }
        custom[PropertyName.displayName] = .string(status.run.displayName)
        custom[PropertyName.state] = .string(status.state.rawValue.uppercased())
        custom[PropertyName.startTime] = status.start.map { .string(Timestamp.format($0)) }
        for name in [PropertyName.endTime, PropertyName.message, PropertyName.problems] {
            context.customProperties[name] = nil
        }
        custom[PropertyName.endTime] = status.end.map { .string(Timestamp.format($0)) }
        custom[PropertyName.problems] = lines(status.problems.map(\.description))
        for (name, value) in custom { context.customProperties[Identity.bounded(name)] = MlMetadata_Value(value) }
        return context
    }

    /// Whether something began anew after it had ended, as `argo retry` makes it.
    private static func began(_ execution: Execution, after stored: [String: MlMetadata_Value]) -> Bool {
        guard let start = execution.start, let end = Timestamp.parse(stored[PropertyName.endTime]?.stringValue ?? "")
        else { return false }
        return start > end
    }

    public static func context(of workspace: Workspace, typeID: Int64) -> MlMetadata_Context {
        var context = MlMetadata_Context()
        context.typeID = typeID
        context.name = Identity.bounded(workspace.name)
        return context
    }

    // MARK: Executions

    /// The node of an execution, over what the store has already.
    public static func node(
        of execution: Execution, typeID: Int64, over stored: MlMetadata_Execution?
    ) -> MlMetadata_Execution {
        var node = stored ?? MlMetadata_Execution()
        // An update sends the whole node with its type: MLMD 1.14 forgets the type otherwise.
        if stored == nil { node.typeID = typeID }
        node.externalID = execution.id
        let state = state(execution.state)
        let isRepeated = began(execution, after: node.customProperties)
        // An end that somebody saw outweighs one that was concluded.
        let isKnown = node.lastKnownState != .canceled && isFinal(node.lastKnownState) && execution.isConcluded
        let goesOn = !isFinal(node.lastKnownState) || execution.state.isFinal || execution.isServing || isRepeated
        if goesOn, !isKnown || isRepeated { node.lastKnownState = state }
        if isRepeated { node.customProperties[PropertyName.endTime] = nil }
        // Of an attempt that was repeated.
        if isRepeated || execution.state == .complete { node.customProperties[PropertyName.message] = nil }
        // What goes on again has no end, and what was wrong may be mended.
        if execution.isServing {
            for name in [PropertyName.endTime, PropertyName.problems] { node.customProperties[name] = nil }
        }
        var custom = execution.customProperties
        custom[PropertyName.name] = .string(execution.name)
        custom[PropertyName.displayName] = custom[PropertyName.displayName] ?? .string(execution.name)
        custom[PropertyName.workspace] = .string(execution.workspace.name)
        custom[PropertyName.run] = .string(execution.run.name)
        custom[PropertyName.runID] = custom[PropertyName.runID] ?? .string(execution.run.name)
        custom[PropertyName.pipelineName] =
            custom[PropertyName.pipelineName] ?? .string(execution.run.displayName)
        if let start = execution.start {
            custom[PropertyName.startTime] = .string(Timestamp.format(start))
        }
        if let end = execution.end { custom[PropertyName.endTime] = .string(Timestamp.format(end)) }
        for parameter in execution.parameters {
            custom[PropertyName.parameterPrefix + parameter.name] = .string(parameter.value)
        }
        custom[PropertyName.evidence] = lines(
            execution.evidence.map { "\($0.fact): \($0.convention), \($0.field)" })
        let problems = execution.problems.filter { !isKnown || !$0.reason.hasSuffix(Problem.unseenEnd) }
        custom[PropertyName.problems] = lines(problems.map(\.description))
        let isMended = node.customProperties[PropertyName.problems]?.stringValue.hasSuffix(Problem.unseenEnd) == true
        if isMended, state != .canceled { node.customProperties[PropertyName.problems] = nil }
        set(execution.properties, custom, stored != nil, &node.properties, &node.customProperties)
        return node
    }

    private static func lines(_ lines: [String]) -> PropertyValue? {
        lines.isEmpty ? nil : .string(lines.joined(separator: "\n"))
    }

    /// Sets properties by name; where a stored node's type does not know one, it becomes custom.
    private static func set(
        _ properties: [String: PropertyValue], _ custom: [String: PropertyValue], _ isStored: Bool,
        _ nodeProperties: inout [String: MlMetadata_Value],
        _ nodeCustom: inout [String: MlMetadata_Value]
    ) {
        for (name, value) in properties {
            if !isStored || nodeProperties[name] != nil {
                nodeProperties[Identity.bounded(name)] = MlMetadata_Value(value)
            } else {
                nodeCustom[Identity.bounded(name)] = MlMetadata_Value(value)
            }
        }
        for (name, value) in custom { nodeCustom[Identity.bounded(name)] = MlMetadata_Value(value) }
    }

    public static func state(_ state: Execution.State) -> MlMetadata_Execution.State {
        switch state {
        case .new: .new
        case .running: .running
        case .complete: .complete
        case .failed: .failed
        case .cached: .cached
        case .canceled: .canceled
        }
    }

    private static func isFinal(_ state: MlMetadata_Execution.State) -> Bool {
        switch state {
        case .complete, .failed, .cached, .canceled: true
        case .unknown, .new, .running: false
        }
    }

    // MARK: Artifacts

    /// The node of an artifact, over what the store has already.
    public static func node(
        of artifact: Artifact, externalID: String?, typeID: Int64, over stored: MlMetadata_Artifact?,
        workspace: Workspace, run: Run
    ) -> MlMetadata_Artifact {
        var node = stored ?? MlMetadata_Artifact()
        if stored == nil { node.typeID = typeID }
        if let externalID { node.externalID = externalID }
        if let uri = artifact.uri, node.uri.isEmpty { node.uri = uri }
        node.state = artifact.state == .deleted ? .deleted : .live
        var custom = artifact.customProperties
        var properties = artifact.properties
        if let name = artifact.name {
            custom[PropertyName.name] = .string(name)
            custom[PropertyName.displayName] = .string(name)
        }
        if let version = artifact.version { custom[PropertyName.version] = .string(version) }
        if let digest = artifact.digest { custom[PropertyName.digest] = .string(digest) }
        if stored == nil {
            custom[PropertyName.workspace] = .string(workspace.name)
            custom[PropertyName.run] = .string(run.name)
        }
        // The predefined types have these as properties of their own.
        let known = predefined(artifact.type, in: PredefinedType.artifacts)
        for name in [PropertyName.name, PropertyName.version] where known[name] != nil {
            properties[name] = custom[name]
        }
        set(properties, custom, stored != nil, &node.properties, &node.customProperties)
        return node
    }

    // MARK: Events

    /// The event of an input or output.
    /// - Parameter time: when it happened; `nil` leaves it to the server.
    public static func event(
        _ type: MlMetadata_Event.TypeEnum, name: String, time: Date?
    ) -> MlMetadata_Event {
        .with {
            $0.type = type
            $0.path.steps = [.with { $0.key = name }]
            if let time { $0.millisecondsSinceEpoch = Timestamp.milliseconds(time) }
        }
    }
}

extension Execution {
    /// Whether its end was not seen, but concluded.
    fileprivate var isConcluded: Bool {
        state == .canceled && problems.contains { $0.reason.hasSuffix(Problem.unseenEnd) }
    }
}
