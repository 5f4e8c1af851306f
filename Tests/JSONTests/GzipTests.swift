import FoundationEssentials
import Gzip
import Testing

@Suite struct GzipTests {
    /// `hello` six times, as gzip packs it.
    private static let packed = "H4sIAAAAAAACA8tIzcnJz8BFAADSQSxCHgAAAA=="

    @Test func unpacks() throws {
        let data = try #require(Data(base64Encoded: Self.packed))
        let text = String(decoding: try Gzip.decompress(Array(data), limit: 1000), as: UTF8.self)
        #expect(text == String(repeating: "hello", count: 6))
    }

    @Test func refusesBombsAndDamage() throws {
        let data = Array(try #require(Data(base64Encoded: Self.packed)))
        #expect(throws: Gzip.Failure.tooLarge(limit: 29)) { try Gzip.decompress(data, limit: 29) }
        #expect(throws: Gzip.Failure.truncated) { try Gzip.decompress(Array(data.prefix(20)), limit: 1000) }
        #expect(throws: Gzip.Failure.malformed) { try Gzip.decompress(Array("no gzip".utf8), limit: 1000) }
    }
}

/// Small data with a dictionary.
@Suite struct DeflateTests {
    private static let dictionary = Array("namespace template pod_name argo.Step Workflow".utf8)

    @Test(arguments: [0, 1, 40, 5_000, 300_000]) func whatIsPackedIsUnpacked(count: Int) throws {
        let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) }
        for dictionary in [Self.dictionary, []] {
            let packed = try #require(Deflate.pack(data, dictionary: dictionary))
            let others = [Array("other".utf8), dictionary]
            #expect(try Deflate.unpack(packed, limit: max(count, 1), dictionaries: others) == data)
            if count > 1 {
                #expect(throws: Gzip.Failure.tooLarge(limit: count - 1)) {
                    try Deflate.unpack(packed, limit: count - 1, dictionaries: others)
                }
            }
            // Every cut and every flipped byte is noticed.
            for cut in stride(from: 0, to: packed.count, by: max(1, packed.count / 50)) {
                #expect(throws: Gzip.Failure.self) {
                    try Deflate.unpack(Array(packed[..<cut]), limit: 1 << 20, dictionaries: others)
                }
                var damaged = packed
                damaged[cut] ^= 0x55
                #expect(throws: Gzip.Failure.self) {
                    try Deflate.unpack(damaged, limit: 1 << 20, dictionaries: others)
                }
            }
        }
    }

    @Test func aDictionaryMakesItSmaller() throws {
        let data = Array("namespace pod_name Workflow argo.Step".utf8)
        let packed = try #require(Deflate.pack(data, dictionary: Self.dictionary))
        #expect(packed.count < 30)
        #expect(throws: Gzip.Failure.malformed) {
            try Deflate.unpack(packed, limit: 100, dictionaries: [Array("other".utf8)])
        }
    }
}
