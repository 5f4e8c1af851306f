import Capture
import FoundationEssentials
import Gzip
import Kubernetes

/// The objects of a file, chunk by chunk; gzip is unpacked on the way.
struct InputStream: ~Copyable {
    /// A file that can be read more than once: what is none, as standard input or a pipe, is copied first.
    struct Source {
        /// As the user named it.
        let name: String
        fileprivate let path: String
        private let isCopy: Bool

        /// - Throws: ``Failure`` that names the file.
        init(_ name: String) throws {
            self.name = name
            let descriptor = name == "-" ? 0 : openFile(name)
            guard descriptor >= 0 else { throw Failure.usage("\(name): cannot be read") }
            defer { if name != "-" { closeFile(descriptor) } }
            isCopy = name == "-" || !isPlainFile(descriptor)
            path = isCopy ? "\(Settings.temporaryFolder)/kfmd-input-\(UUID().uuidString)" : name
            if isCopy { try copyFile(descriptor, named: name, to: path) }
        }

        /// Removes the copy.
        func remove() { if isCopy { removeFile(path) } }
    }

    private static let chunkSize = 256 << 10
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

    deinit { closeFile(descriptor) }

    /// How much was read, for people.
    var progress: String { "\(bytesRead >> 20) MB" }

    /// The objects of the next chunk; `nil` at the end.
    /// - Throws: ``Failure`` that names the file.
    mutating func next() throws -> [ObjectFile.Item]? {
        if isEnded { return nil }
        // Gzip may unpack to a thousand times as much.
        let size = isFirst || inflater != nil ? 16 << 10 : Self.chunkSize
        guard let buffer = readChunk(descriptor, atMost: size) else {
            throw Failure.usage("\(name): cannot be read")
        }
        bytesRead += buffer.count
        isEnded = buffer.isEmpty
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
            // In pieces: what is read of one is taken from its front.
            var rest = plain[...]
            repeat {
                let piece = rest.prefix(64 << 10)
                rest = rest.dropFirst(piece.count)
                reader.read(Array(piece), isLast: isEnded && rest.isEmpty) { items.append($0) }
            } while !rest.isEmpty
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

/// The files that a command was given.
struct ObjectFiles {
    let sources: [InputStream.Source]

    /// - Throws: ``Failure`` that names the file; then nothing is left of the others.
    init(_ names: [String]) throws {
        var sources: [InputStream.Source] = []
        do {
            for name in names { sources.append(try InputStream.Source(name)) }
        } catch {
            sources.forEach { $0.remove() }
            throw error
        }
        self.sources = sources
    }

    /// Removes copies.
    func remove() { sources.forEach { $0.remove() } }

    /// Which object owns which must be known first, whatever their order.
    /// - Throws: ``Failure`` that names the file.
    func addOwners(to capture: Capture) throws {
        for source in sources {
            let progress = Progress(file: source.name)
            defer { progress.end() }
            try InputStream.read(source, progress: { progress.show("\($0) read, looking for owners") }) { item in
                if case .object(let object, let isDeleted) = item { capture.learn(object, isDeleted: isDeleted) }
            }
        }
    }
}
