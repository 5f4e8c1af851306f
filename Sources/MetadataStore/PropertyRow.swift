import FoundationEssentials
import MetadataAPI
import SQLite
import SwiftProtobuf

/// A property value as the schema stores it: one column is set, by its kind.
struct PropertyRow: Equatable {
    /// The columns of the property tables.
    enum Column: String, CaseIterable {
        case int = "int_value"
        case double = "double_value"
        case string = "string_value"
        case proto = "proto_value"
        case bool = "bool_value"
    }

    var column: Column
    var value: SQLValue
    /// The bit pattern of a double that the database does not keep: SQLite has no NaN and no negative zero, MySQL
    /// nothing infinite either. It stands in byte_value, which MLMD makes but never uses.
    var bits: [UInt8]?

    /// MLMD marks a Struct in the text column with this prefix, base64 after it (1.0 and later).
    static let structPrefix = "mlmd-struct::"

    /// - Throws: ``StatusError`` when the value has no kind, which would kill the original server.
    init(_ value: MlMetadata_Value, name: String, _ dialect: Dialect) throws {
        switch value.value {
        case .intValue(let value): (column, self.value) = (.int, .integer(value))
        case .doubleValue(let value):
            let stored = dialect.stored(value)
            (column, self.value) = (.double, .real(stored))
            if stored.bitPattern != value.bitPattern {
                bits = withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }
            }
        case .stringValue(let value): (column, self.value) = (.string, .text(value))
        case .boolValue(let value): (column, self.value) = (.bool, .bool(value))
        case .structValue(let value):
            let bytes: Data = try value.serializedBytes()
            (column, self.value) = (.string, .text(Self.structPrefix + bytes.base64EncodedString()))
        case .protoValue(let value):
            let bytes: Data = try value.serializedBytes()
            column = .proto
            self.value = dialect.hasBinaryProtos ? .blob(Array(bytes)) : .text(bytes.base64EncodedString())
        case nil:
            throw StatusError.invalidArgument("Found unmatched property type: \(name) has a value of no kind.")
        }
    }

    /// The columns that ``value(_:from:)`` reads, in their order.
    static let columns = "int_value, double_value, string_value, proto_value, bool_value, byte_value"

    /// The same with long texts cut; those that stand for structs are read whole or not at all.
    static let shortColumns = """
        int_value, double_value, CASE WHEN length(string_value) > \(Transaction.shortText)
        AND substr(string_value, 1, \(structPrefix.count)) <> '\(structPrefix)'
        THEN substr(string_value, 1, \(Transaction.shortText)) ELSE string_value END, proto_value, bool_value, byte_value
        """

    static func value(_ row: Row, from column: Int32, _ dialect: Dialect) -> MlMetadata_Value {
        var result = MlMetadata_Value()
        if let value = row.optionalInteger(column) {
            result.intValue = value
        } else if !row.isNull(column + 5) {
            let bits = row.blob(column + 5).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            result.doubleValue = Double(bitPattern: bits)
        } else if !row.isNull(column + 1) {
            result.doubleValue = row.double(column + 1)
        } else if let text = row.optionalText(column + 2) {
            result.value = structValue(text) ?? .stringValue(text)
        } else if !row.isNull(column + 3) {
            let bytes =
                dialect.hasBinaryProtos
                ? Data(row.blob(column + 3)) : Data(base64Encoded: row.text(column + 3)) ?? Data()
            let any = try? Google_Protobuf_Any(serializedBytes: bytes)
            result.protoValue = any ?? Google_Protobuf_Any()
        } else if let value = row.optionalInteger(column + 4) {
            result.boolValue = value != 0
        }
        // A row with nothing set, which a downgrade by MLMD leaves of bools and protos, has no value.
        return result
    }

    private static func structValue(_ text: String) -> MlMetadata_Value.OneOf_Value? {
        guard text.hasPrefix(structPrefix),
            let bytes = Data(base64Encoded: String(text.dropFirst(structPrefix.count))),
            let value = try? Google_Protobuf_Struct(serializedBytes: bytes)
        else { return nil }
        return .structValue(value)
    }
}

extension MlMetadata_Value {
    /// The type of property that this value fits.
    var propertyType: MlMetadata_PropertyType? {
        switch value {
        case .intValue: .int
        case .doubleValue: .double
        case .stringValue: .string
        case .structValue: .struct
        case .protoValue: .proto
        case .boolValue: .boolean
        case nil: nil
        }
    }
}
