/// Goes through a statement, and tells its parameters from question marks in quotes and comments.
struct Scanner {
    private enum Place { case plain, quoted(UInt8), line, block }

    private var place = Place.plain
    /// Bytes before this one belong to what was seen already.
    private var next = 0

    /// Whether a byte is a parameter. Asked of each byte in turn.
    mutating func isParameter(_ text: [UInt8], _ index: Int) -> Bool {
        guard index >= next else { return false }
        next = index + 1
        let byte = text[index]
        let following = next < text.count ? text[next] : nil
        switch place {
        case .quoted(let quote):
            // A doubled quote ends one piece and begins another.
            if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "`") {
                next += 1
            } else if byte == quote {
                place = .plain
            }
        case .line: if byte == UInt8(ascii: "\n") { place = .plain }
        case .block:
            if byte == UInt8(ascii: "*"), following == UInt8(ascii: "/") { (place, next) = (.plain, index + 2) }
        case .plain:
            switch byte {
            case UInt8(ascii: "?"): return true
            case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): place = .quoted(byte)
            case UInt8(ascii: "#"): place = .line
            case UInt8(ascii: "/") where following == UInt8(ascii: "*"): (place, next) = (.block, index + 2)
            case UInt8(ascii: "-") where following == UInt8(ascii: "-"):
                // `1--1` is a number less another.
                if index + 2 >= text.count || text[index + 2] <= UInt8(ascii: " ") { place = .line }
            default: break
            }
        }
        return false
    }
}
