import CSQLite

/// A file system of SQLite that gathers what is written to a write-ahead log until it is synced.
///
/// SQLite writes each page of a commit by two calls of the system; gathered, a commit is one. All
/// else is left to SQLite's own file system, and the order is kept: what was gathered is written before
/// the log is synced, read, cut or measured; what is left when it is closed was never committed. Readers look at a frame only after the commit that
/// wrote it was synced, which `synchronous = FULL` does each time. Nothing may be written to the log but
/// at a commit, while the lock is held: so pages are not spilled before (`cache_spill = OFF`), and what a
/// commit that failed has left is dropped (``discard(_:)``). A connection with this file system sets both.
enum WALBuffer {
    /// The name to open a database with.
    ///
    /// Registered once for the process, as SQLite keeps its file systems; `nil` where that failed.
    static let name: String? = register()

    /// Drops what is left of a commit that failed: another process may write there next.
    static func discard(_ database: OpaquePointer) {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
        guard code == SQLITE_OK, let file, GatheringFile.isOne(file) else { return }
        GatheringFile.discard(file)
    }

    private static func register() -> String? {
        let name = "kfmd-wal-buffer"
        guard let original = sqlite3_vfs_find(nil), let text = lasting(name) else { return nil }
        let copy = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        copy.initialize(to: original.pointee)
        copy.pointee.pNext = nil
        copy.pointee.zName = UnsafePointer(text)
        copy.pointee.szOsFile = Int32(GatheringFile.headerSize) + original.pointee.szOsFile
        // SQLite hands this back in each call.
        copy.pointee.pAppData = UnsafeMutableRawPointer(original)
        copy.pointee.xOpen = { vfs, path, file, flags, outFlags in
            guard let vfs, let file, let data = vfs.pointee.pAppData else { return SQLITE_CANTOPEN }
            let original = data.assumingMemoryBound(to: sqlite3_vfs.self)
            guard flags & SQLITE_OPEN_WAL != 0 else {
                return original.pointee.xOpen(original, path, file, flags, outFlags)
            }
            return GatheringFile.open(file, original, path, flags, outFlags)
        }
        copy.pointee.xDelete = { vfs, path, sync in
            guard let original = WALBuffer.underlying(vfs) else { return SQLITE_IOERR }
            return original.pointee.xDelete(original, path, sync)
        }
        copy.pointee.xAccess = { vfs, path, flags, result in
            guard let original = WALBuffer.underlying(vfs) else { return SQLITE_IOERR }
            return original.pointee.xAccess(original, path, flags, result)
        }
        copy.pointee.xFullPathname = { vfs, path, size, output in
            guard let original = WALBuffer.underlying(vfs) else { return SQLITE_CANTOPEN }
            return original.pointee.xFullPathname(original, path, size, output)
        }
        return sqlite3_vfs_register(copy, 0) == SQLITE_OK ? name : nil
    }

    private static func underlying(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> UnsafeMutablePointer<sqlite3_vfs>? {
        vfs?.pointee.pAppData?.assumingMemoryBound(to: sqlite3_vfs.self)
    }

    /// A copy of a text that SQLite may keep for ever.
    private static func lasting(_ text: String) -> UnsafeMutablePointer<CChar>? {
        let bytes = text.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { copy[index] = byte }
        return copy
    }
}

/// An open log: SQLite's own file stands behind it in the memory that SQLite gave for both.
private struct GatheringFile {
    /// First, as in every file of SQLite.
    var base: sqlite3_file
    var buffer: UnsafeMutableRawPointer
    /// Where the buffer's first byte belongs in the file, and how many there are.
    var offset: sqlite3_int64 = 0
    var count = 0

    static var headerSize: Int { (MemoryLayout<GatheringFile>.size + 15) & ~15 }
    private static var capacity: Int { 1 << 20 }
    /// SQLite's file system takes the length of a write modulo 128 KiB (os_unix.c, 3.40).
    private static var pieceSize: Int { 1 << 16 }

    typealias File = UnsafeMutablePointer<sqlite3_file>

    private static func itself(_ file: File) -> UnsafeMutablePointer<GatheringFile> {
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: GatheringFile.self)
    }

    private static func real(_ file: File) -> File {
        (UnsafeMutableRawPointer(file) + headerSize).assumingMemoryBound(to: sqlite3_file.self)
    }

    static func open(
        _ file: File, _ vfs: UnsafeMutablePointer<sqlite3_vfs>, _ path: UnsafePointer<CChar>?, _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        let real = real(file)
        real.pointee.pMethods = nil
        file.pointee.pMethods = nil
        let code = vfs.pointee.xOpen(vfs, path, real, flags, outFlags)
        guard code == SQLITE_OK else { return code }
        itself(file).initialize(
            to: GatheringFile(
                base: sqlite3_file(pMethods: methods),
                buffer: .allocate(byteCount: capacity, alignment: 16)))
        return SQLITE_OK
    }

    static func isOne(_ file: File) -> Bool { file.pointee.pMethods == methods }

    static func discard(_ file: File) { itself(file).pointee.count = 0 }

    /// Writes what was gathered.
    private static func flush(_ file: File) -> Int32 {
        let count = itself(file).pointee.count
        guard count > 0 else { return SQLITE_OK }
        // Also when it fails: SQLite gives the commit up, and writes these frames anew.
        itself(file).pointee.count = 0
        let real = real(file)
        let (buffer, offset) = (itself(file).pointee.buffer, itself(file).pointee.offset)
        var written = 0
        while written < count {
            let part = min(count - written, pieceSize)
            let code = real.pointee.pMethods.pointee.xWrite(
                real, buffer + written, Int32(part), offset + sqlite3_int64(written))
            guard code == SQLITE_OK else { return code }
            written += part
        }
        return SQLITE_OK
    }

    private static func write(
        _ file: File, _ bytes: UnsafeRawPointer, _ length: Int32, _ offset: sqlite3_int64
    ) -> Int32 {
        let length = Int(length)
        let state = itself(file)
        let isNext = state.pointee.offset + sqlite3_int64(state.pointee.count) == offset
        if !isNext || state.pointee.count + length > capacity {
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
        }
        // A page has at most 64 KiB.
        guard length <= capacity else { return SQLITE_IOERR }
        if state.pointee.count == 0 { state.pointee.offset = offset }
        (state.pointee.buffer + state.pointee.count).copyMemory(from: bytes, byteCount: length)
        state.pointee.count += length
        return SQLITE_OK
    }

    /// Kept for the process, as SQLite keeps pointers to it.
    // Written once before anybody sees it, and never again.
    nonisolated(unsafe) private static let methods: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        methods.iVersion = 1
        methods.xClose = { file in
            guard let file else { return SQLITE_OK }
            // What was not synced was never committed.
            itself(file).pointee.buffer.deallocate()
            let real = real(file)
            return real.pointee.pMethods.pointee.xClose(real)
        }
        methods.xRead = { file, bytes, length, offset in
            guard let file else { return SQLITE_IOERR }
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            let real = real(file)
            return real.pointee.pMethods.pointee.xRead(real, bytes, length, offset)
        }
        methods.xWrite = { file, bytes, length, offset in
            guard let file, let bytes else { return SQLITE_IOERR }
            return write(file, bytes, length, offset)
        }
        methods.xTruncate = { file, size in
            guard let file else { return SQLITE_IOERR }
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            let real = real(file)
            return real.pointee.pMethods.pointee.xTruncate(real, size)
        }
        methods.xSync = { file, flags in
            guard let file else { return SQLITE_IOERR }
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            let real = real(file)
            return real.pointee.pMethods.pointee.xSync(real, flags)
        }
        methods.xFileSize = { file, size in
            guard let file else { return SQLITE_IOERR }
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            let real = real(file)
            return real.pointee.pMethods.pointee.xFileSize(real, size)
        }
        // A log is not locked; its database is.
        methods.xLock = { file, level in
            guard let file else { return SQLITE_IOERR }
            let real = real(file)
            return real.pointee.pMethods.pointee.xLock(real, level)
        }
        methods.xUnlock = { file, level in
            guard let file else { return SQLITE_IOERR }
            let real = real(file)
            return real.pointee.pMethods.pointee.xUnlock(real, level)
        }
        methods.xCheckReservedLock = { file, result in
            guard let file else { return SQLITE_IOERR }
            let real = real(file)
            return real.pointee.pMethods.pointee.xCheckReservedLock(real, result)
        }
        methods.xFileControl = { file, operation, argument in
            guard let file else { return SQLITE_NOTFOUND }
            let real = real(file)
            return real.pointee.pMethods.pointee.xFileControl(real, operation, argument)
        }
        methods.xSectorSize = { file in
            guard let file else { return 4096 }
            let real = real(file)
            return real.pointee.pMethods.pointee.xSectorSize(real)
        }
        methods.xDeviceCharacteristics = { file in
            guard let file else { return 0 }
            let real = real(file)
            return real.pointee.pMethods.pointee.xDeviceCharacteristics(real)
        }
        let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        pointer.initialize(to: methods)
        return UnsafePointer(pointer)
    }()
}
