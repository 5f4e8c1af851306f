/// A filter query as it is written: what its names mean is not looked up yet.
struct FilterExpression {
    indirect enum Form {
        case text(String)
        case integer(Int64)
        case double(Double)
        case bool(Bool)
        case null
        /// A name, or several with dots between them.
        case path([String])
        case negative(FilterExpression)
        case positive(FilterExpression)
        case arithmetic(FilterExpression, [(symbol: String, operand: FilterExpression)])
        case call(String, [FilterExpression])
        case cast(FilterExpression, to: String)
        case choice(FilterExpression?, [(when: FilterExpression, then: FilterExpression)], otherwise: FilterExpression?)
        case comparison(FilterExpression, String, FilterExpression)
        case like(FilterExpression, FilterExpression, isNegated: Bool)
        case membership(FilterExpression, [FilterExpression], isNegated: Bool)
        case between(FilterExpression, FilterExpression, FilterExpression, isNegated: Bool)
        /// `IS TRUE`, `IS FALSE`, `IS NULL`.
        case test(FilterExpression, Bool?, isNegated: Bool)
        case not(FilterExpression)
        case all([FilterExpression])
        case any([FilterExpression])
    }

    var form: Form
    /// Where it begins, counted from 1.
    var column: Int

    /// - Throws: ``StatusError``, INVALID_ARGUMENT with what is wrong and where.
    init(_ query: String) throws {
        var parser = FilterParser(tokens: try FilterToken.tokens(of: query))
        self = try parser.whole()
    }

    init(_ form: Form, at column: Int) {
        self.form = form
        self.column = column
    }
}
