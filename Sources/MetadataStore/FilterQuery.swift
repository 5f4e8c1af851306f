import MetadataAPI
import SQLite

/// Turns a filter query into a condition.
///
/// As in MLMD, each neighbour or property that a query names is joined once, and a node without it
/// is no match, whatever else the query says (ml_metadata/query, 1.5 and later).
struct FilterQuery {
    /// The kinds of values that are compared.
    enum Kind: String {
        case integer = "INT64"
        case double = "DOUBLE"
        case string = "STRING"
        case bool = "BOOL"
        case null = "NULL"
    }

    private struct Operand {
        var sql: String
        var values: [SQLValue]
        var kind: Kind
        /// The names that stand for numbers in an enumerated column.
        var names: [String: Int64]?
        /// An unquoted word that can only be a name of the other side's enumeration.
        var enumName: String?
        var column: Int
    }

    /// - Throws: ``StatusError``, INVALID_ARGUMENT with what is wrong and where.
    static func condition(_ query: String, on kind: NodeKind) throws -> Condition {
        guard query.utf8.count <= 1_000_000 else {
            throw StatusError.invalidArgument("Invalid `filter_query`: longer than 1,000,000 bytes")
        }
        var parser = FilterQuery(kind: kind, tokens: try FilterToken.tokens(of: query))
        let (sql, values) = try parser.disjunction()
        guard parser.peek == .end else {
            throw parser.error("Syntax error: Expected end of input but got \(parser.shown)")
        }
        return Condition(
            sql: sql, values: values, joins: parser.joins.joined(), joinValues: parser.joinValues,
            repeatsNodes: parser.repeatsNodes)
    }

    /// SQLite's own limit on the depth of expressions is 1,000.
    private static let maximumDepth = 400
    /// Each neighbour is a join: more of them would cost the product of what they find.
    private static let maximumJoins = 32

    private let kind: NodeKind
    private let tokens: [(token: FilterToken, column: Int)]
    private var position = 0
    private var depth = 0
    private var joins: [String] = []
    private var joinValues: [SQLValue] = []
    private var repeatsNodes = false
    /// The SQL names of what is joined already.
    private var aliases: [String: String] = [:]

    private init(kind: NodeKind, tokens: [(token: FilterToken, column: Int)]) {
        self.kind = kind
        self.tokens = tokens
    }

    // MARK: Tokens

    private var peek: FilterToken { tokens[position].token }
    private var column: Int { tokens[position].column }

    private var shown: String {
        switch peek {
        case .identifier(let name): "identifier \(name)"
        case .quoted(let name): "identifier `\(name)`"
        case .string(let text): "string literal '\(text)'"
        case .integer(let value): "integer literal \"\(value)\""
        case .double(let value): "floating point literal \"\(value)\""
        case .symbol(let symbol): "\"\(symbol)\""
        case .end: "end of expression"
        }
    }

    private func error(_ reason: String) -> StatusError { FilterToken.error(reason, column) }

    private mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    private mutating func take(symbol: String) -> Bool {
        guard peek == .symbol(symbol) else { return false }
        advance()
        return true
    }

    private mutating func take(keyword: String) -> Bool {
        guard case .identifier(let name) = peek, name.uppercased() == keyword else { return false }
        advance()
        return true
    }

    private mutating func expect(symbol: String) throws {
        guard take(symbol: symbol) else {
            throw error("Syntax error: Expected \"\(symbol)\" but got \(shown)")
        }
    }

    private mutating func descend() throws {
        guard depth < Self.maximumDepth else { throw error("Nested deeper than \(Self.maximumDepth) levels") }
        depth += 1
    }

    // MARK: Boolean expressions

    private typealias Expression = (sql: String, values: [SQLValue])

    private mutating func disjunction() throws -> Expression {
        try descend()
        defer { depth -= 1 }
        var parts = [try conjunction()]
        while take(keyword: "OR") { parts.append(try conjunction()) }
        return join(parts, "OR")
    }

    private mutating func conjunction() throws -> Expression {
        var parts = [try negation()]
        while take(keyword: "AND") { parts.append(try negation()) }
        return join(parts, "AND")
    }

    /// A balanced tree: a chain of a thousand terms would be too deep for SQLite.
    private func join(_ parts: [Expression], _ word: String) -> Expression {
        guard parts.count > 1 else { return parts[0] }
        let middle = parts.count / 2
        let left = join(Array(parts[..<middle]), word)
        let right = join(Array(parts[middle...]), word)
        return ("(\(left.sql) \(word) \(right.sql))", left.values + right.values)
    }

    private mutating func negation() throws -> Expression {
        var isNegated = false
        while take(keyword: "NOT") { isNegated.toggle() }
        let expression = try predicate()
        return isNegated ? ("NOT (\(expression.sql))", expression.values) : expression
    }

    private mutating func predicate() throws -> Expression {
        if peek == .symbol("(") {
            advance()
            let inner = try disjunction()
            try expect(symbol: ")")
            return ("(\(inner.sql))", inner.values)
        }
        let left = try operand()
        if case .symbol(let symbol) = peek, ["=", "!=", "<>", "<", "<=", ">", ">="].contains(symbol) {
            advance()
            let right = try operand()
            return try compare(left, symbol == "!=" ? "<>" : symbol, right)
        }
        if take(keyword: "IS") {
            let not = take(keyword: "NOT")
            guard take(keyword: "NULL") else { throw error("Syntax error: Expected NULL but got \(shown)") }
            return ("\(left.sql) IS \(not ? "NOT " : "")NULL", left.values)
        }
        let not = take(keyword: "NOT")
        let word = not ? "NOT " : ""
        if take(keyword: "LIKE") {
            let right = try operand()
            guard left.kind == .string, right.kind == .string else {
                throw FilterToken.error(
                    "No matching signature for operator LIKE for argument types: "
                        + "\(left.kind.rawValue), \(right.kind.rawValue)", left.column)
            }
            return ("\(left.sql) \(word)LIKE \(right.sql) ESCAPE '\\'", left.values + right.values)
        }
        if take(keyword: "IN") { return try membership(left, word) }
        if take(keyword: "BETWEEN") {
            let low = try operand()
            guard take(keyword: "AND") else { throw error("Syntax error: Expected AND but got \(shown)") }
            let high = try operand()
            let from = try compare(left, ">=", low)
            let to = try compare(left, "<=", high)
            return ("\(word)(\(from.sql) AND \(to.sql))", from.values + to.values)
        }
        guard !not, left.kind == .bool, left.enumName == nil else {
            if let name = left.enumName {
                throw FilterToken.error("Unrecognized name: \(name)", left.column)
            }
            throw StatusError.invalidArgument(
                "Invalid `filter_query`: Given query string is not a valid boolean expression")
        }
        return (left.sql, left.values)
    }

    private mutating func membership(_ left: Operand, _ not: String) throws -> Expression {
        try expect(symbol: "(")
        var sql: [String] = []
        var values = left.values
        repeat {
            let element = try resolve(try operand(), against: left)
            sql.append(element.sql)
            values += element.values
        } while take(symbol: ",")
        try expect(symbol: ")")
        return ("\(left.sql) \(not)IN (\(sql.joined(separator: ", ")))", values)
    }

    private func compare(_ left: Operand, _ symbol: String, _ right: Operand) throws -> Expression {
        let right = try resolve(right, against: left)
        let left = try resolve(left, against: right)
        return ("\(left.sql) \(symbol) \(right.sql)", left.values + right.values)
    }

    /// Checks that an operand can be compared with another; names of an enumeration get their number.
    private func resolve(_ operand: Operand, against other: Operand) throws -> Operand {
        if let name = operand.enumName {
            guard let number = other.names?[name.uppercased()] else {
                throw FilterToken.error("Unrecognized name: \(name)", operand.column)
            }
            var result = operand
            result.sql = String(number)
            result.kind = .integer
            result.enumName = nil
            return result
        }
        if operand.kind == .null {
            throw FilterToken.error("Operands of = cannot be literal NULL", operand.column)
        }
        if other.names != nil, operand.names == nil, other.enumName == nil {
            // Only names stand against an enumeration, or a text that is one.
            if case .text(let name)? = operand.values.first, let number = other.names?[name.uppercased()] {
                var result = operand
                result.sql = String(number)
                result.values = []
                return result
            }
            throw StatusError.invalidArgument(
                "Invalid `filter_query`: Unsupported enum value specified in the query: \(operand.sql)")
        }
        let numbers: [Kind] = [.integer, .double]
        let fits =
            other.enumName != nil || operand.kind == other.kind
            || (numbers.contains(operand.kind) && numbers.contains(other.kind))
        guard fits else {
            throw FilterToken.error(
                "No matching signature for operator = for argument types: "
                    + "\(other.kind.rawValue), \(operand.kind.rawValue)", operand.column)
        }
        return operand
    }

    // MARK: Operands

    private mutating func operand() throws -> Operand {
        try descend()
        defer { depth -= 1 }
        let start = column
        func literal(_ value: SQLValue, _ kind: Kind) -> Operand {
            Operand(sql: "?", values: [value], kind: kind, column: start)
        }
        switch peek {
        case .string(let text):
            advance()
            return literal(.text(text), .string)
        case .integer(let value):
            advance()
            return literal(.integer(value), .integer)
        case .double(let value):
            advance()
            return literal(.real(value), .double)
        case .symbol("-"):
            advance()
            var inner = try operand()
            inner.sql = "-(\(inner.sql))"
            return inner
        case .symbol("+"):
            advance()
            return try operand()
        case .identifier(let name):
            switch name.uppercased() {
            case "TRUE", "FALSE":
                advance()
                return literal(.integer(name.uppercased() == "TRUE" ? 1 : 0), .bool)
            case "NULL":
                advance()
                return Operand(sql: "NULL", values: [], kind: .null, column: start)
            default: return try reference()
            }
        case .end: throw error("Syntax error: Unexpected end of expression")
        default: throw error("Syntax error: Unexpected \(shown)")
        }
    }

    /// An attribute of the node, `lower(x)`, or a path that begins with a neighbour.
    private mutating func reference() throws -> Operand {
        let start = column
        let path = try path()
        if path.count == 1, peek == .symbol("("), ["LOWER", "UPPER"].contains(path[0].uppercased()) {
            advance()
            var inner = try operand()
            try expect(symbol: ")")
            inner.sql = "\(path[0].uppercased())(\(inner.sql))"
            return inner
        }
        switch path[0] {
        case "properties", "custom_properties":
            guard path.count == 3 else {
                throw FilterToken.error("Unrecognized name: \(path.joined(separator: "."))", start)
            }
            return try property(path[1], path[2], custom: path[0] == "custom_properties", at: start)
        case let head where head.contains("_") && path.count == 2:
            if let operand = try neighbour(head, path[1], at: start) { return operand }
            throw FilterToken.error("Unrecognized name: \(head)", start)
        default: break
        }
        guard path.count == 1 else {
            throw FilterToken.error("Unrecognized name: \(path.joined(separator: "."))", start)
        }
        if let operand = Self.attribute(path[0], of: kind, alias: "n", type: "t", at: start) { return operand }
        // It may be the name of an enumeration's value, such as LIVE; the other side decides.
        let names = Self.states(of: .artifact).merging(Self.states(of: .execution)) { $1 }
            .merging(Self.eventTypes) { $1 }
        guard names[path[0].uppercased()] != nil else {
            throw FilterToken.error("Unrecognized name: \(path[0])", start)
        }
        return Operand(sql: "", values: [], kind: .bool, enumName: path[0], column: start)
    }

    private mutating func path() throws -> [String] {
        var result: [String] = []
        repeat {
            switch peek {
            case .identifier(let name), .quoted(let name): result.append(name)
            default: throw error("Syntax error: Unexpected \(shown)")
            }
            advance()
        } while take(symbol: ".")
        return result
    }

    private mutating func property(
        _ name: String, _ field: String, custom: Bool, at start: Int
    ) throws -> Operand {
        let kinds: [String: Kind] = [
            "int_value": .integer, "double_value": .double, "string_value": .string, "bool_value": .bool,
        ]
        guard let valueKind = kinds[field] else {
            throw FilterToken.error("Property \(name) has no field \(field)", start)
        }
        let key = (custom ? "custom_properties." : "properties.") + name
        if aliases[key] == nil {
            let alias = try newAlias(for: key)
            joins.append(
                " JOIN \(kind.propertyTable) AS \(alias) ON \(alias).\(kind.propertyKey) = n.id"
                    + " AND \(alias).name = ? AND \(alias).is_custom_property = \(custom ? 1 : 0)")
            joinValues.append(.text(name))
        }
        return Operand(
            sql: "\(aliases[key] ?? "n").\(field)", values: [], kind: valueKind, column: start)
    }

    private mutating func newAlias(for key: String) throws -> String {
        guard aliases.count < Self.maximumJoins else {
            throw error("More than \(Self.maximumJoins) different properties and neighbours")
        }
        let alias = "j\(aliases.count)"
        aliases[key] = alias
        return alias
    }

    /// `contexts_x.name`, `events_x.type` and their kin; `nil` when the name is none of them.
    private mutating func neighbour(_ head: String, _ field: String, at start: Int) throws -> Operand? {
        let cut = head.lastIndex(of: "_") ?? head.startIndex
        let (group, label) = (String(head[..<cut]), head[head.index(after: cut)...])
        guard !label.isEmpty else { return nil }
        switch (group, kind) {
        case ("contexts", .artifact), ("contexts", .execution):
            guard let link = kind.contextLink else { return nil }
            return try context(
                head, field, at: start,
                join: "\(link) AS {link} ON {link}.\(kind.word)_id = n.id", id: "{link}.context_id")
        case ("parent_contexts", .context):
            return try context(
                head, field, at: start, join: "ParentContext AS {link} ON {link}.context_id = n.id",
                id: "{link}.parent_context_id")
        case ("child_contexts", .context):
            return try context(
                head, field, at: start,
                join: "ParentContext AS {link} ON {link}.parent_context_id = n.id",
                id: "{link}.context_id")
        case ("events", .artifact), ("events", .execution):
            let kinds: [String: Kind] = [
                "artifact_id": .integer, "execution_id": .integer, "type": .integer,
                "milliseconds_since_epoch": .integer,
            ]
            guard let fieldKind = kinds[field] else {
                throw FilterToken.error("Event has no field \(field)", start)
            }
            if aliases[head] == nil {
                let alias = try newAlias(for: head)
                joins.append(" JOIN Event AS \(alias) ON \(alias).\(kind.word)_id = n.id")
                repeatsNodes = true
            }
            return Operand(
                sql: "\(aliases[head] ?? "n").\(field)", values: [], kind: fieldKind,
                names: field == "type" ? Self.eventTypes : nil, column: start)
        default:
            return nil
        }
    }

    private mutating func context(
        _ head: String, _ field: String, at start: Int, join: String, id: String
    ) throws -> Operand {
        if aliases[head] == nil {
            let alias = try newAlias(for: head)
            func fill(_ text: String) -> String {
                text.split(separator: "{link}", omittingEmptySubsequences: false)
                    .joined(separator: alias + "l")
            }
            joins.append(
                " JOIN \(fill(join)) JOIN Context AS \(alias) ON \(alias).id = \(fill(id))"
                    + " JOIN Type AS \(alias)t ON \(alias)t.id = \(alias).type_id")
            repeatsNodes = true
        }
        let alias = aliases[head] ?? "n"
        guard
            let operand = Self.attribute(field, of: .context, alias: alias, type: alias + "t", at: start)
        else { throw FilterToken.error("Context has no field \(field)", start) }
        return operand
    }

    private static func attribute(
        _ name: String, of kind: NodeKind, alias: String, type: String, at start: Int
    ) -> Operand? {
        func operand(_ sql: String, _ kind: Kind, _ names: [String: Int64]? = nil) -> Operand {
            Operand(sql: sql, values: [], kind: kind, names: names, column: start)
        }
        switch (name, kind) {
        case ("type", _): return operand("\(type).name", .string)
        case ("id", _), ("type_id", _), ("create_time_since_epoch", _),
            ("last_update_time_since_epoch", _):
            return operand("\(alias).\(name)", .integer)
        case ("name", _), ("external_id", _), ("uri", .artifact):
            return operand("\(alias).\(name)", .string)
        case ("state", .artifact), ("last_known_state", .execution):
            return operand("\(alias).\(name)", .integer, states(of: kind))
        default: return nil
        }
    }

    private static func states(of kind: NodeKind) -> [String: Int64] {
        switch kind {
        case .artifact:
            [
                "UNKNOWN": 0, "PENDING": 1, "LIVE": 2, "MARKED_FOR_DELETION": 3, "DELETED": 4,
                "ABANDONED": 5, "REFERENCE": 6,
            ]
        case .execution:
            [
                "UNKNOWN": 0, "NEW": 1, "RUNNING": 2, "COMPLETE": 3, "FAILED": 4, "CACHED": 5,
                "CANCELED": 6,
            ]
        case .context: [:]
        }
    }

    private static var eventTypes: [String: Int64] {
        [
            "UNKNOWN": 0, "DECLARED_OUTPUT": 1, "DECLARED_INPUT": 2, "INPUT": 3, "OUTPUT": 4,
            "INTERNAL_INPUT": 5, "INTERNAL_OUTPUT": 6, "PENDING_OUTPUT": 7,
        ]
    }
}
