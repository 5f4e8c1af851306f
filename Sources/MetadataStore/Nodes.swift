import MetadataAPI
import SQLite

/// How a node that exists is changed.
struct UpdateRules {
    /// The fields to change; empty for all of them.
    var mask: [String] = []
    var abortIfUpdateTimeChanged = false
    var forceUpdateTime = false
}

extension Transaction {
    /// Stores a node: a new one without id, the change of a stored one with it.
    /// - Returns: its id.
    func put<N: Node>(_ node: N, _ rules: UpdateRules = UpdateRules()) throws -> Int64 {
        node.hasID ? try update(node, rules) : try insert(node)
    }

    private func insert<N: Node>(_ node: N) throws -> Int64 {
        guard node.hasTypeID else { throw StatusError.invalidArgument("Type id is missing.") }
        if N.kind == .context, node.name.isEmpty {
            throw StatusError.invalidArgument(
                "Cannot create node for type_id: \(node.typeID) Context name should not be empty")
        }
        try validate(node)
        try checkLimits(node)
        let id = try insertRow(node)
        try putProperties(node.properties, custom: false, of: id, kind: N.kind)
        try putProperties(node.customProperties, custom: true, of: id, kind: N.kind)
        return id
    }

    private func update<N: Node>(_ given: N, _ rules: UpdateRules) throws -> Int64 {
        guard let stored = try self.stored(N.self, given.id) else {
            throw StatusError.invalidArgument("Cannot find the given id \(given.id)")
        }
        if given.hasTypeID, given.typeID != stored.typeID {
            throw StatusError.invalidArgument(
                "Given type_id \(given.typeID) is different from the one known before: \(stored.typeID)")
        }
        if rules.abortIfUpdateTimeChanged,
            given.lastUpdateTimeSinceEpoch != stored.lastUpdateTimeSinceEpoch
        {
            let node = "the stored \(N.kind.word) with id = \(given.id)"
            let time = "last_update_time_since_epoch: \(stored.lastUpdateTimeSinceEpoch)"
            throw StatusError(
                .failedPrecondition,
                "`abort_if_latest_updated_time_changed` is set, and \(node) has a different \(time)")
        }
        var node = rules.mask.isEmpty ? given : try masked(given, over: stored, rules.mask)
        node.typeID = stored.typeID
        // MLMD keeps the name of an artifact or execution whatever an update says.
        if N.kind != .context {
            if stored.hasName { node.name = stored.name } else { node = unnamed(node) }
        } else if node.name.isEmpty {
            throw StatusError.invalidArgument("Context name should not be empty")
        }
        try validate(node)
        try checkLimits(node, over: stored)
        let changed =
            node.ownValues != stored.ownValues || node.externalID != stored.externalID
            || node.hasExternalID != stored.hasExternalID || node.name != stored.name
        let properties = PropertyChanges(from: stored.properties, to: node.properties)
        let custom = PropertyChanges(
            from: stored.customProperties, to: node.customProperties)
        guard changed || !properties.isEmpty || !custom.isEmpty || rules.forceUpdateTime else {
            return node.id
        }
        // Two changes within a millisecond are told apart: who read between them is told of the second.
        try updateRow(node, over: stored, time: max(now, stored.lastUpdateTimeSinceEpoch &+ 1))
        try apply(properties, custom: false, to: node.id, kind: N.kind)
        try apply(custom, custom: true, to: node.id, kind: N.kind)
        return node.id
    }

    private func unnamed<N: Node>(_ node: N) -> N {
        var copy = N()
        copy.id = node.id
        copy.typeID = node.typeID
        if node.hasExternalID { copy.externalID = node.externalID }
        copy.properties = node.properties
        copy.customProperties = node.customProperties
        for field in N.ownColumns { copy.copyOwn(field, from: node) }
        return copy
    }

    /// The stored node with the named fields of the given one. Unknown paths are ignored.
    private func masked<N: Node>(_ given: N, over stored: N, _ mask: [String]) throws -> N {
        var node = stored
        for path in mask {
            let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
            switch (parts.first ?? "", parts.dropFirst().first) {
            case ("properties", let name?): node.properties[name] = given.properties[name]
            case ("properties", nil): node.properties = given.properties
            case ("custom_properties", let name?):
                node.customProperties[name] = given.customProperties[name]
            case ("custom_properties", nil): node.customProperties = given.customProperties
            case ("external_id", _):
                if given.hasExternalID { node.externalID = given.externalID } else { node.clearExternalID() }
            case (let field, _): node.copyOwn(field, from: given)
            }
        }
        return node
    }
}
