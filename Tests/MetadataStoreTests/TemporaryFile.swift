import FoundationEssentials
import MetadataStore

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

/// A store in a place of its own, which goes with the test.
func withTemporaryStore(
    readers: Int = 4, maximumAnswer: Int = 64 << 20, _ body: (MetadataStore) async throws -> Void
) async throws {
    let place = try StorePlace()
    defer { place.remove() }
    let store = try MetadataStore(address: place.address, readers: readers, maximumAnswer: maximumAnswer)
    do {
        try await body(store)
    } catch {
        await store.close()
        throw error
    }
    await store.close()
}
