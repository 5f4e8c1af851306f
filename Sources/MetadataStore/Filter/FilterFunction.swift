import MetadataAPI

/// The functions of GoogleSQL that filter queries take: those that tell something of a node's texts and numbers.
enum FilterFunction {
    /// - Throws: ``StatusError``, INVALID_ARGUMENT: no such function, or not with these arguments.
    static func operand(
        _ name: String, _ arguments: [FilterOperand], at start: Int, _ dialect: FilterDialect
    ) throws -> FilterOperand {
        let kinds = arguments.map(\.kind)
        func result(_ kind: FilterKind, _ sql: SQLFragment, isCompound: Bool = false) -> FilterOperand {
            FilterOperand(sql: sql, kind: kind, column: start, isCompound: isCompound)
        }
        func call(_ function: String) -> SQLFragment {
            "\(function)(\(arguments.map(\.sql).joined(separator: ", ")))"
        }
        switch (name, kinds) {
        case ("LOWER", [.string]), ("UPPER", [.string]): return result(.string, call(name))
        // Of letters of one's own, SQLite's would take minutes that nothing interrupts; REPLACE too, and its memory.
        case ("TRIM", [.string]), ("LTRIM", [.string]), ("RTRIM", [.string]): return result(.string, call(name))
        case ("LENGTH", [.string]), ("CHAR_LENGTH", [.string]), ("CHARACTER_LENGTH", [.string]):
            return result(.integer, dialect.length(arguments[0].sql))
        case ("CONCAT", _) where !kinds.isEmpty && kinds.allSatisfy { $0 == .string }:
            return FilterOperand(
                sql: arguments.map(\.term).joined(separator: " || "), kind: .string, column: start,
                isCompound: kinds.count > 1, chain: "||")
        case ("SUBSTR", [.string, .integer]), ("SUBSTR", [.string, .integer, .integer]),
            ("SUBSTRING", [.string, .integer]), ("SUBSTRING", [.string, .integer, .integer]):
            return result(
                .string, dialect.substring(arguments[0].sql, arguments[1].sql, arguments.dropFirst(2).first?.sql))
        case ("STARTS_WITH", [.string, .string]):
            let (text, part) = (arguments[0].term, arguments[1].term)
            return result(.bool, "substr(\(text), 1, \(dialect.length(part))) = \(part)", isCompound: true)
        case ("ENDS_WITH", [.string, .string]):
            let (text, part) = (arguments[0].term, arguments[1].term)
            return result(.bool, "\(dialect.ending(text, part)) = \(part)", isCompound: true)
        case ("ABS", [.integer]), ("ABS", [.double]): return result(kinds[0], call("ABS"))
        case ("ROUND", [.integer]), ("ROUND", [.double]), ("ROUND", [.integer, .integer]),
            ("ROUND", [.double, .integer]):
            return result(.double, dialect.round(arguments[0].sql, arguments.dropFirst().first?.sql))
        case ("MOD", [.integer, .integer]):
            return result(.integer, dialect.remainder(arguments[0].term, arguments[1].term), isCompound: true)
        case ("COALESCE", _) where !kinds.isEmpty, ("IFNULL", _) where kinds.count == 2:
            let kind = try common(arguments, of: name, at: start)
            // SQLite's takes two at least.
            return arguments.count == 1 ? arguments[0] : result(kind, call("COALESCE"))
        case ("NULLIF", _) where kinds.count == 2:
            _ = try common(arguments, of: name, at: start)
            return result(kinds[0], call(name))
        case ("IF", _) where kinds.count == 3 && kinds[0] == .bool:
            let kind = try common(Array(arguments[1...]), of: name, at: start)
            let (test, yes, no) = (arguments[0].term, arguments[1].term, arguments[2].term)
            return result(kind, "CASE WHEN \(test) THEN \(yes) ELSE \(no) END", isCompound: true)
        default:
            guard known.contains(name) else { throw FilterToken.error("Function not found: \(name)", start) }
            let given = kinds.map(\.rawValue).joined(separator: ", ")
            throw FilterToken.error(
                "No matching signature for function \(name) for argument types: \(given)", start)
        }
    }

    static let known: Set<String> = [
        "LOWER", "UPPER", "TRIM", "LTRIM", "RTRIM", "LENGTH", "CHAR_LENGTH", "CHARACTER_LENGTH", "CONCAT",
        "SUBSTR", "SUBSTRING", "STARTS_WITH", "ENDS_WITH", "ABS", "ROUND", "MOD", "COALESCE", "IFNULL", "NULLIF", "IF",
    ]

    /// The kind that several results have together; NULL is of any.
    /// - Throws: ``StatusError``, INVALID_ARGUMENT.
    static func common(_ results: [FilterOperand], of name: String, at start: Int) throws -> FilterKind {
        var kind = FilterKind.null
        for result in results where result.kind != .null {
            if kind == .null || kind == result.kind {
                kind = result.kind
            } else if kind.isNumber, result.kind.isNumber {
                kind = .double
            } else {
                throw FilterToken.error(
                    "No matching signature for \(name) for argument types: \(kind.rawValue), \(result.kind.rawValue)",
                    start)
            }
        }
        return kind
    }
}
