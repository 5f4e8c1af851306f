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

/// Lets the calling thread do nothing until the process ends.
func parkThread() -> Never {
    while true { pause() }
}

/// Whether this machine has IPv6: nodes may be started without it.
func hasIPv6() -> Bool {
    #if canImport(Glibc)
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    #else
        let descriptor = socket(AF_INET6, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { return false }
    close(descriptor)
    return true
}

enum StandardError {
    static func write(_ text: String) { writeAll(Array(text.utf8)[...], to: 2) }
    static var isTerminal: Bool { isatty(2) == 1 }
}

enum StandardOutput {
    static func write(_ text: String) { writeAll(Array(text.utf8)[...], to: 1) }
}

/// - Returns: whether all was written.
@discardableResult
private func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count <= 0 { return false }
        rest = rest.dropFirst(count)
    }
    return true
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
        if path != "-" { closeFile(descriptor) }
        guard bytes.starts(with: [0x1F, 0x8B]) else { return bytes }
        do {
            return try Gzip.decompress(bytes, limit: maximumSize)
        } catch {
            throw Failure.usage("\(path): \(error)")
        }
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var result: [UInt8] = []
        while true {
            guard let chunk = readChunk(descriptor, atMost: 1 << 16) else { return nil }
            if chunk.isEmpty { return result }
            result += chunk
        }
    }
}

/// Opens a file for reading; -1 where that is not possible.
func openFile(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }

/// Whether a descriptor is of a plain file, which can be read again.
func isPlainFile(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

/// The next bytes, at most so many; empty at the end, `nil` where reading fails.
func readChunk(_ descriptor: Int32, atMost count: Int) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: count)
    let found = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard found >= 0 else { return nil }
    buffer.removeLast(count - found)
    return buffer
}

func closeFile(_ descriptor: Int32) { close(descriptor) }

/// Copies what can be read only once into a file.
/// - Throws: ``Failure`` that names what is wrong; then there is no copy.
func copyFile(_ source: Int32, named name: String, to path: String) throws {
    let target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard target >= 0 else { throw Failure.runtime("\(path): cannot be written") }
    defer { close(target) }
    while true {
        guard let chunk = readChunk(source, atMost: 256 << 10) else {
            unlink(path)
            throw Failure.usage("\(name): cannot be read")
        }
        if chunk.isEmpty { return }
        guard writeAll(chunk[...], to: target) else {
            unlink(path)
            throw Failure.runtime("\(path): no room for a copy of \(name)")
        }
    }
}

func removeFile(_ path: String) { unlink(path) }
