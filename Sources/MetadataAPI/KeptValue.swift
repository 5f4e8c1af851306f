import FoundationEssentials
import SwiftProtobuf

extension MlMetadata_Value {
    /// The type of what the recorder keeps for itself, as the url of a `google.protobuf.Any`.
    private static let keptType = "type.googleapis.com/kfmd.v1.Kept"

    /// Bytes that only the recorder reads.
    /// - Parameter isText: for stores that may know no message as a value (ML Metadata before 1.5). Texts are keys of an
    ///   index, and so stand in the store twice.
    public init(kept bytes: [UInt8], isText: Bool) {
        self.init()
        if isText {
            stringValue = Data(bytes).base64EncodedString()
        } else {
            protoValue = .with { ($0.typeURL, $0.value) = (Self.keptType, Data(bytes)) }
        }
    }

    /// What was kept; `nil` for anything else.
    public var keptBytes: [UInt8]? {
        switch value {
        case .protoValue(let any)? where any.typeURL == Self.keptType: Array(any.value)
        case .stringValue(let text)?: Data(base64Encoded: text).map { Array($0) }
        default: nil
        }
    }
}
