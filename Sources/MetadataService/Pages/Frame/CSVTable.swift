import Lineage
import NIOCore

/// A table as text (RFC 4180).
struct CSVTable {
    var columns: [String]
    var rows: [[String]] = []

    var buffer: ByteBuffer {
        var buffer = ByteBuffer()
        for row in [columns] + rows {
            buffer.writeString(row.map(Self.field).joined(separator: ","))
            buffer.writeStaticString("\r\n")
        }
        return buffer
    }

    /// A text as spreadsheets read it as text: some take what begins with a sign of arithmetic for a formula and
    /// run it.
    static func field(_ text: String) -> String {
        var text = text
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first), Double(text) == nil {
            text = "'" + text
        }
        guard text.unicodeScalars.contains(where: { "\",\n\r".unicodeScalars.contains($0) }) else { return text }
        return "\"\(text.putting("\"", before: ["\""]))\""
    }
}
