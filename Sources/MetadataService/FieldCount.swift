import GRPCCore
import GRPCProtobuf
import MetadataAPI
import SwiftProtobuf

/// Counts the fields of a serialized message before it is decoded: an empty artifact takes two bytes on the way and
/// hundreds in memory.
enum FieldCount {
    /// The most fields of a message itself, such as artifacts of a list.
    static let maximum = 200_000
    /// The most of these and the fields within them.
    static let maximumWithin = 1_000_000

    /// - Parameter isWrite: whether what is within a field is a message too, as in all requests to write. In those to
    ///   read it may be text.
    /// - Throws: ``StatusError``, RESOURCE_EXHAUSTED.
    static func check(_ bytes: UnsafeRawBufferPointer, isWrite: Bool) throws {
        var (own, within) = (0, 0)
        var reader = Reader(bytes)
        while let field = reader.next() {
            own += 1
            if isWrite, let field {
                var inner = Reader(field)
                while let next = inner.next() {
                    within += 1
                    // The pairs of PutExecution have artifacts within.
                    guard let next, within <= maximumWithin, own <= maximum, next.count > 64 else { continue }
                    var innermost = Reader(next)
                    var count = 0
                    while innermost.next() != nil { count += 1 }
                    // What does not end as a message is text.
                    if innermost.isAtEnd { within += count }
                }
            }
            guard own <= maximum, own + within <= maximumWithin else {
                throw StatusError(
                    .resourceExhausted,
                    "The message has more than \(own > maximum ? maximum : maximumWithin) fields. Split it.")
            }
        }
    }

    /// The fields of a message (protocol buffers, wire types 0, 1, 2 and 5).
    private struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private var index = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        var isAtEnd: Bool { index == bytes.count }

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

        /// The next field: `.some(nil)` for a number, `nil` at the end or where there is none.
        mutating func next() -> UnsafeRawBufferPointer?? {
            guard index < bytes.count, let tag = varint(), tag >> 3 > 0 else { return nil }
            switch tag & 7 {
            case 0: return varint() == nil ? nil : .some(nil)
            case 1: return skip(8)
            case 5: return skip(4)
            case 2:
                guard let length = varint(), length <= UInt64(bytes.count - index) else { return nil }
                let start = index
                index += Int(length)
                return .some(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
            default: return nil
            }
        }

        private mutating func skip(_ count: Int) -> UnsafeRawBufferPointer?? {
            guard bytes.count - index >= count else { return nil }
            index += count
            return .some(nil)
        }
    }
}

/// Decodes messages that have passed ``FieldCount``.
struct BoundedDeserializer<Message: SwiftProtobuf.Message>: MessageDeserializer {
    let isWrite: Bool

    func deserialize<Bytes: GRPCContiguousBytes>(_ serializedMessageBytes: Bytes) throws -> Message {
        do {
            try serializedMessageBytes.withUnsafeBytes { try FieldCount.check($0, isWrite: isWrite) }
        } catch let error as StatusError {
            throw RPCError(code: error.code, message: error.message)
        }
        return try ProtobufDeserializer<Message>().deserialize(serializedMessageBytes)
    }
}
