/// What a connection knows of its statements: their texts as the server takes them, and which the server has prepared.
///
/// A statement is prepared when it is used for the second time: what runs once is not worth it. One statement is
/// another with each combination of types that its values have.
struct StatementCache {
    /// How a statement is to be sent.
    enum Way {
        /// With its text.
        case direct
        /// Prepared under this name first.
        case prepare(String)
        /// By the name under which it is prepared.
        case prepared(String)
    }

    private struct Variant {
        var name: String?
        var lastUse = 0
    }

    private struct Entry {
        let text: NumberedText
        var variants: [[UInt32]: Variant] = [:]
    }

    private static let mostPrepared = 200
    private static let mostTexts = 512
    private static let mostVariants = 64
    /// Statements that are longer are made for one request: kept, they would fill memory.
    private static let longest = 16 << 10

    /// Whether statements are prepared at all.
    private(set) var isPreparing: Bool
    /// Names that the server still has and nobody uses any more.
    private(set) var dropped: [String] = []

    private var entries: [String: Entry] = [:]
    private var preparedCount = 0
    private var uses = 0
    private var names = 0
    /// Behind a pooler another connection's statements may be there: one of the same name would be run instead.
    private let prefix = "kfmd_" + String(UInt64.random(in: 0...UInt64.max), radix: 36)

    init(isPreparing: Bool) { self.isPreparing = isPreparing }

    /// A statement as the server takes it.
    mutating func text(_ sql: String) -> NumberedText {
        if let entry = entries[sql] { return entry.text }
        let text = NumberedText(sql)
        guard sql.utf8.count <= Self.longest else { return text }
        if entries.count >= Self.mostTexts {
            entries = entries.filter { $0.value.variants.values.contains { $0.name != nil } }
        }
        entries[sql] = Entry(text: text)
        return text
    }

    /// How a statement is sent now; it counts as used.
    mutating func way(_ sql: String, types: [UInt32]) -> Way {
        guard isPreparing, let entry = entries[sql] else { return .direct }
        uses += 1
        guard let variant = entry.variants[types] else {
            if entry.variants.count >= Self.mostVariants {
                entries[sql]?.variants = entry.variants.filter { $0.value.name != nil }
            }
            entries[sql]?.variants[types] = Variant(lastUse: uses)
            return .direct
        }
        entries[sql]?.variants[types]?.lastUse = uses
        if let name = variant.name { return .prepared(name) }
        if preparedCount >= Self.mostPrepared { dropOldest() }
        names += 1
        preparedCount += 1
        let name = "\(prefix)_\(names)"
        entries[sql]?.variants[types]?.name = name
        return .prepare(name)
    }

    private mutating func dropOldest() {
        var oldest: (sql: String, types: [UInt32], variant: Variant)?
        for (sql, entry) in entries {
            for (types, variant) in entry.variants where variant.name != nil {
                if variant.lastUse < oldest?.variant.lastUse ?? .max { oldest = (sql, types, variant) }
            }
        }
        guard let oldest, let name = oldest.variant.name else { return }
        entries[oldest.sql]?.variants[oldest.types] = nil
        preparedCount -= 1
        dropped.append(name)
    }

    /// The server was told to drop these.
    mutating func forgetDropped() { dropped = [] }

    /// The server did not prepare a statement after all.
    mutating func forget(_ sql: String, types: [UInt32], name: String) {
        guard entries[sql]?.variants[types]?.name == name else { return }
        entries[sql]?.variants[types] = nil
        preparedCount -= 1
    }

    /// All are prepared anew: some statement is not what it was, and others that read the same tables neither.
    mutating func dropAll() {
        for entry in entries.values { dropped += entry.variants.values.compactMap(\.name) }
        entries = [:]
        preparedCount = 0
    }

    /// Some statement is not what the server has: none is prepared any more.
    mutating func stopPreparing() {
        entries = [:]
        dropped = []
        preparedCount = 0
        isPreparing = false
    }
}
