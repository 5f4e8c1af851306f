import Gzip
import HTTPTypes
import NIOCore

/// Packing of answers by gzip (RFC 9110, 8.4) for those who take it: a list of 50 rows becomes a tenth.
enum ContentCoding {
    /// What is smaller fits into one packet as it is.
    private static let least = 1_200
    /// What is larger would hold its thread for long: some 10 ms a MiB.
    private static let most = 8 << 20

    /// The body as it is sent, packed where that is asked for; the headers say which.
    static func pack(_ body: ByteBuffer, for request: HTTPFields, _ headers: inout HTTPFields) -> ByteBuffer {
        headers[values: .vary].append("Accept-Encoding")
        guard (least...most).contains(body.readableBytes), takesGzip(request[.acceptEncoding]),
            let packed = Gzip.compress(Array(body.readableBytesView)), packed.count < body.readableBytes
        else { return body }
        headers[.contentEncoding] = "gzip"
        return ByteBuffer(bytes: packed)
    }

    /// Whether a list of codings has gzip, or all, and not with the weight 0.
    static func takesGzip(_ header: String?) -> Bool {
        var answer: Bool?
        for item in header?.lowercased().split(separator: ",") ?? [] {
            let parts = item.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            guard let coding = parts.first, ["gzip", "x-gzip", "*"].contains(coding) else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            // What is named counts before the star.
            if coding != "*" || answer == nil { answer = weight > 0 }
        }
        return answer ?? false
    }
}
