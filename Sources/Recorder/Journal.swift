public import FoundationEssentials
public import Lineage
import SQLite

/// What was captured and is not in the store yet, in a SQLite file of its own.
///
/// A fact counts as seen once it is here; it leaves when the store has it. Steps that ended stay for
/// a while, so that a later sight of one changes nothing or only adds.
public actor Journal {
    /// A step that waits for the store.
    public struct Pending: Sendable {
        /// All that was seen of it.
        public var record: Record
        /// What that comes to now: the last attempt.
        public var execution: Execution
        /// Its revision, for ``Journal/acknowledge(_:)``.
        public var revision: Int64
        /// Whether no state of it was acknowledged yet.
        public var isUnwritten: Bool
    }

    /// A file that cannot be opened as a journal.
    public struct FileError: Error, Sendable, CustomStringConvertible {
        public var path: String
        public var reason: String

        public var description: String { "journal \(path): \(reason)" }
    }

    /// 3 keeps what was told, 4 what was seen of each step by object.
    /// The version of its file.
    public static let version: Int64 = 4
    private let queue = SerialQueue()
    public nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }
    /// Where a damaged journal was moved that stood in this one's place: its steps are seen anew, as far as the
    /// cluster still has them.
    public nonisolated let setAside: String?
    /// How long the end of a step that only its Workflow told of waits for the pod's: what the pod
    /// declares then comes in time, also the type of an artifact, which can never change.
    private let settle: Duration
    /// How long steps wait that another replica writes, until it is seen whether it did.
    private let standby: Duration
    public nonisolated let clock: JournalClock
    /// Whether sights come as things happen, and not from files in any order.
    private let isLive: Bool
    let connection: Connection
    /// The steps that were told of last: most are told of again soon, or are written next.
    private var recent: [String: Known] = [:]
    private let maximumRecent = 1000
    private var waiters: [CheckedContinuation<Void, Never>] = []
    /// Whether pods are being listed for the first time: steps that only their Workflow told of wait for them.
    private var awaitsPods = false
    /// Whether a new division of namespaces waits for that too.
    private var awaitsDivision = false
    private static let untilPods = Int64.max - 1
    private var revision: Int64

    /// Opens a journal, made when it does not exist.
    /// - Parameters:
    ///   - path: a file; `:memory:` keeps nothing beyond the process.
    ///   - settle: how long an end that only a Workflow told waits for the pod's.
    ///   - standby: how long steps wait that another replica writes.
    ///   - isTemporary: whether the file need not survive a crash.
    /// - Throws: ``FileError``.
    public init(
        path: String, settle: Duration = .seconds(3), standby: Duration = .seconds(600),
        clock: JournalClock = JournalClock(), isTemporary: Bool = false
    ) throws {
        isLive = !isTemporary
        self.clock = clock
        self.settle = settle
        self.standby = standby
        setAside = isTemporary ? nil : try Self.setAsideIfDamaged(path)
        do {
            connection = try Connection(path: path)
            if path != ":memory:" { DatabaseFile.restrict(path) }
            try connection.execute("PRAGMA journal_mode = WAL")
            try connection.execute("PRAGMA synchronous = \(isTemporary ? "OFF" : "FULL")")
            let version = try connection.first("PRAGMA user_version") { $0.integer(0) } ?? 0
            let tables = try connection.first("SELECT count(*) FROM sqlite_master") { $0.integer(0) } ?? 0
            if version == 0, tables > 0 {
                throw FileError(path: path, reason: "a SQLite database, but no journal")
            }
            guard version <= Self.version else {
                throw FileError(path: path, reason: "was written by a newer kfmd (version \(version))")
            }
            try connection.execute("BEGIN IMMEDIATE")
            if version == 1 {
                try connection.execute("ALTER TABLE step ADD COLUMN namespace TEXT NOT NULL DEFAULT ''")
            }
            try connection.execute(
                """
                CREATE TABLE IF NOT EXISTS step (
                    id TEXT PRIMARY KEY,
                    namespace TEXT NOT NULL DEFAULT '',
                    revision INTEGER NOT NULL,
                    acknowledged INTEGER NOT NULL DEFAULT 0,
                    is_final INTEGER NOT NULL,
                    updated INTEGER NOT NULL,
                    held_until INTEGER NOT NULL,
                    refused TEXT,
                    facts TEXT NOT NULL
                );
                CREATE TABLE IF NOT EXISTS patch (
                    id INTEGER PRIMARY KEY,
                    namespace TEXT NOT NULL,
                    pod TEXT NOT NULL,
                    body TEXT NOT NULL,
                    UNIQUE (namespace, pod)
                );
                \(Self.offloadedTable)
                \(Self.toldTable)
                DROP INDEX IF EXISTS step_waiting;
                CREATE INDEX IF NOT EXISTS step_pending ON step (revision, held_until, updated, acknowledged)
                WHERE acknowledged < revision;
                CREATE INDEX IF NOT EXISTS step_held ON step (held_until) WHERE acknowledged < revision;
                CREATE INDEX IF NOT EXISTS step_updated ON step (updated);
                CREATE INDEX IF NOT EXISTS step_open ON step (updated) WHERE is_final = 0;
                PRAGMA user_version = \(Self.version);
                COMMIT;
                """)
            revision = try connection.first("SELECT max(revision) FROM step") { $0.integer(0) } ?? 0
            // Pods that were waited for are listed anew.
            try connection.run("UPDATE step SET held_until = 0 WHERE held_until = ?", Self.untilPods)
            // Written by a clock that was ahead of ours.
            let (now, latest) = (clock.milliseconds, clock.milliseconds + Int64(standby / .milliseconds(1)))
            try connection.run(
                "UPDATE step SET held_until = ? WHERE held_until > ? AND held_until < ?", latest, latest, Int64.max)
            try connection.run("UPDATE step SET updated = ? WHERE updated > ?", now, now)
        } catch let error as SQLiteError {
            let reason = error.kind == .notADatabase ? "not a SQLite database" : error.message
            throw FileError(path: path, reason: reason)
        }
    }

    /// Moves a file away that was a journal and cannot be read any more: it would end each start. What is no
    /// database at all, and was never named as one, is somebody's file that was named by mistake.
    /// - Throws: ``FileError`` when it cannot be moved.
    private static func setAsideIfDamaged(_ path: String) throws -> String? {
        guard path != ":memory:", FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let connection = try Connection(path: path)
            func isSound() throws(SQLiteError) -> Bool {
                try connection.first("PRAGMA quick_check(1)") { $0.text(0) } == "ok"
            }
            if try isSound() { return nil }
            // An index can be made anew of what it is of.
            try connection.execute("REINDEX")
            if try isSound() { return nil }
        } catch  where error.kind == .corrupt || error.kind == .notADatabase {
            if error.kind == .notADatabase, !path.hasSuffix(".db"), !path.hasSuffix(".sqlite") {
                throw FileError(path: path, reason: "not a SQLite database; name another file, or move it away")
            }
        } catch {
            // Opening it tells what is wrong.
            return nil
        }
        guard let name = DatabaseFile.setAside(path) else {
            throw FileError(path: path, reason: "is damaged, and cannot be moved away; remove it to begin anew")
        }
        return name
    }

    /// Keeps sights of executions; what is known already is not kept again.
    /// - Parameter isOwned: whether steps of a namespace are this replica's to write. Others wait a while:
    ///   who stands by writes only what nobody else did.
    /// - Returns: how many of them said something new.
    /// - Throws: `SQLiteError`; then none of them is kept.
    @discardableResult
    public func record(
        _ executions: [Execution], isOwned: (String) -> Bool = { _ in true }
    ) throws -> Int {
        guard !executions.isEmpty else { return 0 }
        let before = revision
        do {
            let changed = try connection.transaction {
                try executions.reduce(0) { try $0 + (record($1, isOwned($1.namespace)) ? 1 : 0) }
            }
            if changed > 0 { wake() }
            return changed
        } catch {
            revision = before
            recent = [:]
            throw error
        }
    }

    private func record(_ execution: Execution, _ isOwned: Bool) throws -> Bool {
        // What cannot be read any more is written anew.
        guard let old = try readable({ try known(execution.id) }) else {
            return try keep(Known(Record(execution)), over: nil, isOwned)
        }
        var record = old.record
        record.add(execution, isLive: isLive)
        return try keep(record == old.record ? old : Known(record), over: old, isOwned)
    }

    /// - Returns: whether it says something new.
    private func keep(_ new: Known, over old: Known?, _ isOwned: Bool) throws -> Bool {
        let merged = new.current
        if let old, new.saysTheSame(as: old) {
            if merged.endSeenIn != old.current.endSeenIn {
                try release(new, isOwned)
            } else if new.record != old.record, !isLive {
                try connection.run("UPDATE step SET facts = ? WHERE id = ?", blob(new), merged.id)
            }
            if new.record != old.record { remember(new) }
            return false
        }
        revision += 1
        try connection.run(
            """
            INSERT INTO step (id, namespace, revision, is_final, updated, held_until, facts)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, is_final = excluded.is_final,
            updated = excluded.updated, held_until = excluded.held_until, facts = excluded.facts, refused = NULL
            """,
            merged.id, merged.namespace, revision, merged.state.isFinal, now,
            isOwned || merged.isFragment ? heldUntil(merged) : untilStandby, blob(new))
        remember(new)
        return true
    }

    /// What the journal has of a step.
    private func known(_ id: String) throws -> Known? {
        if let known = recent[id] { return known }
        return try connection.first("SELECT facts FROM step WHERE id = ?", id) { $0.blob(0) }
            .map { Known(try FactsCoding.decode($0)) }
    }

    /// `nil` for facts that are damaged.
    private func readable(_ body: () throws -> Known?) throws -> Known? {
        do { return try body() } catch is FactsCoding.Damaged { return nil }
    }

    private func remember(_ known: Known) {
        if recent.count >= maximumRecent { recent = [:] }
        recent[known.record.id] = known
    }

    /// The end of a step was seen in another object, which adds nothing: it waits no longer.
    private func release(_ known: Known, _ isOwned: Bool) throws {
        try connection.run(
            "UPDATE step SET held_until = ?, facts = ? WHERE id = ?", isOwned ? 0 : untilStandby, blob(known),
            known.record.id)
        remember(known)
        wake()
    }

    private func blob(_ known: Known) -> SQLValue { .blob(FactsCoding.encode(known.record)) }

    /// Notes that objects were missing in a whole list.
    /// - Throws: `SQLiteError`.
    func note(
        gone: [(id: String, objects: Set<Execution.Origin>)], isOwned: (String) -> Bool = { _ in true }
    ) throws {
        guard !gone.isEmpty else { return }
        let objects = Dictionary(gone.map { ($0.id, $0.objects) }) { $0.union($1) }
        try change(gone.map(\.id), isOwned) { record in _ = record.note(gone: objects[record.id] ?? []) }
    }

    /// Changes records, all or none.
    private func change(_ ids: [String], _ isOwned: (String) -> Bool, _ body: (inout Record) -> Void) throws {
        let before = revision
        do {
            let changed = try connection.transaction {
                try ids.reduce(0) { count, id in
                    guard let old = try readable({ try known(id) }) else { return count }
                    var record = old.record
                    body(&record)
                    return count + (try keep(Known(record), over: old, isOwned(old.current.namespace)) ? 1 : 0)
                }
            }
            if changed > 0 { wake() }
        } catch {
            revision = before
            recent = [:]
            throw error
        }
    }

    private func heldUntil(_ execution: Execution) -> Int64 {
        if execution.isFragment { return .max }
        if awaitsPods, execution.isToldByItsWorkflow { return Self.untilPods }
        // They change with each of their steps: what comes together is written together.
        if execution.role == .run { return now + 2 * Int64(min(settle, .seconds(1)) / .milliseconds(1)) }
        guard execution.endSeenIn == ["Workflow"] else { return 0 }
        return now + Int64(settle / .milliseconds(1))
    }

    /// Holds steps that only their Workflow told of until ``podsAreListed()``.
    func awaitPods() { awaitsPods = true }

    /// Lets go of them.
    /// - Throws: `SQLiteError`.
    func podsAreListed(isOwned: (String) -> Bool = { _ in true }) throws {
        awaitsPods = false
        try connection.run("UPDATE step SET held_until = 0 WHERE held_until = ?", Self.untilPods)
        if awaitsDivision { try reassign(isOwned: isOwned) }
        awaitsDivision = false
        wake()
    }

    private var untilStandby: Int64 { now + Int64(standby / .milliseconds(1)) }

    /// Lets steps of namespaces that are this replica's now be written at once, and those of others wait.
    /// - Throws: `SQLiteError`.
    public func reassign(isOwned: (String) -> Bool) throws {
        if awaitsPods { awaitsDivision = true }
        let namespaces = try connection.rows("SELECT DISTINCT namespace FROM step WHERE acknowledged < revision") {
            $0.text(0)
        }
        try connection.transaction {
            for namespace in namespaces where !(awaitsPods && isOwned(namespace)) {
                try connection.run(
                    """
                    UPDATE step SET held_until = CASE WHEN held_until = 0 THEN ? ELSE min(held_until, ?) END
                    WHERE acknowledged < revision AND namespace = ? AND held_until < ?
                    """, isOwned(namespace) ? 0 : untilStandby, isOwned(namespace) ? 0 : untilStandby, namespace,
                    Int64.max)
            }
        }
        wake()
    }

    /// Milliseconds since 1970.
    private var now: Int64 { clock.milliseconds }

    /// The steps that wait, oldest first.
    /// - Parameter revision: only those that came after it.
    /// - Throws: `SQLiteError`.
    public func pending(limit: Int, after revision: Int64 = 0) throws -> [Pending] {
        let rows = try connection.rows(
            """
            SELECT revision, id, acknowledged FROM step WHERE acknowledged < revision AND held_until <= ? AND revision > ?
            ORDER BY revision LIMIT ?
            """, now, revision, limit
        ) { ($0.integer(0), $0.text(1), $0.integer(2)) }
        return try rows.compactMap { revision, id, acknowledged in
            do {
                return try known(id).map {
                    Pending(
                        record: $0.record, execution: $0.current, revision: revision, isUnwritten: acknowledged == 0)
                }
            } catch let error as FactsCoding.Damaged {
                // Set aside: it must not hold up the others for ever.
                try acknowledge([(id, revision, error.description)])
                return nil
            }
        }
    }

    /// The steps that have not ended, as last seen before a time.
    /// - Throws: `SQLiteError`.
    public func open(before time: Date) throws -> [Execution] {
        let rows = try connection.rows(
            "SELECT facts FROM step WHERE is_final = 0 AND held_until < ? AND updated < ?", Int64.max,
            Timestamp.milliseconds(time)
        ) { $0.blob(0) }
        return try rows.compactMap { bytes in try readable { Known(try FactsCoding.decode(bytes)) }?.current }
    }

    /// Whether the ends of all of these were seen.
    /// - Parameter written: whether the store has them too, or refused them.
    func haveEnded(_ ids: [String], written: Bool) throws -> Bool {
        try ids.allSatisfy { id in
            try connection.first(
                "SELECT 1 FROM step WHERE id = ? AND is_final = 1 AND (acknowledged >= revision OR NOT ?)", id, written
            ) { _ in true } == true
        }
    }

    /// Ends the revisions of something that serves which others have taken the place of.
    /// - Parameters:
    ///   - prefix: what the identities of all revisions begin with.
    ///   - live: the revisions that go on.
    ///   - age: how old the sight is that says so.
    /// - Throws: `SQLiteError`.
    func endRevisions(
        _ prefix: String, except live: [String], at end: Date?, age: Age, isOwned: (String) -> Bool
    ) throws {
        let open = try connection.rows(
            "SELECT id FROM step WHERE id >= ? AND id < ? AND is_final = 0", prefix, prefix + "\u{10FFFF}"
        ) { $0.text(0) }
        try change(open.filter { !live.contains($0) }, isOwned) { $0.supersede(at: age, time: end) }
    }

    /// How many steps wait.
    /// - Throws: `SQLiteError`.
    public func depth() throws -> Int { try backlog().depth }

    /// Whether the store has all that was seen, but for what adds to steps of which nobody has told.
    /// - Throws: `SQLiteError`.
    public func isSettled() throws -> Bool {
        try connection.first(
            "SELECT 1 FROM step WHERE acknowledged < revision AND held_until < \(Int64.max) LIMIT 1"
        ) { _ in true } == nil
    }

    /// How many steps are due, and for how long the oldest, in seconds. What another replica writes is not.
    /// - Throws: `SQLiteError`.
    public func backlog() throws -> (depth: Int, age: Double) {
        let found = try connection.first(
            "SELECT count(*), min(updated) FROM step WHERE acknowledged < revision AND held_until <= ?", now
        ) { (Int($0.integer(0)), $0.optionalInteger(1)) }
        guard let (depth, oldest) = found, let oldest else { return (0, 0) }
        return (depth, Double(max(0, now - oldest)) / 1000)
    }

    /// The store has these revisions, or refused them for a reason. A step that changed meanwhile
    /// waits on.
    /// - Throws: `SQLiteError`.
    public func acknowledge(_ steps: [(id: String, revision: Int64, refused: String?)]) throws {
        try acknowledge(steps, patches: [])
    }

    /// - Parameter patches: what is to be written back; a newer one of a pod takes the older's place.
    func acknowledge(
        _ steps: [(id: String, revision: Int64, refused: String?)], patches: [Patch]
    ) throws {
        guard !steps.isEmpty else { return }
        try connection.transaction {
            for patch in patches {
                try connection.run(
                    "INSERT OR REPLACE INTO patch (namespace, pod, body) VALUES (?, ?, ?)", patch.namespace, patch.pod,
                    patch.body)
            }
            for step in steps {
                try connection.run(
                    "UPDATE step SET acknowledged = ?, refused = ? WHERE id = ? AND acknowledged < ?",
                    step.revision, step.refused, step.id, step.revision)
            }
        }
        if !patches.isEmpty { wake() }
    }

    /// Lets others go first: the store failed at these steps.
    /// - Throws: `SQLiteError`.
    public func postpone(_ steps: [(id: String, revision: Int64)]) throws {
        try connection.transaction {
            for step in steps {
                revision += 1
                try connection.run(
                    "UPDATE step SET revision = ? WHERE id = ? AND revision = ?", revision, step.id, step.revision)
            }
        }
    }

    /// Drops steps that ended and were recorded longer ago than this.
    /// - Throws: `SQLiteError`.
    public func prune(olderThan age: Duration) throws {
        try connection.run(
            """
            DELETE FROM step WHERE updated < ?
            AND (is_final = 1 AND acknowledged >= revision OR held_until = \(Int64.max))
            """, now - Int64(age / .milliseconds(1)))
        try connection.run("DELETE FROM offloaded WHERE updated < ?", now - Int64(age / .milliseconds(1)))
        try pruneTold(before: now - Int64(age / .milliseconds(1)))
    }

    /// Waits until something is due for the store, or the task is cancelled.
    public func waitForPending() async {
        await waitUntilDue(
            "SELECT min(held_until) FROM step WHERE acknowledged < revision AND held_until < \(Int64.max)")
    }

    /// Waits until the time that a query finds, in milliseconds since 1970, or the task is cancelled.
    func waitUntilDue(_ sql: String) async {
        while !Task.isCancelled {
            let next = try? connection.first(sql) { $0.optionalInteger(0) }
            guard case .some(.some(let time)) = next else {
                await sleepUntilWoken()
                continue
            }
            if time <= now { return }
            // Others may come first, and wake us.
            await sleepUntilWoken(atMost: .milliseconds(time - now))
        }
    }

    func sleepUntilWoken(atMost duration: Duration? = nil) async {
        if Task.isCancelled { return }
        let timer = duration.map { duration in
            Task { if (try? await Task.sleep(for: duration)) != nil { wake() } }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume() } else { waiters.append(continuation) }
            }
        } onCancel: {
            Task { await self.wake() }
        }
        timer?.cancel()
    }

    func isThere<each Parameter: SQLBindable>(_ sql: String, _ parameters: repeat each Parameter) -> Bool {
        (try? connection.first(sql, repeat each parameters) { _ in true }) == true
    }

    func wake() {
        for waiter in waiters { waiter.resume() }
        waiters = []
    }
}

extension Execution {
    /// The namespace that it ran in.
    var namespace: String { mainOrigin?.namespace ?? "" }

    /// Whether no pod was seen of a workflow's step.
    fileprivate var isToldByItsWorkflow: Bool {
        role == .step && origins["Workflow"] != nil && origins["Pod"] == nil
    }

}

/// A record with what it comes to.
private struct Known {
    let record: Record
    let executions: [Execution]

    init(_ record: Record) {
        self.record = record
        executions = record.executions()
    }

    var current: Execution { executions[executions.count - 1] }

    /// Whether two differ in nothing that is recorded.
    func saysTheSame(as other: Known) -> Bool {
        // Who else tells of it is to be known to all who write it.
        record.seen.count == other.record.seen.count
            && executions.map(Self.comparable) == other.executions.map(Self.comparable)
    }

    private static func comparable(_ execution: Execution) -> Execution {
        var result = execution
        // The label with the id is our own doing, and the order of evidence says nothing.
        result.recordedID = nil
        result.authority = .pod
        result.evidence = []
        result.endSeenIn = []
        result.age = Age()
        return result
    }
}
