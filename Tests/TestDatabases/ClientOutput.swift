/// Rows as the command line clients write them.
enum ClientOutput {
    /// psql's: values with commas, quotes or line ends are in quotes, which are doubled within.
    static func commaSeparated(_ text: String) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var value = String.UnicodeScalarView()
        var isQuoted = false
        // Not characters: a carriage return and a line feed are one.
        var rest = text.unicodeScalars[...]
        while let next = rest.popFirst() {
            switch next {
            case "\"" where isQuoted && rest.first == "\"":
                rest.removeFirst()
                value.append(next)
            case "\"": isQuoted.toggle()
            case "," where !isQuoted, "\n" where !isQuoted:
                row.append(String(value))
                value.removeAll()
                guard next == "\n" else { continue }
                rows.append(row)
                row.removeAll()
            default: value.append(next)
            }
        }
        return rows
    }

    /// mariadb's: tabs, line feeds, zeros and backslashes of values follow a backslash.
    static func tabSeparated(_ text: String) -> [[String]] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(unescaped)
        }
    }

    private static func unescaped(_ text: Substring.UnicodeScalarView) -> String {
        guard text.contains("\\") else { return String(text) }
        var value = String.UnicodeScalarView()
        var rest = text
        while let next = rest.popFirst() {
            guard next == "\\", let escaped = rest.popFirst() else {
                value.append(next)
                continue
            }
            switch escaped {
            case "n": value.append("\n")
            case "t": value.append("\t")
            case "0": value.append("\0")
            default: value.append(escaped)
            }
        }
        return String(value)
    }
}
