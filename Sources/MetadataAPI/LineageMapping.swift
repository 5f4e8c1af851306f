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
    ///   - status: of the role ``Execution/Role/run``: all that is known of it.
    ///   - before: what was known of it when the context was written last.
    ///   - sights: what ``PropertyName/sights`` gets.
    public static func context(
        of status: Execution, over stored: MlMetadata_Context, before: Execution?, sights: MlMetadata_Value?
    ) -> MlMetadata_Context {
        var context = stored
        var old = before.map(statusProperties) ?? [:]
        // A store of kfmd 0.1 does not say what was known.
        if before == nil {
            for name in [PropertyName.endTime, PropertyName.message, PropertyName.problems] { old[name] = .string("") }
        }
        replace(old, by: statusProperties(status), &context.customProperties)
        context.customProperties[PropertyName.sights] = sights
        return context
    }

    private static func statusProperties(_ status: Execution) -> [String: PropertyValue] {
        // A pod may have told of it first, and knows less.
        var custom = status.run.customProperties.merging(status.customProperties) { $1 }
        custom[PropertyName.displayName] = .string(status.run.displayName)
        custom[PropertyName.state] = .string(status.state.rawValue.uppercased())
        custom[PropertyName.startTime] = status.start.map { .string(Timestamp.format($0)) }
        custom[PropertyName.endTime] = status.end.map { .string(Timestamp.format($0)) }
        custom[PropertyName.problems] = lines(status.allProblems.map(\.description))
        return custom
    }

    /// Sets properties, and removes those that were set before and no longer are. What others set stays.
    private static func replace(
        _ old: [String: PropertyValue], by new: [String: PropertyValue], _ properties: inout [String: MlMetadata_Value]
    ) {
        for name in old.keys where new[name] == nil { properties[Identity.bounded(name)] = nil }
        for (name, value) in new { properties[Identity.bounded(name)] = MlMetadata_Value(value) }
    }

    public static func context(of workspace: Workspace, typeID: Int64) -> MlMetadata_Context {
        var context = MlMetadata_Context()
        context.typeID = typeID
        context.name = Identity.bounded(workspace.name)
        return context
    }

    // MARK: Executions

    /// The node of an execution, over what the store has already.
    /// - Parameters:
    ///   - execution: all that is known of it.
    ///   - before: what was known of it when the node was written last; what others set on it stays.
    ///   - sights: what ``PropertyName/sights`` gets.
    ///   - hasType: whether the node has the execution's type, or gets it.
    public static func node(
        of execution: Execution, typeID: Int64, over stored: MlMetadata_Execution?, before: Execution?,
        sights: MlMetadata_Value?,
        hasType: Bool
    ) -> MlMetadata_Execution {
        var node = stored ?? MlMetadata_Execution()
        // An update sends the whole node with its type: MLMD 1.14 forgets the type otherwise.
        if stored == nil || typeID != 0 { node.typeID = typeID }
        node.externalID = execution.id
        node.lastKnownState = state(execution.state)
        var old = before.map(customProperties(of:)) ?? [:]
        if before == nil {
            for name in [PropertyName.endTime, PropertyName.message, PropertyName.problems] { old[name] = .string("") }
        }
        let new = customProperties(of: execution)
        for name in old.keys where new[name] == nil { node.customProperties[Identity.bounded(name)] = nil }
        for name in before?.properties.keys.map(Identity.bounded) ?? [] where execution.properties[name] == nil {
            node.properties[name] = nil
        }
        set(
            execution.properties, new, hasType: hasType, isNewType: before.map { $0.type != execution.type } ?? false,
            &node.properties, &node.customProperties)
        node.customProperties[PropertyName.sights] = sights
        return node
    }

    /// The custom properties of an execution.
    private static func customProperties(of execution: Execution) -> [String: PropertyValue] {
        var custom = execution.customProperties
        custom[PropertyName.name] = .string(execution.name)
        custom[PropertyName.displayName] = custom[PropertyName.displayName] ?? .string(execution.name)
        custom[PropertyName.workspace] = .string(execution.workspace.name)
        custom[PropertyName.run] = .string(execution.run.name)
        custom[PropertyName.runID] = custom[PropertyName.runID] ?? .string(execution.run.name)
        custom[PropertyName.pipelineName] =
            custom[PropertyName.pipelineName] ?? .string(execution.run.displayName)
        custom[PropertyName.startTime] = execution.start.map { .string(Timestamp.format($0)) }
        custom[PropertyName.endTime] = execution.end.map { .string(Timestamp.format($0)) }
        if execution.isServing { custom[PropertyName.serving] = .int(1) }
        for parameter in execution.parameters {
            custom[PropertyName.parameterPrefix + parameter.name] = .string(parameter.value)
        }
        custom[PropertyName.evidence] = lines(
            execution.evidence.map { "\($0.fact): \($0.convention), \($0.field)" })
        custom[PropertyName.problems] = lines(execution.allProblems.map(\.description))
        return custom
    }

    private static func lines(_ lines: [String]) -> PropertyValue? {
        lines.isEmpty ? nil : .string(lines.joined(separator: "\n"))
    }

    /// Sets properties by name; where a node's type is another that cannot be changed, they are custom.
    private static func set(
        _ properties: [String: PropertyValue], _ custom: [String: PropertyValue], hasType: Bool, isNewType: Bool,
        _ nodeProperties: inout [String: MlMetadata_Value],
        _ nodeCustom: inout [String: MlMetadata_Value]
    ) {
        // The new type may not know them.
        if isNewType, hasType {
            nodeCustom.merge(nodeProperties) { mine, _ in mine }
            nodeProperties = [:]
        }
        for (name, value) in properties {
            let bounded = Identity.bounded(name)
            if hasType || nodeProperties[bounded] != nil {
                nodeProperties[bounded] = MlMetadata_Value(value)
                if custom[name] == nil { nodeCustom[bounded] = nil }
            } else {
                nodeCustom[bounded] = MlMetadata_Value(value)
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
        case .unknown: .unknown
        }
    }

    /// What a store says of an execution of which it has no record: as far as it decides how that goes on.
    public static func former(_ node: MlMetadata_Execution, of execution: Execution) -> Execution {
        func time(_ name: String) -> Date? { Timestamp.parse(node.customProperties[name]?.stringValue ?? "") }
        var result = execution
        let kind = Record.storeKind
        result.origins = [kind: .init(kind: kind, namespace: "", name: execution.id, uid: execution.id)]
        (result.inputs, result.outputs, result.parameters, result.evidence) = ([], [], [], [])
        (result.problems, result.properties, result.customProperties) = ([], [:], [:])
        (result.age, result.conclusion, result.replacement) = (Age(), nil, nil)
        (result.authority, result.recordedID, result.wantsWriteBack) = (.pod, nil, false)
        (result.start, result.end) = (time(PropertyName.startTime), time(PropertyName.endTime))
        for name in ["message", "exit_code", "reason"] {
            result.customProperties[name] = node.customProperties[name].map { .string($0.stringValue) }
        }
        result.state =
            switch node.lastKnownState {
            case .running: .running
            case .complete: .complete
            case .failed: .failed
            case .cached: .cached
            case .canceled: .canceled
            case .unknown, .new: .new
            }
        // Of an end that was only concluded kfmd 0.1 says no more.
        let problems = node.customProperties[PropertyName.problems]?.stringValue ?? ""
        if result.state == .canceled, problems.hasSuffix("nobody saw how the step ended") {
            result.conclude(object: execution.id, field: "status", reason: "an earlier version concluded it")
        }
        return result
    }

    // MARK: Artifacts

    /// The node of an artifact, over what the store has already.
    /// - Parameters:
    ///   - artifact: what is shown of it.
    ///   - before: what was shown when the node was written last; what others set on it stays.
    ///   - more: the recorder's own properties.
    ///   - hasType: whether the node has the artifact's type, or gets it.
    public static func node(
        of artifact: Artifact, externalID: String?, typeID: Int64, over stored: MlMetadata_Artifact?, before: Artifact?,
        more: [String: PropertyValue?], hasType: Bool
    ) -> MlMetadata_Artifact {
        var node = stored ?? MlMetadata_Artifact()
        node.typeID = typeID
        if let externalID { node.externalID = externalID }
        if let uri = artifact.uri { node.uri = uri }
        node.state = artifact.state == .deleted ? .deleted : .live
        var properties = artifact.properties
        let custom = customProperties(of: artifact)
        let old = before.map(customProperties(of:)) ?? [:]
        for name in old.keys where custom[name] == nil { node.customProperties[Identity.bounded(name)] = nil }
        for name in (before?.properties ?? [:]).keys where artifact.properties[name] == nil {
            node.properties[Identity.bounded(name)] = nil
        }
        // The predefined types have these as properties of their own.
        let known = predefined(artifact.type, in: PredefinedType.artifacts)
        for name in [PropertyName.name, PropertyName.version] {
            if known[name] != nil { properties[name] = custom[name] }
            if custom[name] == nil, old[name] != nil { node.properties[name] = nil }
        }
        set(
            properties, custom, hasType: hasType, isNewType: before.map { $0.type != artifact.type } ?? false,
            &node.properties, &node.customProperties)
        for (name, value) in more { node.customProperties[name] = value.map { MlMetadata_Value($0) } }
        return node
    }

    /// The custom properties of an artifact.
    private static func customProperties(of artifact: Artifact) -> [String: PropertyValue] {
        var custom = artifact.customProperties
        if let name = artifact.name {
            custom[PropertyName.name] = .string(name)
            custom[PropertyName.displayName] = .string(name)
        }
        if let version = artifact.version { custom[PropertyName.version] = .string(version) }
        if let digest = artifact.digest { custom[PropertyName.digest] = .string(digest) }
        return custom
    }

    /// What a store says of a run of which it has no record; `nil` where it says nothing.
    public static func former(_ context: MlMetadata_Context, of status: Execution) -> Execution? {
        guard let state = context.customProperties[PropertyName.state]?.stringValue else { return nil }
        var node = MlMetadata_Execution()
        node.lastKnownState =
            switch state {
            case "RUNNING": .running
            case "COMPLETE": .complete
            case "FAILED": .failed
            case "CANCELED": .canceled
            default: .new
            }
        node.customProperties = context.customProperties
        return former(node, of: status)
    }

    /// What a store says of an artifact of which it has no statements.
    /// - Parameter type: the name of its type.
    public static func former(_ node: MlMetadata_Artifact, type: String) -> Artifact {
        func text(_ name: String) -> String? {
            (node.customProperties[name] ?? node.properties[name])?.stringValue
        }
        return Artifact(
            type: type, name: text(PropertyName.name) ?? text(PropertyName.displayName),
            uri: node.uri.isEmpty ? nil : node.uri,
            version: text(PropertyName.version), digest: text(PropertyName.digest),
            state: node.state == .deleted ? .deleted : .live)
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
