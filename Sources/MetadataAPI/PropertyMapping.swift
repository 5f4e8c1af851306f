public import Lineage
import SwiftProtobuf

extension MlMetadata_Value {
    /// The value of a lineage property.
    ///
    /// MLMD 1.14 on MySQL keeps 32 bits of an integer; larger ones are written as doubles while
    /// those are exact, else as text.
    public init(_ property: PropertyValue) {
        self.init()
        switch property {
        case .int(let value):
            if Int64(Int32.min)...Int64(Int32.max) ~= value {
                intValue = value
            } else if let double = Double(exactly: value) {
                doubleValue = double
            } else {
                stringValue = String(value)
            }
        case .double(let value): doubleValue = value
        case .string(let value): stringValue = value
        // MLMD knows booleans from 1.7; the clients of Kubeflow don't.
        case .bool(let value): stringValue = value ? "true" : "false"
        case .structure(let text):
            if let structure = try? Google_Protobuf_Struct(jsonString: text) {
                structValue = structure
            } else {
                stringValue = text
            }
        }
    }

    /// The value as a person would read it.
    public var text: String {
        switch value {
        case .intValue(let value): String(value)
        case .doubleValue(let value):
            Int64(exactly: value).map { String($0) } ?? String(value)
        case .stringValue(let value): value
        case .boolValue(let value): value ? "true" : "false"
        case .structValue(let value): (try? value.jsonString()) ?? "a struct"
        case .protoValue(let value): value.typeURL
        case nil: ""
        }
    }
}

extension PropertyValue {
    /// The type of property that the value is stored in.
    public var propertyType: MlMetadata_PropertyType {
        switch MlMetadata_Value(self).value {
        case .intValue: .int
        case .doubleValue: .double
        case .structValue: .struct
        default: .string
        }
    }
}
