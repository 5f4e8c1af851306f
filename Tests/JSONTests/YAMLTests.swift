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

    @Test func refusesUnknownAliasesAndKeysThatAreLists() {
        #expect(throws: YAMLError.self) { try YAML.parse("a: *nope") }
        #expect(throws: YAMLError.self) { try YAML.parse("[1, 2]: a\n") }
    }
}
