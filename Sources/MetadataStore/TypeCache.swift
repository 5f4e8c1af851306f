import MetadataAPI
import SQLite

/// The properties of the types that the writer met, so that a node costs no look at the tables of types.
///
/// It belongs to the writer's thread.
final class TypeCache {
    struct Entry {
        var kind: NodeKind
        var properties: [String: MlMetadata_PropertyType]
    }

    private var entries: [Int64: Entry] = [:]
    /// Changes when another connection, or another process, writes to the file.
    private var dataVersion: Int64?
    /// Whether ``validate(_:)`` tells of what others did to the types. A server does not: there what the cache does not
    /// know, or knows otherwise, is asked for again.
    private(set) var isCurrent = true

    /// To be called in each transaction before the cache is used.
    func validate(_ session: Session) throws {
        guard let version = try session.dataVersion() else {
            isCurrent = false
            return
        }
        if version != dataVersion { clear() }
        dataVersion = version
    }

    func clear() { entries = [:] }

    subscript(id: Int64) -> Entry? {
        get { entries[id] }
        set { entries[id] = newValue }
    }
}
