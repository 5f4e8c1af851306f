import MetadataAPI
import SQLite

/// What the columns of a store take: MLMD's own schema on a server is narrower than its protocol.
struct StoreShape: Sendable, Hashable {
    /// Texts that are measured.
    enum Text: Sendable, CaseIterable {
        /// Of nodes, types, properties.
        case name
        case externalID
        /// A uri, a type's description, a step's key.
        case long
        /// Of a property.
        case value
    }

    /// How long a text may be.
    struct Limit: Sendable, Hashable {
        var length: Int
        /// Whether characters are counted; else bytes of UTF-8.
        var isOfCharacters = false
    }

    /// Where the database has a limit beside those of ``StoreLimits``.
    var texts: [Text: Limit] = [:]
    /// Of `int_value`.
    var integers: ClosedRange<Int64> = .min ... .max
    /// Of `step_index`.
    var steps: ClosedRange<Int64> = .min ... .max
    /// Whether the steps of events are numbered, in `kfmd_step`.
    var numbersSteps = false
    /// Whether a text may have a NUL character.
    var takesNUL = true

    /// A file of SQLite's, which takes whatever it gets.
    static let file = StoreShape()

    /// - Throws: ``StatusError``, INVALID_ARGUMENT that names the field.
    func check(_ text: String, _ kind: Text, _ field: @autoclosure () -> String) throws {
        if !takesNUL, text.utf8.contains(0) {
            throw StatusError.invalidArgument(
                "\(field()) has a NUL character, which PostgreSQL does not take.")
        }
        guard let limit = texts[kind], text.utf8.count > limit.length else { return }
        let count = limit.isOfCharacters ? text.unicodeScalars.count : text.utf8.count
        guard count > limit.length else { return }
        let unit = limit.isOfCharacters ? "characters" : "bytes"
        throw StatusError.invalidArgument(
            "\(field()) has \(count) \(unit); the database of this store takes up to \(limit.length).")
    }

    /// - Throws: ``StatusError``, INVALID_ARGUMENT that names the field.
    func check(_ number: Int64, _ range: ClosedRange<Int64>, _ field: @autoclosure () -> String) throws {
        guard !range.contains(number) else { return }
        throw StatusError.invalidArgument(
            "\(field()) is \(number); the database of this store has the original's column, which takes "
                + "\(range.lowerBound) to \(range.upperBound).")
    }
}

extension StoreShape {
    /// A column of a server's, as `information_schema.columns` tells it.
    struct Column: Sendable, Hashable {
        /// In small letters.
        var table: String
        var name: String
        /// Such as `integer`, `bigint`, `mediumtext`.
        var type: String
        /// The most characters; `nil` where there is no such limit.
        var length: Int?
    }

    /// The narrowest of what the tables have.
    /// - Parameter countsBytes: whether each byte of UTF-8 counts as a character: the session speaks latin1.
    init(columns: [Column], numbersSteps: Bool, countsBytes: Bool, takesNUL: Bool) {
        self.takesNUL = takesNUL
        self.numbersSteps = numbersSteps
        func range(_ name: String) -> ClosedRange<Int64> {
            let isNarrow = columns.contains { $0.name == name && $0.type != "bigint" }
            return isNarrow ? Int64(Int32.min)...Int64(Int32.max) : .min ... .max
        }
        integers = range("int_value")
        steps = range("step_index")
        for (kind, names) in [
            Text.name: ["name", "version"], .externalID: ["external_id"],
            .long: ["uri", "description", "step_key"], .value: ["string_value"],
        ] {
            texts[kind] = columns.filter { names.contains($0.name) }.compactMap { $0.limit(countsBytes) }
                .min { $0.length < $1.length }
        }
    }
}

extension StoreShape.Column {
    /// MySQL's texts are limited by bytes, whatever `character_maximum_length` says.
    private static let bytes = ["text": 65_535, "mediumtext": 16_777_215]

    fileprivate func limit(_ countsBytes: Bool) -> StoreShape.Limit? {
        // PostgreSQL's text has no limit, and no length either.
        if let length, type.contains("var") { return .init(length: length, isOfCharacters: !countsBytes) }
        guard length != nil, let bytes = Self.bytes[type] else { return nil }
        return .init(length: bytes)
    }
}
