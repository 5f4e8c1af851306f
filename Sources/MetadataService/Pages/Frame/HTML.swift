import Lineage
import NIOCore

/// HTML written straight into a buffer. Text is escaped unless it is markup of our own.
struct HTML {
    private(set) var buffer = ByteBuffer()

    /// Markup that stands in this program.
    mutating func raw(_ markup: StaticString) {
        markup.withUTF8Buffer { _ = buffer.writeBytes($0) }
    }

    /// Text from anywhere.
    mutating func text(_ text: some StringProtocol) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "<"): buffer.writeStaticString("&lt;")
            case UInt8(ascii: ">"): buffer.writeStaticString("&gt;")
            case UInt8(ascii: "&"): buffer.writeStaticString("&amp;")
            case UInt8(ascii: "\""): buffer.writeStaticString("&quot;")
            case UInt8(ascii: "'"): buffer.writeStaticString("&#39;")
            default: buffer.writeInteger(byte)
            }
        }
    }

    /// Text from anywhere, cut where it is longer than so many bytes.
    mutating func text(_ text: String, upTo bytes: Int) { self.text(text.cut(to: bytes)) }

    /// A number, which needs no escaping.
    mutating func number(_ value: some BinaryInteger) { buffer.writeString(String(value)) }
}
