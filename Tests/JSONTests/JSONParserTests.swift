import JSON
import Testing

@Suite struct JSONParserTests {
    @Test func readsEveryKindOfValue() throws {
        let value = try JSONValue(
            parsing: #" {"a": [1, -2.5e3, true, false, null], "b": {"c": "x\u00e9\ud83d\ude00\n"}} "#)
        #expect(value["a"] == [1, -2500.0, true, false, nil])
        #expect(value["b"]?["c"] == "xé😀\n")
    }

    @Test func keepsIntegersOf64Bits() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONValue(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
    }

    @Test(arguments: [
        ("{\"a\": 1,}", 1, 9), ("[1\n, x]", 2, 3), ("\"abc", 1, 1), ("{\"a\" 1}", 1, 6), ("01", 1, 1), ("", 1, 1),
        ("[1] 2", 1, 5), ("\"\u{1}\"", 1, 2), ("tru", 1, 1), ("[\"\\x\"]", 1, 3),
    ])
    func tellsWhereAMistakeIs(text: String, line: Int, column: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.line == line)
        #expect(error?.column == column, "\(String(describing: error))")
    }

    @Test func refusesInvalidUTF8AndDeepNesting() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22] as [UInt8]) }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: deep) }
    }

    @Test func ofMembersWithTheSameNameTheLastCounts() throws {
        let few = try JSONValue(parsing: #"{"a":1,"b":2,"a":3}"#)
        #expect(few.object?.keys == ["a", "b"])
        #expect(few["a"] == 3)
        let many = "{" + (0..<20).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + ",\"k3\":99}"
        #expect(try JSONValue(parsing: many)["k3"] == 99)
    }

    @Test func writesWhatItReads() throws {
        let text = #"{"a":[1,2.5,"q\"\\\n\u0001"],"b":{},"c":[],"d":null}"#
        #expect(try JSONValue(parsing: text).jsonText() == text)
        let pretty = try JSONValue(parsing: text).jsonText(pretty: true)
        #expect(try JSONValue(parsing: pretty) == JSONValue(parsing: text))
    }
}
