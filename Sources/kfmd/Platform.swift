import FoundationEssentials
import Gzip
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Ends the process.
func endProcess(_ code: Int32) -> Never { exit(code) }

enum StandardError {
    static func write(_ text: String) { writeAll(text, to: 2) }
    static var isTerminal: Bool { isatty(2) == 1 }
}

enum StandardOutput {
    static func write(_ text: String) { writeAll(text, to: 1) }
}

private func writeAll(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count <= 0 { return }
        bytes = bytes.dropFirst(count)
    }
}

/// The content of files, `-` for standard input; gzip is unpacked.
enum InputFile {
    /// The most that a gzip file may unpack to, in bytes.
    private static let maximumSize = 8 << 30

    /// - Throws: ``Failure`` that names the file.
    static func read(_ path: String) throws -> [UInt8] {
        // Read to its end, whatever it is: a pipe has no size.
        let descriptor = path == "-" ? 0 : openFile(path)
        guard descriptor >= 0, let bytes = readAll(descriptor) else {
            throw Failure.usage("\(path): cannot be read")
        }
        if path != "-" { close(descriptor) }
        guard bytes.starts(with: [0x1F, 0x8B]) else { return bytes }
        do {
            return try Gzip.decompress(bytes, limit: maximumSize)
        } catch {
            throw Failure.usage("\(path): \(error)")
        }
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { readBytes(descriptor, $0.baseAddress, $0.count) }
            if count < 0 { return nil }
            if count == 0 { return result }
            result += buffer[..<count]
        }
    }
}

private func openFile(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }

private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
