import FoundationEssentials
import Gzip
import HTTPTypes
import NIOCore
import Testing

@testable import MetadataService

/// What all pages have around them.
@Suite struct FrameTests {
    @Test(arguments: [
        ("a", "a"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("=1+1", "'=1+1"), ("-5", "-5"),
        ("-cmd", "'-cmd"),
        ("@x", "'@x"), ("a\nb", "\"a\nb\""), ("", ""), ("+1.5e3", "+1.5e3"), ("a\r\nb", "\"a\r\nb\""),
    ]) func aTextIsNoFormula(text: String, field: String) {
        #expect(CSVTable.field(text) == field)
    }

    @Test(
        arguments: [
            ("/metadata", "/metadata"), ("/a/b/", "/a/b"), ("", ""), ("/", ""), ("//evil.example.com", nil),
            ("metadata", nil),
            ("/a b", nil), ("/a\"b", nil), ("/ä", nil), ("/" + String(repeating: "x", count: 300), nil),
        ] as [(String, String?)]) func aBaseIsAPath(text: String, path: String?)
    {
        #expect(BasePath(text) == path.map { BasePath.fixed($0) })
    }

    @Test func signsOfDirectionAreShown() {
        var html = HTML()
        html.text("a\u{202E}b\u{2066}c\u{200F}d\u{2028}e\0f…é\u{E2}")
        #expect(String(buffer: html.buffer) == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{2028}e\u{FFFD}f…é\u{E2}")
    }

    /// A module that is not served stops all that import it.
    @Test func everyFileOfTheFolderIsServed() throws {
        let root = String(#filePath.dropLast("Tests/MetadataServiceTests/FrameTests.swift".count))
        let folder = root + "Sources/MetadataService/Pages/Static"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(StaticFiles.files.map(\.name).sorted() == names)
        for file in StaticFiles.files {
            #expect(FileManager.default.contents(atPath: "\(folder)/\(file.name)").map(Array.init) == file.bytes)
        }
    }

    @Test(
        arguments: [
            ("gzip, deflate, br", true), ("GZIP;q=0.5", true), ("*", true), ("gzip;q=0", false), ("*;q=0, gzip", true),
            ("gzip;q=0, *", false), ("identity", false), ("", false), (nil, false), ("gzip; q=0.0", false),
        ] as [(String?, Bool)]) func gzipIsForWhoTakesIt(header: String?, takes: Bool)
    {
        #expect(ContentCoding.takesGzip(header) == takes)
    }

    @Test func whatIsPackedIsTheSame() throws {
        let body = ByteBuffer(string: String(repeating: "<tr><td>name</td></tr>", count: 500))
        var headers: HTTPFields = [.vary: "Accept"]
        let packed = ContentCoding.pack(body, for: [.acceptEncoding: "gzip"], &headers)
        #expect(headers[.contentEncoding] == "gzip" && headers[values: .vary] == ["Accept", "Accept-Encoding"])
        #expect(packed.readableBytes < body.readableBytes / 10)
        #expect(try Gzip.decompress(Array(packed.readableBytesView), limit: 1 << 20) == Array(body.readableBytesView))
        var plain: HTTPFields = [:]
        #expect(ContentCoding.pack(body, for: [:], &plain) == body && plain[.contentEncoding] == nil)
        let small = ByteBuffer(string: "ok")
        #expect(ContentCoding.pack(small, for: [.acceptEncoding: "gzip"], &plain) == small)
    }

    @Test func tagsTellWhatIsTheSame() {
        let (a, b) = (EntityTag(of: ByteBuffer(string: "a")), EntityTag(of: ByteBuffer(string: "b")))
        #expect(a != b && a == EntityTag(of: ByteBuffer(string: "a")))
        #expect(a.isIn(a.text) && a.isIn("\(b.text), \(a.text)") && a.isIn("*") && !a.isIn(b.text) && !a.isIn(nil))
    }

    @Test(arguments: [
        ("nightly-7c2147c1-8b57-41c3-ac93-868fe30fec70", "nightly"), ("nightly", "nightly"),
        ("7c2147c1-8b57-41c3-ac93-868fe30fec70", "7c2147c1-8b57-41c3-ac93-868fe30fec70"),
        ("n-7C2147c1-8b57-41c3-ac93-868fe30fec70", "n-7C2147c1-8b57-41c3-ac93-868fe30fec70"), ("", ""),
    ]) func runsAreCalledAsPeopleCallThem(name: String, shown: String) {
        #expect(RunName.short(name) == shown)
    }

    @Test(arguments: [
        ("train-7", true), ("a.b", true), ("", false), ("-x", false), ("a b", false), ("a;rm", false), ("$(x)", false),
    ])
    func onlyNamesStandInCommands(name: String, isName: Bool) {
        #expect(KubernetesName.isName(name) == isName)
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")])
    func numbersHaveTheirGroups(value: Int, text: String) {
        #expect(PageFrame.number(value) == text)
    }
}
