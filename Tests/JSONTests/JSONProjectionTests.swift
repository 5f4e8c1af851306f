import JSON
import Testing

/// What is passed over must not change what is read.
@Suite struct JSONProjectionTests {
    static let projection: JSONProjection = [
        "a": .everything, "list": .each(["x": .everything]), "meta": .without(["skip", "é\""]),
    ]

    @Test func readsOnlyWhatIsWanted() throws {
        let text = #"""
            {"skipped": {"deep": [1, {"t": "a \" ] } \\"}], "n": null}, "a": {"b": [1, 2]}, "s": "text \\\" more text",
            "list": [{"x": 1, "y": [[]]}, 5, {"y": {}}, {"\u0078": 2}], "meta": {"keep": 1, "skip": {"a": 1}, "é\"": 2},
            "n": -1.5e3, "t": true}
            """#
        let found = try JSONValue(parsing: text.utf8, only: Self.projection)
        let expected: JSONValue = [
            "a": ["b": [1, 2]], "list": [["x": 1], 5, .object(JSONObject()), ["x": 2]], "meta": ["keep": 1],
        ]
        #expect(found == expected)
    }

    @Test(arguments: [#"{"skipped": [1, 2"#, #"{"skipped": "abc"#, #"{"skipped": tru}"#, #"{"skipped" 1}"#, #"{"a\"#])
    func tellsWhatIsNeverClosed(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8, only: Self.projection) }
    }

    @Test func elementsAreGivenAsTheyArrive() throws {
        var reader = JSONListReader(list: "items", element: ["n": .everything])
        #expect(try reader.read(#"{"kind":"L","items":[{"n":1,"m":2},{"n"#.utf8) == [["n": 1]])
        #expect(try reader.read(#"":2},{"n":3}]"#.utf8) == [["n": 2], ["n": 3]])
        #expect(try reader.read(#","metadata":{"v":12"#.utf8) == [])
        #expect(try reader.read(#"3}}"#.utf8, isLast: true) == [])
        #expect(reader.envelope["metadata"] == ["v": 123])
        #expect(reader.envelope["kind"] == "L")
    }

    @Test(arguments: [
        #"{"items":[1,2"#, #"{"items":[1 2]}"#, #"{"items":[1,]}"#, #"{"a":1,}"#, #"{,}"#, #"5"#,
        #"{"items":[{"a":}]}"#, #"{"items":[]} x"#, "", #"{"items":[tru"#,
    ])
    func aBrokenListIsAnError(text: String) {
        #expect(throws: JSONError.self) {
            var reader = JSONListReader(list: "items")
            _ = try reader.read(text.utf8, isLast: true)
        }
    }

    /// Random values, cut and mutated at random, from a seed.
    @Test(arguments: [1, 2, 3] as [UInt64]) func agreesWithReadingEverything(seed: UInt64) throws {
        var random = Random(state: seed)
        for round in 0..<3000 {
            let value = random.value(depth: 4)
            var bytes = value.jsonBytes(pretty: round % 2 == 0)
            if round % 3 == 0, !bytes.isEmpty {
                for _ in 0..<random.below(3) + 1 {
                    let index = random.below(bytes.count)
                    switch random.below(3) {
                    case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                    case 1: bytes.remove(at: index)
                    default: bytes.insert(Array("{}[]\",:\\u1e".utf8)[random.below(11)], at: index)
                    }
                    if bytes.isEmpty { break }
                }
            }
            // Whatever reads as a whole reads in part, and to the same; nothing else may stop the program.
            let whole = Result { try JSONValue(parsing: bytes) }
            let part = Result { try JSONValue(parsing: bytes, only: Self.projection) }
            if case .success(let whole) = whole {
                #expect(try part.get() == whole.projected(Self.projection), "\(String(decoding: bytes, as: UTF8.self))")
            }
            try checkList(bytes, whole, &random)
        }
    }

    private func checkList(_ bytes: [UInt8], _ whole: Result<JSONValue, any Error>, _ random: inout Random) throws {
        let list = Array(#"{"a":1,"items":["#.utf8) + bytes + Array(",".utf8) + bytes + Array(#"],"z":77}"#.utf8)
        var reader = JSONListReader(list: "items", element: Self.projection)
        var elements: [JSONValue] = []
        var rest = list[...]
        do {
            while true {
                let chunk = rest.prefix(random.below(12) + 1)
                rest = rest.dropFirst(chunk.count)
                elements += try reader.read(chunk, isLast: rest.isEmpty)
                if rest.isEmpty { break }
            }
        } catch {
            if case .success = whole { Issue.record("\(error): \(String(decoding: list, as: UTF8.self))") }
            return
        }
        if case .success(let whole) = whole {
            let expected = whole.projected(Self.projection)
            #expect(elements == [expected, expected])
            #expect(reader.envelope["z"] == 77)
        }
    }

    /// SplitMix64 and what is made of it.
    private struct Random {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }

        mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

        mutating func value(depth: Int) -> JSONValue {
            switch below(depth > 0 ? 9 : 6) {
            case 0: return .null
            case 1: return .bool(below(2) == 0)
            case 2: return .integer(Int64(bitPattern: next()))
            case 3: return .number(Double(below(1000)) / 8)
            case 4, 5:
                let letters = ["a", "\"", "\\", "{", "]", "é", "😀", "\n", "x", " ", "long text without anything"]
                return .string((0..<below(9)).map { _ in letters[below(letters.count)] }.joined())
            case 6: return .array((0..<below(4)).map { _ in value(depth: depth - 1) })
            default:
                let keys = ["a", "list", "meta", "skip", "x", "y", "é\"", "keep", "other"]
                return .object(
                    JSONObject((0..<below(6)).map { _ in (keys[below(keys.count)], value(depth: depth - 1)) }))
            }
        }
    }
}
