import JSON
import Testing
import YAML

@Suite struct YAMLTests {
    @Test func readsDocumentsAsJSONValues() throws {
        let text = """
            a: [1, 0x10, 1.5, true, ~, "1", 2025-01-01, 007]
            b: &x {c: d}
            e: *x
            f:
              <<: *x
              g: |
                two
                lines
            ---
            - second
            """
        let documents = try YAML.documents(in: Array(text.utf8))
        #expect(documents.count == 2)
        #expect(documents[0]["a"] == [1, 16, 1.5, true, nil, "1", "2025-01-01", "007"])
        #expect(documents[0]["e"] == ["c": "d"])
        #expect(documents[0]["f"] == ["c": "d", "g": "two\nlines\n"])
        #expect(documents[1] == ["second"])
    }

    @Test func tellsWhereAMistakeIs() {
        let error = #expect(throws: YAMLError.self) { try YAML.parse("a: 1\nb: [1, 2\nc: 3") }
        #expect(error?.line == 3)
    }

    @Test func refusesAliasBombs() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...12 {
            let alias = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ","))]\n"
        }
        #expect(throws: YAMLError.self) { try YAML.parse(text) }
    }

    /// Few values, each of them long: what counts is what aliases add.
    @Test func refusesAliasesOfLongTexts() {
        let long = String(repeating: "x", count: 100_000)
        let text = "a: &a \(long)\nb: [\(Array(repeating: "*a", count: 30_000).joined(separator: ","))]\n"
        #expect(throws: YAMLError.self) { try YAML.parse(text) }
        #expect(throws: Never.self) { try YAML.parse("a: &a \(long)\nb: [*a, *a, *a]\n") }
    }

    /// Each is nested less than the limit, together they are deep enough to overflow a stack.
    @Test func refusesAliasesThatNestDeep() {
        var text = "a0: &a0 x\n"
        for level in 1...300 {
            let (open, close) = (String(repeating: "[", count: 200), String(repeating: "]", count: 200))
            text += "a\(level): &a\(level) \(open)*a\(level - 1)\(close)\n"
        }
        #expect(throws: YAMLError.self) { try YAML.parse(text) }
        #expect(throws: YAMLError.self) { try YAML.documents(in: Array(text.utf8)) }
    }

    @Test func theBudgetIsOfAllDocuments() {
        let document =
            "---\na: &a \(String(repeating: "x", count: 1000))\nb: [\(String(repeating: "*a,", count: 200))]\n"
        #expect(throws: YAMLError.self) {
            try YAML.documents(in: Array(String(repeating: document, count: 20).utf8))
        }
    }

    @Test func manyMembersAreNoMoreThanTheirNumber() throws {
        let text = (0..<60_000).map { "k\($0): 1\n" }.joined()
        #expect(try YAML.parse(text, rejectsDuplicates: true).object?.members.count == 60_000)
        #expect(throws: YAMLError.self) { try YAML.parse(text + "k7: 2\n", rejectsDuplicates: true) }
    }

    @Test func refusesUnknownAliasesAndKeysThatAreLists() {
        #expect(throws: YAMLError.self) { try YAML.parse("a: *nope") }
        #expect(throws: YAMLError.self) { try YAML.parse("[1, 2]: a\n") }
    }
}
