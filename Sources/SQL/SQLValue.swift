/// A value of a column or a parameter, as the databases tell them apart.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
    /// SQLite and MySQL keep it as 0 or 1; PostgreSQL has a type of its own and takes nothing else there.
    case bool(Bool)
}

/// What a statement's parameter can be bound to.
public protocol SQLBindable {
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLBindable {
    @inlinable public var sqlValue: SQLValue { self }
}

extension Int64: SQLBindable {
    @inlinable public var sqlValue: SQLValue { .integer(self) }
}

extension Int: SQLBindable {
    @inlinable public var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Bool: SQLBindable {
    @inlinable public var sqlValue: SQLValue { .bool(self) }
}

extension Double: SQLBindable {
    @inlinable public var sqlValue: SQLValue { .real(self) }
}

extension String: SQLBindable {
    @inlinable public var sqlValue: SQLValue { .text(self) }
}

extension [UInt8]: SQLBindable {
    @inlinable public var sqlValue: SQLValue { .blob(self) }
}

extension Optional: SQLBindable where Wrapped: SQLBindable {
    @inlinable public var sqlValue: SQLValue { self?.sqlValue ?? .null }
}
