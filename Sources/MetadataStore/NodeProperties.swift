import MetadataAPI
import SQLite

/// The properties of nodes: checked against their type, and written.
extension Transaction {
    /// The properties of a type.
    /// - Throws: ``StatusError``, NOT_FOUND when there is no such type of this kind.
    func typeProperties(of id: Int64, kind: NodeKind) throws -> [String: MlMetadata_PropertyType] {
        if let known = typeCache[id], known.kind == kind { return known.properties }
        let exists = try connection.first(
            "SELECT 1 FROM Type WHERE id = ? AND type_kind = ?", id, kind.rawValue
        ) { _ in true }
        guard exists != nil else {
            throw StatusError.notFound("Cannot find type for type_id: \(id). No type found for query, type_id: \(id)")
        }
        let rows = try connection.rows(
            "SELECT name, data_type FROM TypeProperty WHERE type_id = ?", id
        ) { ($0.text(0), MlMetadata_PropertyType(rawValue: Int($0.integer(1))) ?? .unknown) }
        let properties = Dictionary(rows) { $1 }
        typeCache[id] = TypeCache.Entry(kind: kind, properties: properties)
        return properties
    }

    /// Checks the properties of a node against its type.
    /// - Throws: ``StatusError``: INVALID_ARGUMENT that names the property, NOT_FOUND where there is no such type.
    func validate<N: Node>(_ node: N) throws {
        let isCached = typeCache[node.typeID] != nil
        do {
            try validate(node, against: try typeProperties(of: node.typeID, kind: N.kind))
        } catch  where isCached && !typeCache.isCurrent {
            // Another replica may have added the property since.
            typeCache[node.typeID] = nil
            try validate(node, against: try typeProperties(of: node.typeID, kind: N.kind))
        }
    }

    private func validate<N: Node>(_ node: N, against type: [String: MlMetadata_PropertyType]) throws {
        for (name, value) in node.properties {
            guard let expected = type[name] else {
                throw StatusError.invalidArgument(
                    "Cannot validate properties of type_id: \(node.typeID). Found unknown property: \(name)")
            }
            guard let actual = value.propertyType else {
                throw StatusError.invalidArgument("Found unmatched property type: \(name) has a value of no kind.")
            }
            guard actual == expected else {
                throw StatusError.invalidArgument(
                    "Cannot validate properties of type_id: \(node.typeID). "
                        + "Found unmatched property type: \(name)")
            }
        }
        for (name, value) in node.customProperties where value.value == nil {
            throw StatusError.invalidArgument(
                "Found unmatched property type: \(name), a custom property, has a value of no kind.")
        }
    }

    func putProperties(
        _ values: [String: MlMetadata_Value], custom: Bool, of id: Int64, kind: NodeKind
    ) throws {
        for (name, value) in values {
            let row = try PropertyRow(value, name: name, connection.dialect)
            try insertProperty(row, name, custom: custom, of: id, kind: kind)
        }
    }

    /// What turns the stored properties into the given ones.
    struct PropertyChanges {
        var removed: [String] = []
        var set: [String: MlMetadata_Value] = [:]
        var isEmpty: Bool { removed.isEmpty && set.isEmpty }

        init(from old: [String: MlMetadata_Value], to new: [String: MlMetadata_Value]) {
            for (name, value) in new {
                guard let known = old[name] else {
                    set[name] = value
                    continue
                }
                if !known.isSame(as: value) {
                    removed.append(name)
                    set[name] = value
                }
            }
            for name in old.keys where new[name] == nil { removed.append(name) }
        }
    }

    func apply(_ changes: PropertyChanges, custom: Bool, to id: Int64, kind: NodeKind) throws {
        for name in changes.removed {
            try deleteProperty(name, custom: custom, of: id, kind: kind)
        }
        try putProperties(changes.set, custom: custom, of: id, kind: kind)
    }
}

extension MlMetadata_Value {
    /// Equal bit by bit: a NaN that is put again is no change.
    fileprivate func isSame(as other: MlMetadata_Value) -> Bool {
        if case .doubleValue(let one) = value, case .doubleValue(let two) = other.value {
            return one.bitPattern == two.bitPattern
        }
        return self == other
    }
}
