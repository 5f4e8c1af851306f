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
        /// How nodes are found by a comparison of it with a literal.
        var lookup: Lookup?
        var isLiteral = false
        /// A literal that was the name of an enumeration's value.
        var isName = false
        var column: Int
    }

    /// - Throws: ``StatusError``, INVALID_ARGUMENT with what is wrong and where.
    static func condition(_ query: String, on kind: NodeKind) throws -> Condition {
        guard query.utf8.count <= 1_000_000 else {
            throw StatusError.invalidArgument("Invalid `filter_query`: longer than 1,000,000 bytes")
        }
        var parser = FilterQuery(kind: kind, tokens: try FilterToken.tokens(of: query))
        var condition = try parser.disjunction()
        guard parser.peek == .end else {
            throw parser.error("Syntax error: Expected end of input but got \(parser.shown)")
        }
        guard condition.depth <= maximumNesting else {
            throw StatusError.invalidArgument("Invalid `filter_query`: nested deeper than \(maximumNesting) levels")
        }
        guard !parser.joins.isEmpty else { return condition }
        // Joined within EXISTS, which stops at the first match, so that no node comes twice.
        condition.sql =
            "EXISTS (SELECT 1 FROM \(parser.joins.joined(separator: " CROSS JOIN "))"
            + " WHERE \(parser.links.joined(separator: " AND ")) AND (\(condition.sql)))"
        condition.values = parser.linkValues + condition.values
        return condition
    }

    /// How deep a query may be written.
    private static let maximumDepth = 400
    /// How deep it may be once needless parentheses are gone: SQLite's parser has a stack of 100.
    private static let maximumNesting = 24
    /// How many properties are joined: SQLite takes 64 tables.
    private static let maximumProperties = 36
    /// How many contexts and events are joined: what they find is multiplied.
    private static let maximumNeighbours = 8
    /// How many comparisons there may be: what SQLite does about them grows with their square.
    private static let maximumTerms = 1_000
    private static let maximumElements = 100_000
    /// SQLite's own limit, in bytes.
    private static let maximumPattern = 50_000

    private let kind: NodeKind
    private let tokens: [(token: FilterToken, column: Int)]
    private var position = 0
    private var depth = 0
    private var terms = 0
    /// Tables of neighbours and properties, and what links them to the node.
    private var joins: [String] = []
    private var links: [String] = []
    private var linkValues: [SQLValue] = []
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

    private mutating func disjunction() throws -> Condition {
        try descend()
        defer { depth -= 1 }
        var parts = [try conjunction()]
        while take(keyword: "OR") { parts.append(try conjunction()) }
        return .any(parts)
    }

    private mutating func conjunction() throws -> Condition {
        var parts = [try negation()]
        while take(keyword: "AND") { parts.append(try negation()) }
        return .all(parts)
    }

    private mutating func negation() throws -> Condition {
        var isNegated = false
        while take(keyword: "NOT") { isNegated.toggle() }
        let condition = try predicate()
        return isNegated ? condition.negated : condition
    }

    private mutating func predicate() throws -> Condition {
        if peek == .symbol("("), !isOperandInParentheses {
            advance()
            // What needs parentheses has them already.
            let inner = try disjunction()
            try expect(symbol: ")")
            return inner
        }
        terms += 1
        guard terms <= Self.maximumTerms else {
            throw error("More than \(Self.maximumTerms) comparisons; IN takes a list")
        }
        let left = try operand()
        if case .symbol(let symbol) = peek, ["=", "!=", "<>", "<", "<=", ">", ">="].contains(symbol) {
            advance()
            let right = try operand()
            return try compare(left, symbol == "!=" ? "<>" : symbol, right)
        }
        if take(keyword: "IS") {
            if let name = left.enumName { throw FilterToken.error("Unrecognized name: \(name)", left.column) }
            let not = take(keyword: "NOT")
            for (word, value) in [("TRUE", 1), ("FALSE", 0)] where take(keyword: word) {
                guard left.kind == .bool else {
                    throw FilterToken.error(
                        "Operand of IS \(word) must be BOOL, not \(left.kind.rawValue)", left.column)
                }
                return Condition(sql: "\(left.sql) IS \(not ? "NOT " : "")\(value)", values: left.values)
            }
            guard take(keyword: "NULL") else { throw error("Syntax error: Expected NULL but got \(shown)") }
            return Condition(sql: "\(left.sql) IS \(not ? "NOT " : "")NULL", values: left.values)
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
            if case .text(let pattern)? = right.values.first, pattern.utf8.count > Self.maximumPattern {
                throw FilterToken.error("A pattern of LIKE has at most \(Self.maximumPattern) bytes", right.column)
            }
            return Condition(
                sql: "\(left.sql) \(word)LIKE \(right.sql) ESCAPE '\\'", values: left.values + right.values,
                candidates: [left.lookup?.fallbackCandidate].compactMap { $0 })
        }
        if take(keyword: "IN") { return try membership(left, word) }
        if take(keyword: "BETWEEN") {
            let low = try operand()
            guard take(keyword: "AND") else { throw error("Syntax error: Expected AND but got \(shown)") }
            let high = try operand()
            let range = Condition.all([try compare(left, ">=", low), try compare(left, "<=", high)])
            return not ? range.negated : range
        }
        guard !not, left.kind == .bool, left.enumName == nil else {
            if let name = left.enumName {
                throw FilterToken.error("Unrecognized name: \(name)", left.column)
            }
            throw StatusError.invalidArgument(
                "Invalid `filter_query`: Given query string is not a valid boolean expression")
        }
        return Condition(sql: left.sql, values: left.values)
    }

    /// Whether the parentheses here enclose a single name or literal.
    private var isOperandInParentheses: Bool {
        var index = position
        // Deeper than anything is nested that is taken.
        while tokens[index].token == .symbol("("), index - position <= 1000 { index += 1 }
        let count = index - position
        var end = index + 1
        while end + 1 < tokens.count, tokens[end].token == .symbol(".") { end += 2 }
        guard tokens[index].token != .end, end + count <= tokens.count else { return false }
        return tokens[end..<(end + count)].allSatisfy { $0.token == .symbol(")") }
    }

    private mutating func membership(_ left: Operand, _ not: String) throws -> Condition {
        if let name = left.enumName { throw FilterToken.error("Unrecognized name: \(name)", left.column) }
        try expect(symbol: "(")
        var elements: [Operand] = []
        repeat {
            let element = try operand()
            // NULL is in no list, but may stand there.
            let isNull = element.kind == .null && left.names == nil
            elements.append(isNull ? element : try resolve(element, against: left, takesNumbers: true))
            guard elements.count <= Self.maximumElements else {
                throw error("More than \(Self.maximumElements) elements of IN")
            }
        } while take(symbol: ",")
        try expect(symbol: ")")
        let comparison = "\(not)IN (\(elements.map(\.sql).joined(separator: ", ")))"
        let values = elements.flatMap(\.values)
        let isServed = not.isEmpty && elements.allSatisfy { $0.isLiteral || $0.kind == .null }
        let lookup = isServed ? left.lookup?.candidate(comparison, values) : nil
        return Condition(
            sql: Self.withUnset(
                left, "\(left.sql) \(comparison)", isNegative: !not.isEmpty && elements.contains(where: \.isName)),
            values: left.values + values, candidates: [lookup].compactMap { $0 })
    }

    private func compare(_ left: Operand, _ symbol: String, _ right: Operand) throws -> Condition {
        let given = right
        let takesNumbers = symbol != "=" && symbol != "<>"
        let right = try resolve(right, against: left, takesNumbers: takesNumbers)
        // The other way round a number is taken; so does the original.
        let left = try resolve(left, against: given, takesNumbers: true)
        return Condition(
            sql: Self.withUnset(left, "\(left.sql) \(symbol) \(right.sql)", isNegative: symbol == "<>"),
            values: left.values + right.values,
            candidates: [Self.candidate(left, symbol, right)].compactMap { $0 })
    }

    /// A state that was never set is none of those that are named, in MLMD's eyes.
    private static func withUnset(_ left: Operand, _ sql: String, isNegative: Bool) -> String {
        // Numbers are compared as SQL does.
        isNegative && left.names != nil ? "(\(sql) OR \(left.sql) IS NULL)" : sql
    }

    /// How the nodes of a comparison of a column with a literal are found by an index.
    private static func candidate(_ left: Operand, _ symbol: String, _ right: Operand) -> Candidate? {
        if symbol == "<>" { return left.lookup?.fallbackCandidate ?? right.lookup?.fallbackCandidate }
        if right.isLiteral, let lookup = left.lookup {
            return lookup.candidate("\(symbol) \(right.sql)", right.values)
        }
        if left.isLiteral, let lookup = right.lookup {
            let mirrored = ["<": ">", "<=": ">=", ">": "<", ">=": "<="][symbol] ?? symbol
            return lookup.candidate("\(mirrored) \(left.sql)", left.values)
        }
        return left.lookup?.fallbackCandidate ?? right.lookup?.fallbackCandidate
    }

    /// Checks that an operand can be compared with another; names of an enumeration get their number.
    private func resolve(
        _ operand: Operand, against other: Operand, takesNumbers: Bool = false
    ) throws -> Operand {
        if let name = operand.enumName {
            guard let number = other.names?[name.uppercased()] else {
                throw FilterToken.error("Unrecognized name: \(name)", operand.column)
            }
            var result = operand
            result.sql = String(number)
            result.kind = .integer
            result.enumName = nil
            result.isLiteral = true
            result.isName = true
            return result
        }
        if operand.kind == .null {
            throw FilterToken.error("Operands of = cannot be literal NULL", operand.column)
        }
        if other.names != nil, operand.names == nil, other.enumName == nil {
            // Only names stand against an enumeration; numbers in lists and ranges.
            if takesNumbers, operand.kind == .integer { return operand }
            guard operand.kind == .integer else {
                throw FilterToken.error(
                    "No matching signature for operator = for argument types: INT64, \(operand.kind.rawValue)",
                    operand.column)
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
            Operand(sql: "?", values: [value], kind: kind, isLiteral: true, column: start)
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
            var inner = try number(after: "-")
            // Signs cancel each other.
            if inner.sql.hasPrefix("-(") {
                inner.sql = String(inner.sql.dropFirst(2).dropLast())
            } else {
                inner.sql = "-(\(inner.sql))"
            }
            inner.lookup = nil
            return inner
        case .symbol("+"):
            advance()
            return try number(after: "+")
        case .symbol("("):
            advance()
            let inner = try operand()
            try expect(symbol: ")")
            return inner
        case .quoted: return try reference()
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

    private mutating func number(after sign: String) throws -> Operand {
        let inner = try operand()
        guard inner.kind == .integer || inner.kind == .double else {
            throw FilterToken.error(
                "No matching signature for operator \(sign) for argument type: \(inner.kind.rawValue)", inner.column)
        }
        return inner
    }

    /// An attribute of the node, `lower(x)`, or a path that begins with a neighbour.
    private mutating func reference() throws -> Operand {
        let start = column
        let path = try path()
        if path.count == 1, peek == .symbol("("), ["LOWER", "UPPER"].contains(path[0].uppercased()) {
            advance()
            var inner = try operand()
            try expect(symbol: ")")
            guard inner.kind == .string else {
                throw FilterToken.error(
                    "No matching signature for function \(path[0].uppercased()) for argument type: \(inner.kind.rawValue)",
                    start)
            }
            // Of functions within functions only the outermost counts.
            for function in ["LOWER(", "UPPER("] where inner.sql.hasPrefix(function) {
                inner.sql = String(inner.sql.dropFirst(function.count).dropLast())
            }
            inner.sql = "\(path[0].uppercased())(\(inner.sql))"
            inner.lookup = nil
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
        if let operand = Self.attribute(path[0].lowercased(), of: kind, alias: "n", type: "t", at: start) {
            return operand
        }
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
        let field = field.lowercased()
        guard let valueKind = kinds[field] else {
            throw FilterToken.error("Property \(name) has no field \(field)", start)
        }
        let key = (custom ? "custom_properties." : "properties.") + name
        if aliases[key] == nil {
            let alias = try newAlias(for: key)
            joins.append("\(kind.propertyTable) AS \(alias)")
            links.append(
                "\(alias).\(kind.propertyKey) = n.id AND \(alias).name = ?"
                    + " AND \(alias).is_custom_property = \(custom ? 1 : 0)")
            linkValues.append(.text(name))
        }
        // The index of each kind of value has only the rows that have one; there is none of bools.
        let lookup = Lookup(
            query: "SELECT \(kind.propertyKey) FROM \(kind.propertyTable) WHERE name = ?"
                + " AND is_custom_property = \(custom ? 1 : 0) AND ",
            values: [.text(name)], column: field, fallback: "IS NOT NULL")
        let alias = aliases[key] ?? "n"
        // Bits stand beside a double that SQLite cannot hold. A NaN compares with nothing, as NULL.
        let sql =
            valueKind == .double
            ? "CASE WHEN \(alias).byte_value IS NULL OR \(alias).byte_value = x'8000000000000000'"
                + " THEN \(alias).double_value END"
            : "\(alias).\(field)"
        return Operand(
            sql: sql, values: [], kind: valueKind,
            lookup: valueKind == .bool ? nil : lookup, column: start)
    }

    private mutating func newAlias(for key: String) throws -> String {
        let properties = aliases.keys.filter { $0.contains(".") }.count
        let (count, limit, what) =
            key.contains(".")
            ? (properties, Self.maximumProperties, "properties")
            : (aliases.count - properties, Self.maximumNeighbours, "contexts and events")
        guard count < limit else { throw error("More than \(limit) different \(what)") }
        let alias = "j\(aliases.count)"
        aliases[key] = alias
        return alias
    }

    /// `contexts_x.name`, `events_x.type` and their kin; `nil` when the name is none of them.
    private mutating func neighbour(_ head: String, _ field: String, at start: Int) throws -> Operand? {
        let groups = ["parent_contexts", "child_contexts", "contexts", "events"]
        guard let group = groups.first(where: { head.hasPrefix($0 + "_") }), head.count > group.count + 1 else {
            return nil
        }
        let field = field.lowercased()
        switch (group, kind) {
        case ("contexts", .artifact), ("contexts", .execution):
            guard let link = kind.contextLink else { return nil }
            return try context(
                head, field, at: start,
                link: Link(table: link, node: "\(kind.word)_id", context: "context_id"))
        case ("parent_contexts", .context):
            return try context(
                head, field, at: start,
                link: Link(table: "ParentContext", node: "context_id", context: "parent_context_id"))
        case ("child_contexts", .context):
            return try context(
                head, field, at: start,
                link: Link(table: "ParentContext", node: "parent_context_id", context: "context_id"))
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
                joins.append("Event AS \(alias)")
                links.append("\(alias).\(kind.word)_id = n.id")
            }
            let lookup = Lookup(query: "SELECT \(kind.word)_id FROM Event WHERE ", column: field)
            return Operand(
                sql: "\(aliases[head] ?? "n").\(field)", values: [], kind: fieldKind,
                names: field == "type" ? Self.eventTypes : nil,
                lookup: field.hasSuffix("_id") ? lookup : nil, column: start)
        default:
            return nil
        }
    }

    /// The table that links nodes to contexts, and its two columns.
    private struct Link {
        var table: String
        var node: String
        var context: String
    }

    private mutating func context(
        _ head: String, _ field: String, at start: Int, link: Link
    ) throws -> Operand {
        if aliases[head] == nil {
            let alias = try newAlias(for: head)
            joins += ["\(link.table) AS \(alias)l", "Context AS \(alias)", "Type AS \(alias)t"]
            links.append(
                "\(alias)l.\(link.node) = n.id AND \(alias).id = \(alias)l.\(link.context)"
                    + " AND \(alias)t.id = \(alias).type_id")
        }
        let alias = aliases[head] ?? "n"
        guard
            var operand = Self.attribute(field, of: .context, alias: alias, type: alias + "t", at: start)
        else { throw FilterToken.error("Context has no field \(field)", start) }
        // The contexts are found first, then what is linked to them.
        if var lookup = operand.lookup {
            let columns = lookup.query.split(separator: " FROM ", maxSplits: 1).last.map(String.init) ?? ""
            lookup.query =
                "SELECT l.\(link.node) FROM Context CROSS JOIN \(link.table) AS l ON l.\(link.context) = Context.id"
                + columns.dropFirst("Context".count)
            operand.lookup = lookup
        }
        return operand
    }

    private static func attribute(
        _ name: String, of kind: NodeKind, alias: String, type: String, at start: Int
    ) -> Operand? {
        func operand(_ sql: String, _ kind: Kind, _ lookup: Lookup?, _ names: [String: Int64]? = nil) -> Operand {
            Operand(sql: sql, values: [], kind: kind, names: names, lookup: lookup, column: start)
        }
        let table = kind.table
        let all = "SELECT \(table).id FROM \(table) WHERE "
        let types = "SELECT id FROM Type WHERE type_kind = \(kind.rawValue)"
        func lookup(_ query: String = "") -> Lookup { Lookup(query: all + query, column: "\(table).\(name)") }
        switch (name, kind) {
        case ("type", _):
            // The comparison goes into a query of types, which is closed after it.
            return operand(
                "\(type).name", .string,
                Lookup(query: "\(all)\(table).type_id IN (\(types) AND ", column: "Type.name", suffix: ")"))
        case ("id", _), ("type_id", _), ("create_time_since_epoch", _),
            ("last_update_time_since_epoch", _):
            return operand("\(alias).\(name)", .integer, lookup())
        case ("name", _):
            // Names are indexed within their type; MLMD 1.14 could leave a node with type 0.
            return operand("\(alias).name", .string, lookup("\(table).type_id IN (\(types) UNION ALL SELECT 0) AND "))
        case ("external_id", _), ("uri", .artifact):
            return operand("\(alias).\(name)", .string, lookup())
        case ("state", .artifact), ("last_known_state", .execution):
            return operand("\(alias).\(name)", .integer, nil, states(of: kind))
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
