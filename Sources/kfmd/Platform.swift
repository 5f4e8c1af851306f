import FoundationEssentials
import Gzip
import Kubernetes
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

/// The objects of a file, chunk by chunk; gzip is unpacked on the way.
struct InputStream: ~Copyable {
    /// A file that can be read more than once: standard input is copied first.
    struct Source {
        /// As the user named it.
        let name: String
        fileprivate let path: String
        fileprivate let isCopy: Bool

        /// - Throws: ``Failure`` that names the file.
        init(_ name: String) throws {
            self.name = name
            guard name == "-" else {
                (path, isCopy) = (name, false)
                return
            }
            let folder = Settings.value(nil, "TMPDIR") ?? "/tmp"
            path = "\(folder)/kfmd-input-\(UUID().uuidString)"
            isCopy = true
            let target = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            guard target >= 0 else { throw Failure.runtime("\(path): cannot be written") }
            defer { close(target) }
            var buffer = [UInt8](repeating: 0, count: InputStream.chunkSize)
            while true {
                let count = buffer.withUnsafeMutableBytes { readBytes(0, $0.baseAddress, $0.count) }
                guard count >= 0 else {
                    unlink(path)
                    throw Failure.runtime("standard input cannot be read")
                }
                if count == 0 { break }
                var written = 0
                while written < count {
                    let step = buffer.withUnsafeBytes {
                        write(target, $0.baseAddress.map { $0 + written }, count - written)
                    }
                    guard step > 0 else {
                        unlink(path)
                        throw Failure.runtime("\(path): cannot be written: no room for the input")
                    }
                    written += step
                }
            }
        }

        /// Removes the copy.
        func remove() { if isCopy { unlink(path) } }
    }

    fileprivate static let chunkSize = 256 << 10
    /// The most that a gzip file may unpack to, in bytes.
    private static let maximumSize = 1 << 42

    private let descriptor: Int32
    private let name: String
    private var inflater: GzipInflater?
    private var reader = ObjectReader()
    private var isFirst = true
    private var isEnded = false
    private var bytesRead = 0
    private var bytesUnpacked = 0

    /// - Throws: ``Failure`` that names the file.
    init(_ source: Source) throws {
        name = source.name
        descriptor = openFile(source.path)
        guard descriptor >= 0 else { throw Failure.usage("\(source.name): cannot be read") }
    }

    deinit { close(descriptor) }

    /// How much was read, for people.
    var progress: String { "\(bytesRead >> 20) MB" }

    /// The objects of the next chunk; `nil` at the end.
    /// - Throws: ``Failure`` that names the file.
    mutating func next() throws -> [ObjectFile.Item]? {
        if isEnded { return nil }
        // Gzip may unpack to a thousand times as much.
        var buffer = [UInt8](repeating: 0, count: isFirst || inflater != nil ? 16 << 10 : Self.chunkSize)
        let count = buffer.withUnsafeMutableBytes { readBytes(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw Failure.usage("\(name): cannot be read") }
        buffer.removeLast(buffer.count - count)
        bytesRead += count
        isEnded = count == 0
        var items: [ObjectFile.Item] = []
        do throws(Gzip.Failure) {
            if isFirst, buffer.starts(with: [0x1F, 0x8B]) { inflater = try GzipInflater() }
            isFirst = false
            var plain = buffer
            if inflater != nil {
                plain = []
                try inflater?.inflate(buffer) { chunk throws(Gzip.Failure) in plain += chunk }
                bytesUnpacked += plain.count
                if bytesUnpacked > Self.maximumSize { throw .tooLarge(limit: Self.maximumSize) }
                if isEnded, inflater?.isFinished == false { throw .truncated }
            }
            reader.read(plain, isLast: isEnded) { items.append($0) }
        } catch {
            throw Failure.usage("\(name): \(error)")
        }
        return items
    }

    /// Reads all objects of a file.
    /// - Throws: ``Failure`` that names the file.
    static func read(
        _ source: Source, progress: (String) -> Void = { _ in }, _ body: (ObjectFile.Item) -> Void
    ) throws {
        var stream = try InputStream(source)
        while let items = try stream.next() {
            items.forEach(body)
            progress(stream.progress)
        }
    }
}
