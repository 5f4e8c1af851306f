@testable import MetadataService
import Testing

@Suite struct FormQueryTests {
    @Test(arguments: ["a b", "a+b", "1 = 1 & 'x'", "ünï", "%", "%zz", "a=b", "<script>", ""])
    func anAddressKeepsWhatItSays(value: String) {
        let query = FormQuery(nil)
        let address = query.address("/x", changing: [("filter", value), ("page", nil)])
        let text = address.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init)
        #expect(FormQuery(text)["filter"] == (value.isEmpty ? nil : value))
        #expect(address.utf8.allSatisfy { $0 > 32 && $0 < 127 && !"<>\"'".utf8.contains($0) })
    }

    @Test func formsAreRead() {
        let query = FormQuery("filter=a+%3D+1&state=&type=x%2Fy&odd&=z&cut=%4")
        #expect(query["filter"] == "a = 1" && query["state"] == nil && query["type"] == "x/y" && query["cut"] == "%4")
        #expect(
            query.address("/r", changing: [("type", nil), ("page", "t")]) == "/r?filter=a%20%3D%201&=z&cut=%254&page=t")
    }

    @Test func aTextIsALiteral() {
        #expect(NodeList.quoted("a'b\\c") == "'a\\'b\\\\c'")
        // A sign that joins the next into one character hides nothing.
        #expect(Array(NodeList.quoted("\u{0600}' OR 1").unicodeScalars).dropFirst(2).first == "\\")
        #expect(CSVTable.field("\u{0600},=1") == "\"\u{0600},=1\"")
    }

    @Test(arguments: [
        ("", "x = 1"), ("state=LIVE&", "(x = 1\n) AND state = LIVE"), ("type=a'b&", "(x = 1\n) AND type = 'a\\'b'"),
    ])
    func aFilterStandsBesideTheOthers(others: String, filter: String) {
        let list = NodeList(
            path: "/", query: FormQuery("\(others)filter=x+%3D+1"), states: ["LIVE"], stateColumn: "state")
        #expect(list.options(size: 5).filterQuery == filter)
        let column = others.isEmpty ? 3 : 4
        #expect(list.problem("Invalid `filter_query`: Odd [at 1:\(column)]") == "Odd, at column 3 of the filter")
        #expect(list.problem("Odd") == "Odd")
    }

    @Test(arguments: [
        (0.2, "under 1 s"), (1, "1 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (-1, ""), (1e300, ""),
        (.nan, ""),
    ])
    func durationsAreRead(seconds: Double, text: String) {
        #expect(PageFrame.duration(seconds) == text)
    }
}
