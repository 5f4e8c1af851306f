import GRPCCore
import GRPCProtobuf
import MetadataAPI
import SwiftProtobuf

/// Counts the fields of a serialized message before it is decoded: an empty artifact takes two bytes on the way and
/// hundreds in memory.
enum FieldCount {
    /// The most fields of a message itself, such as artifacts of a list.
    static let maximum = 200_000
    /// The most of these and all the fields within them.
    static let maximumWithin = 1_000_000
    /// As deep as protocol buffers are decoded.
    private static let maximumDepth = 100

    /// What a message is, as far as messages within it are counted. Numbers are those of `metadata_store.proto`,
    /// `metadata_store_service.proto` and `google/protobuf/struct.proto`.
    private enum Kind {
        case node, pair, edge, event, path, type, structType
        /// Of `kfmd/v1/amending.proto`.
        case graph, basis
        case property, value, structure, member, structValue, list
        /// Without messages within, or text.
        case leaf

        func within(_ field: UInt64) -> Kind {
            switch (self, field) {
            case (.node, 4), (.node, 5): .property
            case (.property, 2): .value
            case (.value, 4): .structure
            case (.structure, 1): .member
            case (.member, 2): .structValue
            case (.structValue, 5): .structure
            case (.structValue, 6): .list
            case (.list, 1): .structValue
            case (.pair, 1): .node
            case (.pair, 2), (.edge, 3): .event
            case (.event, 3): .path
            case (.graph, 1), (.graph, 2), (.graph, 3): .node
            case (.graph, 4): .edge
            case (.type, 4), (.type, 5), (.structType, _): .structType
            default: .leaf
            }
        }
    }

    /// The messages within requests, by the request's name and the field.
    private static let roots: [String: [UInt64: Kind]] = [
        "PutArtifactsRequest": [1: .node], "PutExecutionsRequest": [1: .node], "PutContextsRequest": [1: .node],
        "PutEventsRequest": [1: .event], "PutExecutionRequest": [1: .node, 2: .pair, 3: .node],
        "PutLineageSubgraphRequest": [1: .node, 2: .node, 3: .node, 4: .edge],
        "PutArtifactTypeRequest": [1: .leaf], "PutExecutionTypeRequest": [1: .type],
        "PutContextTypeRequest": [1: .leaf],
        "AmendRequest": [
            1: .basis, 2: .leaf, 3: .leaf, 4: .leaf, 5: .graph, 6: .leaf, 7: .leaf, 8: .leaf, 10: .leaf, 11: .leaf,
        ],
        "PutTypesRequest": [1: .leaf, 2: .type, 3: .leaf],
        "PutAttributionsAndAssociationsRequest": [1: .leaf, 2: .leaf], "PutParentContextsRequest": [1: .leaf],
    ]

    /// - Parameter request: the name of the message, with or without its package.
    /// - Throws: ``StatusError``, RESOURCE_EXHAUSTED.
    static func check(_ bytes: UnsafeRawBufferPointer, of request: String) throws {
        let kinds = roots[request.split(separator: ".").last.map(String.init) ?? ""] ?? [:]
        var (own, within) = (0, 0)
        var reader = Reader(bytes)
        while let field = reader.next() {
            own += 1
            if let content = field.content, let kind = kinds[field.number] {
                try count(content, kind, depth: 1, own, &within)
            }
            try check(own, within)
        }
    }

    private static func check(_ own: Int, _ within: Int) throws {
        guard own <= maximum, own + within <= maximumWithin else {
            throw StatusError(
                .resourceExhausted,
                "The message has more than \(own > maximum ? maximum : maximumWithin) fields. Split it.")
        }
    }

    private static func count(
        _ bytes: UnsafeRawBufferPointer, _ kind: Kind, depth: Int, _ own: Int, _ total: inout Int
    ) throws {
        // Deeper the decoder refuses it.
        guard depth < maximumDepth else { return }
        var reader = Reader(bytes)
        while let field = reader.next() {
            total += 1
            if total & 0xFFF == 0 { try check(own, total) }
            guard let content = field.content else { continue }
            let inner = kind.within(field.number)
            if case .leaf = inner {
                // Steps of paths, members of types: they have two fields at most.
                continue
            }
            try count(content, inner, depth: depth + 1, own, &total)
        }
    }

    /// The fields of a message (protocol buffers, wire types 0, 1, 2 and 5).
    private struct Reader {
        struct Field {
            var number: UInt64
            /// Of text, bytes and messages.
            var content: UnsafeRawBufferPointer?
        }

        private let bytes: UnsafeRawBufferPointer
        private var index = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        private mutating func varint() -> UInt64? {
            var result: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard index < bytes.count else { return nil }
                let byte = bytes[index]
                index += 1
                result |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return result }
            }
            return nil
        }

        /// The next field; `nil` at the end, or where there is none.
        mutating func next() -> Field? {
            guard index < bytes.count, let tag = varint(), tag >> 3 > 0 else { return nil }
            let number = tag >> 3
            switch tag & 7 {
            case 0: return varint() == nil ? nil : Field(number: number)
            case 1: return skip(8) ? Field(number: number) : nil
            case 5: return skip(4) ? Field(number: number) : nil
            case 2:
                guard let length = varint(), length <= UInt64(bytes.count - index) else { return nil }
                let start = index
                index += Int(length)
                return Field(number: number, content: UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            default: return nil
            }
        }

        private mutating func skip(_ count: Int) -> Bool {
            guard bytes.count - index >= count else { return false }
            index += count
            return true
        }
    }
}

/// Decodes messages that have passed ``FieldCount``.
struct BoundedDeserializer<Message: SwiftProtobuf.Message>: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ serializedMessageBytes: Bytes) throws -> Message {
        do {
            try serializedMessageBytes.withUnsafeBytes { try FieldCount.check($0, of: Message.protoMessageName) }
        } catch let error as StatusError {
            throw RPCError(code: error.code, message: error.message)
        }
        return try ProtobufDeserializer<Message>().deserialize(serializedMessageBytes)
    }
}
