import SQLite

/// The types that every store has and that users derive theirs from. Lists of types leave them out.
///
/// Their ids are 1 to 9 in a store that began with them (MLMD 1.1 and later); one that was migrated
/// has them after the types of its users.
struct SystemType {
    var name: String
    var kind: NodeKind
    /// Its number in the kind's enumeration `SystemDefinedBaseType`.
    var number: Int

    static let all: [SystemType] =
        ["mlmd.Dataset", "mlmd.Model", "mlmd.Metrics", "mlmd.Statistics"].enumerated()
        .map { SystemType(name: $1, kind: .artifact, number: $0 + 1) }
        + ["mlmd.Train", "mlmd.Transform", "mlmd.Process", "mlmd.Evaluate", "mlmd.Deploy"].enumerated()
        .map { SystemType(name: $1, kind: .execution, number: $0 + 1) }

    /// Makes those that a store lacks, in this order.
    static func prepare(_ connection: Session) throws {
        for type in all where try id(of: type, connection) == nil {
            try connection.run(
                "INSERT INTO Type (name, type_kind) VALUES (?, ?)", type.name, type.kind.rawValue)
        }
    }

    /// Whether the store has all of them.
    static func isPrepared(_ connection: Session) throws -> Bool {
        try all.allSatisfy { try id(of: $0, connection) != nil }
    }

    /// The id of the type with a number.
    static func id(number: Int, kind: NodeKind, _ connection: Session) throws -> Int64? {
        guard let type = all.first(where: { $0.kind == kind && $0.number == number }) else { return nil }
        return try id(of: type, connection)
    }

    private static func id(of type: SystemType, _ connection: Session) throws -> Int64? {
        try connection.first(
            "SELECT id FROM Type WHERE name = ? AND type_kind = ? AND version IS NULL", type.name,
            type.kind.rawValue
        ) { $0.integer(0) }
    }

    /// The numbers of the kind's types by their names.
    static func numbers(of kind: NodeKind) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: all.filter { $0.kind == kind }.map { ($0.name, $0.number) })
    }
}
