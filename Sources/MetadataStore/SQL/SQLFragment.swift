import SQLite

/// A piece of SQL with the values of its parameters, in their order. What is interpolated brings its own.
struct SQLFragment: ExpressibleByStringInterpolation, Sendable {
    struct StringInterpolation: StringInterpolationProtocol {
        var text = ""
        var values: [SQLValue] = []

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { text += literal }

        mutating func appendInterpolation(_ fragment: SQLFragment) {
            text += fragment.text
            values += fragment.values
        }

        /// - Parameter word: SQL, never a text from outside.
        mutating func appendInterpolation(_ word: String) { text += word }
    }

    var text: String
    var values: [SQLValue]

    init(stringInterpolation: StringInterpolation) {
        (text, values) = (stringInterpolation.text, stringInterpolation.values)
    }
    init(stringLiteral text: String) { (self.text, values) = (text, []) }

    /// A value as a parameter.
    init(_ value: SQLValue) { (text, values) = ("?", [value]) }

    init(_ text: String, _ values: [SQLValue] = []) { (self.text, self.values) = (text, values) }
}

extension Sequence<SQLFragment> {
    func joined(separator: String) -> SQLFragment {
        SQLFragment(map(\.text).joined(separator: separator), flatMap(\.values))
    }
}
