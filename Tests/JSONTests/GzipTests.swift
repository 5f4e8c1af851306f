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
