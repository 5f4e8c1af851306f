extension JSONValue {
    /// The value as JSON text.
    /// - Parameters:
    ///   - pretty: on several lines, indented by two spaces.
    ///   - sortedKeys: members by name; else in their own order.
    public func jsonText(pretty: Bool = false, sortedKeys: Bool = false) -> String {
        String(decoding: jsonBytes(pretty: pretty, sortedKeys: sortedKeys), as: UTF8.self)
    }

    /// The value as JSON in UTF-8.
    public func jsonBytes(pretty: Bool = false, sortedKeys: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty, sortedKeys: sortedKeys)
        writer.write(self, indent: 0)
        return writer.output
    }
}

struct JSONWriter {
    let pretty: Bool
    let sortedKeys: Bool
    var output: [UInt8] = []

    init(pretty: Bool, sortedKeys: Bool) {
        self.pretty = pretty
        self.sortedKeys = sortedKeys
    }

    mutating func write(_ value: JSONValue, indent: Int) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .number(let value):
            // JSON has no infinity: the text keeps what cannot be a number.
            if value.isFinite { append("\(value)") } else { write(text: "\(value)") }
        case .string(let text): write(text: text)
        case .array(let elements):
            list("[", "]", count: elements.count, indent: indent) { writer, i in
                writer.write(elements[i], indent: indent + 1)
            }
        case .object(let object):
            let members = sortedKeys ? object.members.sorted { $0.key < $1.key } : object.members
            list("{", "}", count: members.count, indent: indent) { writer, i in
                writer.write(text: members[i].key)
                writer.append(writer.pretty ? ": " : ":")
                writer.write(members[i].value, indent: indent + 1)
            }
        }
    }

    private mutating func list(
        _ open: String, _ close: String, count: Int, indent: Int,
        element: (inout JSONWriter, Int) -> Void
    ) {
        append(open)
        for i in 0..<count {
            if i > 0 { append(",") }
            newLine(indent + 1)
            element(&self, i)
        }
        if count > 0 { newLine(indent) }
        append(close)
    }

    private mutating func newLine(_ indent: Int) {
        guard pretty else { return }
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: indent * 2))
    }

    private mutating func append(_ text: String) { output.append(contentsOf: text.utf8) }

    private mutating func write(text: String) {
        output.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            // What needs no escape is copied in one go.
            var start = 0
            for index in bytes.indices {
                let byte = bytes[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
                escape(byte)
                start = index + 1
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
        }
        output.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0..<0x20: append("u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
        default: output.append(byte)
        }
    }
}
