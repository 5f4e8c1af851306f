import CZlib

/// Reading of gzip data.
public enum Gzip {
    /// Why data could not be unpacked.
    public enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// It is no gzip, or damaged.
        case malformed
        /// It ends too early.
        case truncated
        /// It unpacks to more than the limit, in bytes.
        case tooLarge(limit: Int)

        public var description: String {
            switch self {
            case .malformed: "not gzip data, or damaged"
            case .truncated: "gzip data that ends too early"
            case .tooLarge(let limit): "gzip data that unpacks to more than \(limit) bytes"
            }
        }
    }

    /// Unpacks a gzip member.
    /// - Parameter limit: the most bytes that are unpacked, against gzip bombs.
    /// - Throws: ``Failure``.
    public static func decompress(_ data: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        var inflater = try GzipInflater()
        var output: [UInt8] = []
        try inflater.inflate(data) { chunk throws(Failure) in
            guard output.count + chunk.count <= limit else { throw .tooLarge(limit: limit) }
            output.append(contentsOf: chunk)
        }
        guard inflater.isFinished else { throw .truncated }
        return output
    }
}

/// Unpacks a gzip stream chunk by chunk.
public struct GzipInflater: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether the end of the gzip data was reached.
    public private(set) var isFinished = false

    /// - Throws: ``Gzip/Failure/malformed`` when zlib refuses to start.
    public init() throws(Gzip.Failure) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window, +16: expect a gzip header.
        let code = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw .malformed }
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Unpacks the next input and hands its output on in chunks of at most 64 KiB.
    /// Members that follow one another are read as one, as gzip does.
    /// - Throws: ``Gzip/Failure``, or what `consume` throws.
    public mutating func inflate(
        _ input: [UInt8], consume: (ArraySlice<UInt8>) throws(Gzip.Failure) -> Void
    ) throws(Gzip.Failure) {
        var input = input
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var offset = 0
        repeat {
            if isFinished {
                guard offset < input.count else { return }
                guard inflateReset(stream) == Z_OK else { throw .malformed }
                isFinished = false
            }
            var produced = 0
            let size = chunk.count
            let code = input.withUnsafeMutableBufferPointer { source in
                chunk.withUnsafeMutableBufferPointer { target in
                    stream.pointee.next_in = source.baseAddress.map { $0 + offset }
                    // zlib counts in 32 bits: a larger input is given in pieces.
                    let given = min(source.count - offset, Int(UInt32.max))
                    stream.pointee.avail_in = UInt32(given)
                    stream.pointee.next_out = target.baseAddress
                    stream.pointee.avail_out = UInt32(size)
                    let code = CZlib.inflate(stream, Z_NO_FLUSH)
                    offset += given - Int(stream.pointee.avail_in)
                    produced = size - Int(stream.pointee.avail_out)
                    return code
                }
            }
            if produced > 0 { try consume(chunk[0..<produced]) }
            switch code {
            case Z_STREAM_END: isFinished = true
            case Z_OK, Z_BUF_ERROR: if produced == 0, offset == input.count { return }
            default: throw .malformed
            }
        } while offset < input.count || stream.pointee.avail_out == 0
    }
}
