import FoundationEssentials
import Lineage
import NIOCore

/// HTML written straight into a buffer. Text is escaped unless it is markup of our own.
struct HTML {
    private(set) var buffer = ByteBuffer()
    /// What stands before the addresses of the site, where a proxy has it below a path: `/metadata`.
    let base: String

    init(base: String = "") { self.base = base }

    /// Markup that stands in this program.
    mutating func raw(_ markup: StaticString) {
        markup.withUTF8Buffer { _ = buffer.writeBytes($0) }
    }

    /// Text from anywhere.
    mutating func text(_ text: some StringProtocol) {
        let bytes = ContiguousArray(text.utf8)
        bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            var index = 0
            while index < bytes.count {
                let (replacement, length) = Self.replacement(bytes, index)
                guard let replacement else {
                    index += 1
                    continue
                }
                buffer.writeBytes(bytes[start..<index])
                buffer.writeStaticString(replacement)
                index += length
                start = index
            }
            buffer.writeBytes(bytes[start...])
        }
    }

    /// What stands for the character at a place, and how many bytes that has; `nil` for itself.
    private static func replacement(
        _ bytes: UnsafeBufferPointer<UInt8>, _ index: Int
    ) -> (replacement: StaticString?, length: Int) {
        switch bytes[index] {
        case UInt8(ascii: "<"): return ("&lt;", 1)
        case UInt8(ascii: ">"): return ("&gt;", 1)
        case UInt8(ascii: "&"): return ("&amp;", 1)
        case UInt8(ascii: "\""): return ("&quot;", 1)
        case UInt8(ascii: "'"): return ("&#39;", 1)
        case 0: return ("\u{FFFD}", 1)
        case 0xE2 where index + 2 < bytes.count:
            // Signs of direction would turn around what stands beside them; shown, they tell that they are there:
            // U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
            let (second, third) = (bytes[index + 1], bytes[index + 2])
            let isSign =
                second == 0x80 && (0x8E...0x8F ~= third || 0xAA...0xAE ~= third)
                || second == 0x81 && 0xA6...0xA9 ~= third
            return isSign ? ("\u{FFFD}", 3) : (nil, 1)
        default: return (nil, 1)
        }
    }

    /// Text from anywhere, cut where it is longer than so many bytes.
    mutating func text(_ text: String, upTo bytes: Int) { self.text(text.cut(to: bytes)) }

    /// A number, which needs no escaping.
    mutating func number(_ value: some BinaryInteger) { buffer.writeString(String(value)) }

    /// An address of the site as the value of an attribute.
    mutating func address(_ path: String) {
        text(base)
        text(path)
    }

    // MARK: Elements

    /// An element that has nothing but a text.
    mutating func element(_ name: StaticString, _ text: String, upTo bytes: Int = PageFrame.shownText) {
        raw("<")
        raw(name)
        raw(">")
        self.text(text, upTo: bytes)
        raw("</")
        raw(name)
        raw(">")
    }

    /// A link within the site.
    mutating func link(_ path: String, _ text: String, upTo bytes: Int = PageFrame.shownText) {
        raw("<a href=\"")
        address(path)
        raw("\">")
        self.text(text, upTo: bytes)
        raw("</a>")
    }

    /// A moment: in UTC as it stands, in the reader's zone by script.
    mutating func time(_ date: Date, isRelative: Bool = false) {
        let exact = Timestamp.format(date)
        raw(isRelative ? "<time data-ago datetime=\"" : "<time datetime=\"")
        text(exact)
        raw("\" title=\"")
        text(PageFrame.time(date))
        raw("\">")
        text(PageFrame.time(date))
        raw("</time>")
    }

    /// A moment in milliseconds since 1970; nothing where it is 0.
    mutating func time(_ milliseconds: Int64, isRelative: Bool = false) {
        if milliseconds != 0 { time(Timestamp.date(milliseconds: milliseconds), isRelative: isRelative) }
    }

    /// A button that copies a text, where script runs.
    mutating func copyButton(_ value: String) {
        guard !value.isEmpty, value.utf8.count <= PageFrame.shownValue else { return }
        raw("<button type=\"button\" class=\"copy\" hidden data-copy=\"")
        text(value)
        raw("\" aria-label=\"Copy ")
        text(value, upTo: 60)
        raw("\">Copy</button>")
    }
}
