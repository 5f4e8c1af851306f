import FoundationEssentials

/// A path for a database file, which goes with the test.
struct TemporaryFile: ~Copyable {
    let path: String

    init() {
        path = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/kfmd-test-\(UUID().uuidString).db"
    }

    deinit {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
}
