import CZlib

/// Packing of small data, of which there is much: zlib's format (RFC 1950) with a preset dictionary, and no more memory than
/// the data needs.
public enum Deflate {
    /// Up to so many bytes a window of 4 KiB is enough.
    private static let smallLimit = 4096

    /// - Parameter dictionary: what the data is likely to have, the likeliest last; it is needed to unpack it.
    /// - Returns: `nil` where zlib has no memory for it.
    public static func pack(_ data: [UInt8], dictionary: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        let isSmall = data.count + dictionary.count <= smallLimit
        let code = deflateInit2_(
            &stream, isSmall ? 3 : 1, Z_DEFLATED, isSmall ? 12 : 15, isSmall ? 5 : 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        guard deflateSetDictionary(&stream, dictionary, UInt32(clamping: dictionary.count)) == Z_OK else { return nil }
        return Gzip.deflate(data, &stream)
    }

    /// - Parameters:
    ///   - limit: the most bytes that are unpacked.
    ///   - dictionaries: all that it may have been packed with; which one, the data says.
    /// - Throws: ``Gzip/Failure``.
    public static func unpack(_ data: [UInt8], limit: Int, dictionaries: [[UInt8]]) throws(Gzip.Failure) -> [UInt8] {
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw .malformed }
        defer { inflateEnd(&stream) }
        var input = data
        var output = [UInt8](repeating: 0, count: min(limit, max(1024, data.count * 6)))
        let result = input.withUnsafeMutableBufferPointer { source -> Result<Void, Gzip.Failure> in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(clamping: source.count)
            while true {
                let code = output.withUnsafeMutableBufferPointer { target in
                    let count = Int(stream.total_out)
                    stream.next_out = target.baseAddress.map { $0 + count }
                    stream.avail_out = UInt32(clamping: target.count - count)
                    return inflate(&stream, Z_NO_FLUSH)
                }
                switch code {
                case Z_STREAM_END: return .success(())
                case Z_NEED_DICT:
                    let wanted = stream.adler
                    guard let dictionary = dictionaries.first(where: { checksum($0) == wanted }),
                        inflateSetDictionary(&stream, dictionary, UInt32(clamping: dictionary.count)) == Z_OK
                    else { return .failure(.malformed) }
                case Z_OK, Z_BUF_ERROR:
                    if Int(stream.total_out) < output.count { return .failure(.truncated) }
                    guard output.count < limit else { return .failure(.tooLarge(limit: limit)) }
                    output += [UInt8](repeating: 0, count: min(output.count, limit - output.count))
                default: return .failure(.malformed)
                }
            }
        }
        try result.get()
        output.removeLast(output.count - Int(stream.total_out))
        return output
    }

    private static func checksum(_ data: [UInt8]) -> UInt { adler32(1, data, UInt32(clamping: data.count)) }
}
