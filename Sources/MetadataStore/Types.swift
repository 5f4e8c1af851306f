import MetadataAPI
import SQLite
import SwiftProtobuf

/// What the three kinds of types share.
protocol NodeType: Message {
    static var kind: NodeKind { get }
    var id: Int64 { get set }
    var name: String { get set }
    var hasName: Bool { get }
    var version: String { get set }
    var hasVersion: Bool { get }
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var description_p: String { get set }
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var hasDescription_p: Bool { get }
    var externalID: String { get set }
    var hasExternalID: Bool { get }
    var properties: [String: MlMetadata_PropertyType] { get set }
    /// The number of the system type that it derives from; 0 for "none, please".
    var baseNumber: Int? { get set }
    /// The struct types of inputs and outputs, as JSON.
    var structTypes: (input: String?, output: String?) { get set }
}

extension NodeType {
    var structTypes: (input: String?, output: String?) {
        get { (nil, nil) }
        set {}
    }
}

extension MlMetadata_ArtifactType: NodeType {
    static var kind: NodeKind { .artifact }
    var baseNumber: Int? {
        get { hasBaseType ? baseType.rawValue : nil }
        set { if let newValue, let base = SystemDefinedBaseType(rawValue: newValue) { baseType = base } }
    }
}

extension MlMetadata_ExecutionType: NodeType {
    static var kind: NodeKind { .execution }
    var baseNumber: Int? {
        get { hasBaseType ? baseType.rawValue : nil }
        set { if let newValue, let base = SystemDefinedBaseType(rawValue: newValue) { baseType = base } }
    }
    var structTypes: (input: String?, output: String?) {
        get {
            (
                hasInputType ? try? inputType.jsonString() : nil,
                hasOutputType ? try? outputType.jsonString() : nil
            )
        }
        set {
            if let text = newValue.input, let type = try? MlMetadata_ArtifactStructType(jsonString: text) {
                inputType = type
            }
            if let text = newValue.output, let type = try? MlMetadata_ArtifactStructType(jsonString: text) {
                outputType = type
            }
        }
    }
}

extension MlMetadata_ContextType: NodeType {
    static var kind: NodeKind { .context }
    var baseNumber: Int? {
        get { hasBaseType && baseType == .unset ? 0 : nil }
        set {}
    }
}

extension Transaction {
    /// How a type that exists may differ from the one that is put.
    struct TypeRules {
        var canAddFields: Bool
        var canOmitFields: Bool
        var allFieldsMatch: Bool
    }

    /// Stores a type, or makes the stored one richer.
    /// - Returns: its id.
    func putType<T: NodeType>(_ type: T, _ rules: TypeRules) throws -> Int64 {
        guard rules.allFieldsMatch else {
            throw StatusError(.unimplemented, "Must match all fields.")
        }
        guard type.hasName, !type.name.isEmpty else {
            throw StatusError.invalidArgument("No type name is specified.")
        }
        try check(type.name, .name, "The type's name")
        try check(type.version, .name, "The type's version")
        try check(type.externalID, .externalID, "The type's external_id")
        try check(type.description_p, .long, "The type's description")
        try StoreLimits.check(elements: type.properties.count)
        for name in type.properties.keys { try check(name, .name, "The type's property name") }
        for (name, kind) in type.properties where kind == .unknown {
            throw StatusError.invalidArgument("Property \(name) is UNKNOWN.")
        }
        typeCache.clear()
        try connection.lockTypes()
        let found: [T] = try types(named: type.name, version: type.hasVersion ? type.version : nil)
        if let stored = found.first {
            return try updateType(stored, with: type, rules)
        }
        return try insertType(type)
    }

    private func insertType<T: NodeType>(_ type: T) throws -> Int64 {
        try checkTypeExternalID(type, except: nil)
        let structs = type.structTypes
        let id = try connection.insert(
            """
            INSERT INTO Type (name, version, type_kind, description, input_type, output_type, external_id)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            type.name, type.version.isEmpty ? nil : type.version, T.kind.rawValue,
            type.hasDescription_p ? type.description_p : nil, structs.input, structs.output,
            type.hasExternalID ? type.externalID : nil)
        for (name, kind) in type.properties.sorted(by: { $0.key < $1.key }) {
            try addProperty(name, kind, to: id)
        }
        if let base = type.baseNumber, base > 0 { try derive(id, from: base, T.kind) }
        return id
    }

    private func derive(_ type: Int64, from number: Int, _ kind: NodeKind) throws {
        guard let base = try SystemType.id(number: number, kind: kind, connection) else {
            throw StatusError.invalidArgument("There is no base_type \(number) for types of \(kind.word)s.")
        }
        try connection.run("INSERT INTO ParentType (type_id, parent_type_id) VALUES (?, ?)", type, base)
    }

    private func addProperty(_ name: String, _ kind: MlMetadata_PropertyType, to type: Int64) throws {
        try connection.run(
            "INSERT INTO TypeProperty (type_id, name, data_type) VALUES (?, ?, ?)", type, name,
            Int64(kind.rawValue))
    }

    private func updateType<T: NodeType>(_ stored: T, with type: T, _ rules: TypeRules) throws -> Int64 {
        func differs(_ why: String) -> StatusError {
            .alreadyExists("Type already exists with different properties: \(why): type \(type.name)")
        }
        var added: [(String, MlMetadata_PropertyType)] = []
        for (name, kind) in type.properties.sorted(by: { $0.key < $1.key }) {
            guard let known = stored.properties[name] else {
                added.append((name, kind))
                continue
            }
            guard known == kind else {
                throw differs(
                    "Conflicting property value type found in stored and given types: property \(name)")
            }
        }
        if !rules.canOmitFields,
            let name = stored.properties.keys.sorted()
                .first(where: { type.properties[$0] == nil })
        {
            throw differs(
                "can_omit_fields is false while stored type has more properties: property \(name)")
        }
        if !rules.canAddFields, let (name, _) = added.first {
            throw differs("can_add_fields is false while the given type has more properties: property \(name)")
        }
        if let base = type.baseNumber, base != stored.baseNumber {
            guard base != 0 else {
                throw StatusError(.unimplemented, "base_type deletion is not supported yet")
            }
            guard stored.baseNumber == nil else {
                throw StatusError(.unimplemented, "base_type update is not supported yet")
            }
            try derive(stored.id, from: base, T.kind)
        }
        for (name, kind) in added { try addProperty(name, kind, to: stored.id) }
        if type.hasExternalID, type.externalID != stored.externalID {
            try checkTypeExternalID(type, except: stored.id)
            try connection.run(
                "UPDATE Type SET external_id = ? WHERE id = ?", type.externalID, stored.id)
        }
        if type.hasDescription_p, type.description_p != stored.description_p {
            try connection.run(
                "UPDATE Type SET description = ? WHERE id = ?", type.description_p, stored.id)
        }
        return stored.id
    }

    private func checkTypeExternalID<T: NodeType>(_ type: T, except id: Int64?) throws {
        guard type.hasExternalID else { return }
        let found = try connection.first(
            "SELECT id FROM Type WHERE external_id = ?", type.externalID
        ) { $0.integer(0) }
        if let found, found != id {
            throw StatusError.alreadyExists(
                "Conflict of external_id: \(type.externalID) Found already existing "
                    + "\(T.kind.table) type with the same external_id: \(found)")
        }
    }

    // MARK: Reading

    private static let typeColumns = """
        SELECT id, name, version, description, input_type, output_type, external_id FROM Type
        """

    private func readType<T: NodeType>(_ row: Row) -> T {
        var type = T()
        type.id = row.integer(0)
        type.name = row.text(1)
        if let version = row.optionalText(2) { type.version = version }
        if let text = row.optionalText(3) { type.description_p = text }
        type.structTypes = (row.optionalText(4), row.optionalText(5))
        if let text = row.optionalText(6) { type.externalID = text }
        return type
    }

    /// The types with their properties and base types filled in.
    private func complete<T: NodeType>(_ types: [T]) throws -> [T] {
        var types = types
        let index = Dictionary(types.enumerated().map { ($1.id, $0) }) { first, _ in first }
        let ids = types.map(\.id)
        _ = try connection.rows(
            "SELECT type_id, name, data_type FROM TypeProperty WHERE type_id IN ({list})", list: ids
        ) { row in
            guard let position = index[row.integer(0)] else { return }
            let kind = MlMetadata_PropertyType(rawValue: Int(row.integer(2))) ?? .unknown
            types[position].properties[row.text(1)] = kind
        }
        let numbers = SystemType.numbers(of: T.kind)
        _ = try connection.rows(
            """
            SELECT p.type_id, t.name FROM ParentType AS p JOIN Type AS t ON t.id = p.parent_type_id
            WHERE p.type_id IN ({list})
            """, list: ids
        ) { row in
            guard let position = index[row.integer(0)] else { return }
            types[position].baseNumber = numbers[row.text(1)]
        }
        return types
    }

    /// The types of a kind with a name and version; none or one.
    func types<T: NodeType>(named name: String, version: String?) throws -> [T] {
        let sql = Self.typeColumns + " WHERE name = ? AND type_kind = ? AND version "
        let rows: [T] =
            if let version, !version.isEmpty {
                try connection.rows(sql + "= ?", name, T.kind.rawValue, version, row: readType)
            } else {
                try connection.rows(sql + "IS NULL", name, T.kind.rawValue, row: readType)
            }
        return try complete(rows)
    }

    /// The one type of a kind with a name and version.
    /// - Throws: ``StatusError``, NOT_FOUND.
    func type<T: NodeType>(named name: String, version: String?) throws -> T {
        let found: [T] = try types(named: name, version: version)
        guard let type = found.first else {
            throw StatusError.notFound(
                "No type found for query, name: `\(name)`, version: `\(version ?? "nullopt")`")
        }
        return type
    }

    /// All types of a kind that users made.
    /// - Parameter withSystem: those of MLMD itself too.
    func allTypes<T: NodeType>(withSystem: Bool = false) throws -> [T] {
        let system = withSystem ? [:] : SystemType.numbers(of: T.kind)
        let types: [T] = try connection.rows(
            Self.typeColumns + " WHERE type_kind = ? ORDER BY id", T.kind.rawValue, row: readType)
        return try complete(types.filter { $0.hasVersion || system[$0.name] == nil })
    }

    /// The names of types that users made, in order, no more than so many: to choose from.
    /// - Throws: ``StatusError``.
    public func typeNames(of kind: NodeKind, upTo limit: Int) throws -> [String] {
        let system = SystemType.numbers(of: kind)
        return try connection.rows(
            "SELECT DISTINCT name FROM Type WHERE type_kind = ? ORDER BY name LIMIT ?", kind.rawValue,
            Int64(limit + system.count)
        ) { $0.text(0) }.filter { system[$0] == nil }.prefix(limit).map { $0 }
    }

    func types<T: NodeType>(ids: [Int64]) throws -> [T] {
        let kind = T.kind.rawValue
        let rows: [T] = try connection.rows(
            Self.typeColumns + " WHERE type_kind = \(kind) AND id IN ({list}) ORDER BY id",
            list: ids.uniqued(), row: readType)
        return try complete(rows)
    }

    /// Types in the order of their ids, as often as these are named; MLMD's clients count on it.
    func types<T: NodeType>(named ids: [Int64]) throws -> [T] {
        try StoreLimits.check(elements: ids.count)
        let found: [T] = try types(ids: ids)
        let byID = Dictionary(found.map { ($0.id, $0) }) { first, _ in first }
        var sizes: [Int64: Int] = [:]
        for type in found { sizes[type.id] = (try type.serializedBytes() as [UInt8]).count }
        guard ids.reduce(0, { $0 + (sizes[$1] ?? 0) }) <= StoreLimits.repeatedTypes else {
            throw StatusError(.resourceExhausted, "Types that are named often are too many. Name each once.")
        }
        return ids.compactMap { byID[$0] }
    }

    func types<T: NodeType>(externalIDs: [String]) throws -> [T] {
        try Self.checkExternalIDs(externalIDs)
        let kind = T.kind.rawValue
        let rows: [T] = try connection.rows(
            Self.typeColumns + " WHERE type_kind = \(kind) AND external_id IN ({list}) ORDER BY id",
            list: externalIDs.uniqued(), row: readType)
        if rows.isEmpty, !externalIDs.isEmpty {
            throw StatusError.notFound("No \(T.kind.word) types found for external_ids.")
        }
        return try complete(rows)
    }

    static func checkExternalIDs(_ ids: [String]) throws {
        if ids.contains("") {
            throw StatusError.invalidArgument(
                "Invalid argument because at least one empty external_id exists.")
        }
    }
}
