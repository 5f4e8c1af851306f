/// A place in a text of which only a part is at hand.
public struct TextPosition: Sendable, Hashable {
    /// Lines and bytes before it, both from 0.
    public private(set) var line = 0
    public private(set) var column = 0

    public init() {}

    /// Goes on behind these bytes.
    public mutating func advance(over bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 0
            } else {
                column += 1
            }
        }
    }

    /// The error with its place in the whole text, when the part begins here.
    func placing(_ error: JSONError) -> JSONError {
        var error = error
        if error.line == 1 { error.column += column }
        error.line += line
        return error
    }
}
