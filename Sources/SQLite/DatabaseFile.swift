#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file of a database, as the system sees it.
public enum DatabaseFile {
    /// Makes an empty file that only its owner may read, where there is none: SQLite would let everybody. Its log
    /// and shared memory get the mode of the file. A failure is left to SQLite to tell.
    public static func create(_ path: String) {
        guard !path.isEmpty, path != ":memory:" else { return }
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Takes the rights of all but the owner away.
    public static func restrict(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { chmod(path + suffix, 0o600) }
    }

    /// How large a file is, in bytes; `nil` where there is none.
    public static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    /// How large the disk of a file is, and what is left of it, in bytes; `nil` where that cannot be told.
    public static func volume(_ path: String) -> (size: UInt64, free: UInt64)? {
        var disk = statvfs()
        guard statvfs(path, &disk) == 0 else { return nil }
        let unit = UInt64(clamping: disk.f_frsize)
        return (
            UInt64(clamping: disk.f_blocks).multipliedReportingOverflow(by: unit).partialValue,
            UInt64(clamping: disk.f_bavail).multipliedReportingOverflow(by: unit).partialValue
        )
    }

    /// What is left on the disk of a file, in bytes; `nil` where that cannot be told.
    public static func room(_ path: String) -> UInt64? { volume(path)?.free }

    /// Whether two paths lead to one file.
    public static func isSame(_ first: String, _ second: String) -> Bool {
        var (one, two) = (stat(), stat())
        return first == second
            || stat(first, &one) == 0 && stat(second, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino
    }

    /// Whether a file is there that this process may not write.
    public static func isReadOnly(_ path: String) -> Bool { access(path, F_OK) == 0 && access(path, W_OK) != 0 }

    /// Removes a database that can be made again, with its log.
    public static func remove(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
    }

    /// Moves a database that cannot be used out of the way, under a name that is free.
    /// - Returns: the new name; `nil` where that is not possible.
    public static func setAside(_ path: String) -> String? {
        for number in 1...1000 {
            let name = "\(path).damaged-\(number)"
            guard access(name, F_OK) != 0 else { continue }
            // The log first: beside another file it would be read into that.
            for suffix in ["-wal", "-shm"] { rename(path + suffix, name + suffix) }
            return rename(path, name) == 0 ? name : nil
        }
        return nil
    }
}
