import FoundationEssentials
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file or folder of a volume that a pod's containers share, opened so that nothing in it can lead or hold us elsewhere:
/// name by name from the volume, without following links.
struct SystemFile: ~Copyable {
    /// What tells whether a file is as it was. A file can be given another time of modification, but not of change.
    struct Stamp: Hashable, Sendable {
        var device: UInt64
        var number: UInt64
        var size: Int64
        /// In nanoseconds since 1970.
        var modified: Int64
        var changed: Int64
    }

    enum Kind: Sendable { case file, folder, other }

    /// Why it was not opened.
    struct Refusal: Error, Sendable, CustomStringConvertible {
        var description: String
        var isLink = false
    }

    private let descriptor: Int32

    /// Opens a file or folder; its own name may be no link, those of the folders before it may.
    /// - Throws: ``Refusal``.
    init(_ path: String) throws(Refusal) { try self.init(AT_FDCWD, path) }

    private init(_ folder: Int32, _ name: String) throws(Refusal) {
        // Without waiting for the other end of a pipe.
        let opened = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            let code = errno
            let reason =
                switch code {
                case ENOENT, ENOTDIR: "does not exist"
                case EACCES, EPERM: "may not be read"
                case ELOOP: "is a link, which is not followed"
                case ENXIO: "is no file"
                default: "cannot be opened (error \(code))"
                }
            throw Refusal(description: reason, isLink: code == ELOOP)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// What is in a folder under a name.
    /// - Throws: ``Refusal``.
    borrowing func child(_ name: String) throws(Refusal) -> SystemFile { try SystemFile(descriptor, name) }

    private var status: stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }

    var kind: Kind {
        switch status.map({ $0.st_mode & S_IFMT }) {
        case S_IFREG: .file
        case S_IFDIR: .folder
        default: .other
        }
    }

    var stamp: Stamp? {
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        return status.map {
            Stamp(
                device: UInt64($0.st_dev), number: UInt64($0.st_ino), size: Int64($0.st_size),
                modified: nanoseconds($0.st_mtim), changed: nanoseconds($0.st_ctim))
        }
    }

    /// The next bytes, at most so many; empty at the end.
    /// - Throws: ``Refusal`` where reading fails.
    borrowing func read(atMost count: Int) throws(Refusal) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let descriptor = descriptor
        let found = buffer.withUnsafeMutableBytes { readBytes(descriptor, $0.baseAddress, $0.count) }
        guard found >= 0 else { throw Refusal(description: "cannot be read (error \(errno))") }
        buffer.removeLast(count - found)
        return buffer
    }

    /// All bytes, and of a longer file the first so many and at most a chunk more.
    /// - Throws: ``Refusal`` where reading fails.
    borrowing func read(upTo limit: Int) throws(Refusal) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let chunk = try read(atMost: 1 << 16)
            if chunk.isEmpty { break }
            bytes += chunk
        }
        return bytes
    }

    /// The text of a file; empty where it cannot be read.
    static func text(of path: String, upTo limit: Int) -> String {
        guard let file = try? SystemFile(path), file.kind == .file, let bytes = try? file.read(upTo: limit) else {
            return ""
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The names in a folder, sorted.
    /// - Throws: ``Refusal`` where it cannot be read, has a name that is no text, or more than so many.
    borrowing func names(atMost count: Int) throws(Refusal) -> [String] {
        let own = dup(descriptor)
        guard own >= 0, let folder = fdopendir(own) else {
            if own >= 0 { close(own) }
            throw Refusal(description: "cannot be read (error \(errno))")
        }
        defer { closedir(folder) }
        rewinddir(folder)
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            guard let name else { throw Refusal(description: "has a file whose name is no text") }
            if name == "." || name == ".." { continue }
            guard names.count < count else { throw Refusal(description: "has more than \(count) files") }
            names.append(name)
        }
        return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    /// Writes a file anew, or a device.
    /// - Returns: whether all was written.
    static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard target >= 0 else { return false }
        defer { close(target) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { writeBytes(target, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Where a path leads once all links are followed; `nil` where it leads nowhere.
    static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(validatingCString: found)
    }
}

// The members of the same names hide the system's functions.
private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
private func writeBytes(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}
