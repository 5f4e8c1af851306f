import FoundationEssentials
import Lineage
import SQLite

extension Journal {
    /// A Workflow whose nodes are elsewhere.
    struct Offloaded: Sendable {
        var uid: String
        var namespace: String
        var name: String
        /// What names the nodes' state.
        var version: String
        var hasEnded: Bool
        /// How often it was asked for in vain.
        var attempts: Int
    }

    static let offloadedTable = """
        CREATE TABLE IF NOT EXISTS offloaded (
            uid TEXT PRIMARY KEY,
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            has_ended INTEGER NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            due INTEGER,
            fetched INTEGER NOT NULL DEFAULT 0,
            updated INTEGER NOT NULL
        );
        CREATE INDEX IF NOT EXISTS offloaded_due ON offloaded (due) WHERE due IS NOT NULL;
        """

    /// Keeps that the nodes of a Workflow are to be fetched: at once when it has ended, else a while after the
    /// last time, as pods tell of running steps too.
    func want(_ workflow: Offloaded, every interval: Duration) throws {
        try connection.run(
            """
            INSERT INTO offloaded (uid, namespace, name, version, has_ended, due, updated) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (uid) DO UPDATE SET version = excluded.version, has_ended = excluded.has_ended, attempts = 0,
            due = CASE WHEN excluded.has_ended THEN excluded.due ELSE max(excluded.due, fetched + ?) END,
            updated = excluded.updated
            WHERE version != excluded.version OR has_ended != excluded.has_ended
            """, workflow.uid, workflow.namespace, workflow.name, workflow.version, workflow.hasEnded,
            clock.milliseconds,
            clock.milliseconds, Int64(interval / .milliseconds(1)))
        wake()
    }

    /// Those that are due, the longest waiting first.
    func offloaded(limit: Int) throws -> [Offloaded] {
        try connection.rows(
            """
            SELECT uid, namespace, name, version, has_ended, attempts FROM offloaded WHERE due <= ? ORDER BY due LIMIT ?
            """, clock.milliseconds, limit
        ) {
            Offloaded(
                uid: $0.text(0), namespace: $0.text(1), name: $0.text(2), version: $0.text(3),
                hasEnded: $0.integer(4) != 0, attempts: Int($0.integer(5)))
        }
    }

    /// These nodes were fetched, or will never be: they are asked for again when they change.
    func fetched(_ workflow: Offloaded) throws {
        try connection.run(
            "UPDATE offloaded SET fetched = ?, due = CASE WHEN version = ? AND has_ended = ? THEN NULL ELSE due END WHERE uid = ?",
            clock.milliseconds, workflow.version, workflow.hasEnded, workflow.uid)
    }

    /// It is tried again later.
    func postpone(_ workflow: Offloaded, by duration: Duration, isAttempt: Bool = true) throws {
        try connection.run(
            "UPDATE offloaded SET attempts = attempts + ?, due = ? WHERE uid = ?", isAttempt ? 1 : 0,
            clock.milliseconds + Int64(duration / .milliseconds(1)), workflow.uid)
    }

    /// Waits until nodes are due, or the task is cancelled.
    func waitForOffloaded() async {
        await waitUntilDue("SELECT min(due) FROM offloaded WHERE due IS NOT NULL")
    }
}
