import FoundationEssentials
import MetadataAPI
import SQLite
import SwiftProtobuf

/// A property value as the schema stores it.
struct PropertyRow: Equatable {
    var int: Int64?
    var double: Double?
    var string: String?
    var proto: String?
    var bool: Bool?

    /// MLMD marks a Struct in the text column with this prefix, base64 after it (1.0 and later).
    static let structPrefix = "mlmd-struct::"

    /// - Throws: ``StatusError`` when the value has no kind, which would kill the original server.
    init(_ value: MlMetadata_Value, name: String) throws {
        switch value.value {
        case .intValue(let value): int = value
        case .doubleValue(let value): double = value
        case .stringValue(let value): string = value
        case .boolValue(let value): bool = value
        case .structValue(let value):
            let bytes: Data = try value.serializedBytes()
            string = Self.structPrefix + bytes.base64EncodedString()
        case .protoValue(let value):
            let bytes: Data = try value.serializedBytes()
            proto = bytes.base64EncodedString()
        case nil:
            throw StatusError.invalidArgument("The value of property \(name) has no kind.")
        }
    }

    /// Reads the columns int_value, double_value, string_value, proto_value, bool_value.
    ///
    /// SQLite has no column for NaN: a row with nothing set is one.
    static func value(_ row: Statement, from column: Int32) -> MlMetadata_Value {
        var result = MlMetadata_Value()
        if let value = row.optionalInteger(column) {
            result.intValue = value
        } else if !row.isNull(column + 1) {
            result.doubleValue = row.double(column + 1)
        } else if let text = row.optionalText(column + 2) {
            result.value = structValue(text) ?? .stringValue(text)
        } else if let text = row.optionalText(column + 3) {
            let bytes = Data(base64Encoded: text) ?? Data()
            let any = try? Google_Protobuf_Any(serializedBytes: bytes)
            result.protoValue = any ?? Google_Protobuf_Any()
        } else if let value = row.optionalInteger(column + 4) {
            result.boolValue = value != 0
        } else {
            result.doubleValue = .nan
        }
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
