import MetadataAPI
import SQLite
import SwiftProtobuf

/// What artifacts, executions and contexts share.
protocol Node: Message {
    static var kind: NodeKind { get }

    var id: Int64 { get set }
    var hasID: Bool { get }
    var name: String { get set }
    var hasName: Bool { get }
    var typeID: Int64 { get set }
    var hasTypeID: Bool { get }
    var type: String { get set }
    var externalID: String { get set }
    mutating func clearExternalID()
    var hasExternalID: Bool { get }
    var properties: [String: MlMetadata_Value] { get set }
    var customProperties: [String: MlMetadata_Value] { get set }
    var createTimeSinceEpoch: Int64 { get set }
    var lastUpdateTimeSinceEpoch: Int64 { get set }
    var hasLastUpdateTimeSinceEpoch: Bool { get }

    /// The columns that only this kind has, and its values there.
    static var ownColumns: [String] { get }
    var ownValues: [SQLValue] { get }
    mutating func readOwn(_ row: Row, at column: Int32)
    /// Copies one field of the kind's own, or the name, from another node.
    mutating func copyOwn(_ field: String, from other: Self)
}

extension MlMetadata_Artifact: Node {
    static var kind: NodeKind { .artifact }
    static var ownColumns: [String] { ["uri", "state"] }
    var ownValues: [SQLValue] {
        [.text(uri), hasState ? .integer(Int64(state.rawValue)) : .null]
    }

    mutating func readOwn(_ row: Row, at column: Int32) {
        uri = row.text(column)
        if let value = row.optionalInteger(column + 1), let state = State(rawValue: Int(value)) {
            self.state = state
        }
    }

    mutating func copyOwn(_ field: String, from other: Self) {
        switch field {
        case "uri": uri = other.uri
        case "state": if other.hasState { state = other.state } else { clearState() }
        default: break
        }
    }
}

extension MlMetadata_Execution: Node {
    static var kind: NodeKind { .execution }
    static var ownColumns: [String] { ["last_known_state"] }
    var ownValues: [SQLValue] {
        [hasLastKnownState ? .integer(Int64(lastKnownState.rawValue)) : .null]
    }

    mutating func readOwn(_ row: Row, at column: Int32) {
        if let value = row.optionalInteger(column), let state = State(rawValue: Int(value)) {
            lastKnownState = state
        }
    }

    mutating func copyOwn(_ field: String, from other: Self) {
        guard field == "last_known_state" else { return }
        if other.hasLastKnownState {
            lastKnownState = other.lastKnownState
        } else {
            clearLastKnownState()
        }
    }
}

extension MlMetadata_Context: Node {
    static var kind: NodeKind { .context }
    static var ownColumns: [String] { [] }
    var ownValues: [SQLValue] { [] }
    mutating func readOwn(_ row: Row, at column: Int32) {}
    mutating func copyOwn(_ field: String, from other: Self) {
        if field == "name" { name = other.name }
    }
}
