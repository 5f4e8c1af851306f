import FoundationEssentials
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file of a volume that a pod's containers share, opened so that nothing in it can lead or hold us elsewhere.
struct SystemFile: ~Copyable {
    /// What tells whether a file is as it was.
    struct Stamp: Hashable, Sendable {
        var device: UInt64
        var number: UInt64
        var size: Int64
        /// In nanoseconds since 1970.
        var modified: Int64
    }

    enum Kind: Sendable { case file, folder, other }

    /// Why it was not opened.
    struct Refusal: Error, Sendable, CustomStringConvertible {
        var description: String
    }

    private let descriptor: Int32

    /// Opens a file or folder without following a link, and without waiting for the other end of a pipe.
    /// - Throws: ``Refusal``.
    init(_ path: String) throws(Refusal) {
        let opened = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            let reason =
                switch errno {
                case ENOENT, ENOTDIR: "does not exist"
                case EACCES, EPERM: "may not be read"
                case ELOOP: "is a link, which is not followed"
                case ENXIO: "is no file"
                default: "cannot be opened (error \(errno))"
                }
            throw Refusal(description: reason)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

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
        status.map {
            Stamp(
                device: UInt64($0.st_dev), number: UInt64($0.st_ino), size: Int64($0.st_size),
                modified: Int64($0.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64($0.st_mtim.tv_nsec))
        }
    }

    /// The next bytes, at most so many; empty at the end.
    /// - Throws: ``Refusal`` where reading fails.
    func read(atMost count: Int) throws(Refusal) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        #if canImport(Glibc)
            let found = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        #elseif canImport(Musl)
            let found = buffer.withUnsafeMutableBytes { Musl.read(descriptor, $0.baseAddress, $0.count) }
        #else
            let found = buffer.withUnsafeMutableBytes { Darwin.read(descriptor, $0.baseAddress, $0.count) }
        #endif
        guard found >= 0 else { throw Refusal(description: "cannot be read (error \(errno))") }
        buffer.removeLast(count - found)
        return buffer
    }

    /// Writes a file anew, or a device.
    /// - Returns: whether all was written.
    static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let target = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard target >= 0 else { return false }
        defer { close(target) }
        var rest = bytes[...]
        while !rest.isEmpty {
            #if canImport(Glibc)
                let count = rest.withUnsafeBytes { Glibc.write(target, $0.baseAddress, $0.count) }
            #elseif canImport(Musl)
                let count = rest.withUnsafeBytes { Musl.write(target, $0.baseAddress, $0.count) }
            #else
                let count = rest.withUnsafeBytes { Darwin.write(target, $0.baseAddress, $0.count) }
            #endif
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// The names in a folder, sorted, no more than so many; `nil` where it cannot be read.
    static func names(in path: String, atMost count: Int) -> [String]? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var names: [String] = []
        while names.count <= count, let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Where a path leads once all links are followed; `nil` where it leads nowhere.
    static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}
