import SQLite
import Testing

/// LIKE as SQLite has it, by our own function.
@Suite(.timeLimit(.minutes(2))) struct LikeTests {
    private func like(_ text: String, _ pattern: String, escape: String? = nil) throws -> Bool? {
        let connection = try Connection(path: ":memory:")
        let sql = escape == nil ? "SELECT ? LIKE ?" : "SELECT ? LIKE ? ESCAPE '\(escape ?? "")'"
        return try connection.first(sql, text, pattern) { $0.optionalInteger(0).map { $0 != 0 } } ?? nil
    }

    @Test(arguments: [
        ("abc", "abc", true), ("abc", "ABC", true), ("abc", "ab", false), ("abc", "a%", true), ("abc", "%c", true),
        ("abc", "%b%", true), ("abc", "a_c", true), ("abc", "a_", false), ("abc", "___", true), ("abc", "____", false),
        ("", "", true), ("", "%", true), ("", "_", false), ("a", "", false), ("Ä", "ä", false), ("ä", "_", true),
        ("😀b", "_b", true), ("aXbXc", "a%x%C", true), ("mississippi", "m%iss%ip%i", true), ("aaab", "%aab", true),
        ("a%b", "a\\%b", true), ("axb", "a\\%b", false), ("a_b", "a\\_b", true), ("a\\b", "a\\\\b", true),
        ("abc", "abc\\", false), ("a%", "a\\%%", true), ("aaaa", "%a%a%a%a%a%", false), ("[a]", "[a]", true),
    ])
    func asSQLiteHasIt(text: String, pattern: String, matches: Bool) throws {
        #expect(try like(text, pattern, escape: "\\") == matches)
    }

    @Test func whatIsNoText() throws {
        let connection = try Connection(path: ":memory:")
        func value(_ expression: String) throws -> Int64? {
            try connection.first("SELECT \(expression)") { $0.optionalInteger(0) } ?? nil
        }
        #expect(try value("NULL LIKE 'a'") == nil)
        #expect(try value("'a' LIKE NULL") == nil)
        #expect(try value("15 LIKE '1_'") == 1)
        #expect(try value("x'61' LIKE 'a'") == 0)
        #expect(try value("'ab' NOT LIKE 'a%'") == 0)
        #expect(throws: SQLiteError.self) { try value("'a' LIKE 'a' ESCAPE 'xx'") }
        #expect(throws: SQLiteError.self) { try value("'a' LIKE 'a' ESCAPE ''") }
    }

    /// Against the plainest way to match, which takes any time.
    @Test func randomTextsAndPatterns() throws {
        func plain(_ text: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            switch first {
            case "%": return (0...text.count).contains { plain(text.dropFirst($0), pattern.dropFirst()) }
            case "_": return !text.isEmpty && plain(text.dropFirst(), pattern.dropFirst())
            default: return text.first == first && plain(text.dropFirst(), pattern.dropFirst())
            }
        }
        let connection = try Connection(path: ":memory:")
        var state: UInt64 = 7
        func below(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for _ in 0..<3000 {
            let text = String((0..<below(10)).map { _ in Array("abé")[below(3)] })
            let pattern = String((0..<below(7)).map { _ in Array("abé%_%")[below(6)] })
            let found = try connection.first("SELECT ? LIKE ?", text, pattern) { $0.integer(0) != 0 }
            #expect(found == plain(Array(text)[...], Array(pattern)[...]), "“\(text)” LIKE “\(pattern)”")
        }
    }

    /// SQLite's own is one step, which nothing interrupts.
    @Test func aLongSearchIsInterrupted() throws {
        let connection = try Connection(path: ":memory:")
        let text = String(repeating: "a", count: 1_000_000)
        let pattern = "%" + String(repeating: "a", count: 20_000) + "b%"
        // Asked between the steps of a query it would not be: this one has too few.
        connection.setInterruption { true }
        let error = #expect(throws: SQLiteError.self) {
            try connection.first("SELECT ? LIKE ?", text, pattern) { $0.integer(0) }
        }
        #expect(error?.kind == .interrupted)
    }

    @Test func aLongPatternIsRefused() throws {
        #expect(throws: SQLiteError.self) { try like("a", String(repeating: "a", count: 60_000)) }
    }
}
