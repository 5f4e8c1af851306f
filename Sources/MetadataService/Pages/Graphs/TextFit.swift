/// Texts made to fit a width.
enum TextFit {
    /// About how wide a text is in the pages' font, in units of its size: of sans-serif fonts, from above.
    static func width(_ text: String) -> Double { text.unicodeScalars.reduce(0) { $0 + width(of: $1) } }

    private static func width(of scalar: Unicode.Scalar) -> Double {
        switch scalar {
        case "i", "j", "l", "I", "t", "f", "r", ".", ",", ":", ";", "'", "|", "!", " ", "(", ")", "[", "]": 0.38
        case "m", "w", "M", "W", "%", "@", "—", "…": 1.0
        case "A"..."Z": 0.75
        case "a"..."z", "0"..."9", "-", "_", "/", "=", "+", "*", "·": 0.62
        case let other where other.value < 0x2E80: 0.75
        // Those of East Asia, and pictures.
        default: 1.1
        }
    }

    /// A text that is no wider, with its middle left out where it was: names of runs and models differ at their end.
    static func fit(_ text: String, _ width: Double, size: Double) -> String {
        let most = width / size
        guard self.width(text) > most else { return text }
        let scalars =
            Array(text.unicodeScalars.prefix(400))
            + (text.unicodeScalars.count > 400 ? Array(text.unicodeScalars.suffix(100)) : [])
        var head = 0
        var tail = scalars.count
        var used = self.width("…")
        // A little more of the end than of the beginning.
        while head < tail {
            let takesTail = scalars.count - tail <= head
            let next = takesTail ? scalars[tail - 1] : scalars[head]
            used += self.width(of: next)
            if used > most { break }
            if takesTail { tail -= 1 } else { head += 1 }
        }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars[..<head])
        result.append("…")
        result.append(contentsOf: scalars[tail...])
        return String(result)
    }
}
