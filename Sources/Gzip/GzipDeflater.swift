import CZlib

extension Gzip {
    /// Packs data as a gzip member, fast rather than small.
    /// - Returns: `nil` where zlib has no memory for it.
    public static func compress(_ data: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // 15 bits of window, +16: write a gzip header.
        let code = deflateInit2_(
            &stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        return deflate(data, &stream)
    }

    /// Packs all of the data with a stream that was begun.
    static func deflate(_ data: [UInt8], _ stream: inout z_stream) -> [UInt8]? {
        var input = data
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(data.count))))
        let size = output.count
        let isDone = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(size)
                return CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END
            }
        }
        guard isDone else { return nil }
        output.removeLast(Int(stream.avail_out))
        return output
    }
}
