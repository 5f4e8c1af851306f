import Lineage

/// What somebody looks for: words that must all be found.
struct SearchQuery: Equatable {
    /// The index is of three letters each (`trigram` of SQLite's FTS5).
    static let shortest = 3
    private static let mostWords = 8
    /// In bytes.
    private static let longestWord = 200

    /// Words that the index finds.
    var words: [String]
    /// Shorter ones, which what was found must have as well.
    var short: [String]

    init(_ text: String) {
        // What is no letter of any kind parts words: a NUL would end the query for SQLite.
        let all = text.unicodeScalars.split { $0.value <= 0x20 || $0.value == 0x7F }.prefix(Self.mostWords)
            .map { String(String.UnicodeScalarView($0.prefix(Self.longestWord))) }
        words = all.filter { $0.unicodeScalars.count >= Self.shortest }
        short = all.filter { $0.unicodeScalars.count < Self.shortest }
    }

    /// Words up to this length are looked for whole.
    private static let longestSought = 24
    private static let piece = 12

    /// The query in FTS5's language; each word is a text there, whatever it has in it. Of a long one, a digest or a
    /// uri, two pieces are looked for, where such texts differ: each part of three letters costs.
    var match: String { words.flatMap(Self.sought).map(Self.quoted).joined(separator: " AND ") }

    private static func quoted(_ text: String) -> String { "\"\(text.putting("\"", before: ["\""]))\"" }

    private static func sought(_ word: String) -> [String] {
        let scalars = Array(word.unicodeScalars)
        guard scalars.count > longestSought else { return [word] }
        func text(_ part: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(part)) }
        let middle = (scalars.count - piece) / 2
        return [text(scalars[middle..<middle + piece]), text(scalars.suffix(piece))]
    }

    /// How well a name fits: 0 is the name itself, 4 one that does not have the words.
    func rank(_ name: String) -> Int {
        let name = name.lowercased()
        let words = (words + short).map { $0.lowercased() }
        if words.count == 1, name == words[0] { return 0 }
        guard words.allSatisfy(name.contains) else { return 4 }
        if name.hasPrefix(words[0]) { return 1 }
        // At the beginning of a part, as in `nightly-train`.
        let parts = name.split { !$0.isLetter && !$0.isNumber }
        return words.allSatisfy { word in parts.contains { $0.hasPrefix(word) } } ? 2 : 3
    }

    /// Whether a document has the words that the index does not look for whole.
    func hasOtherWords(_ name: String, _ text: String) -> Bool {
        let others = short + words.filter { $0.unicodeScalars.count > Self.longestSought }
        if others.isEmpty { return true }
        let (name, text) = (name.lowercased(), text.lowercased())
        return others.allSatisfy { word in
            let word = word.lowercased()
            return name.contains(word) || text.contains(word)
        }
    }
}
